#pragma once

#include <functional>

namespace tandem::inline v1 {

class EventLoop;

/// Calls `fn` on the loop's thread whenever `signal` arrives, as a normal entry of the loop. One registration
/// per signal and process: a second one replaces the first, also on another loop.
///
/// Errors      `std::invalid_argument` for SIGKILL, SIGSTOP and fault signals; `std::system_error`.
/// Threads     any.
/// Lifetime    until removed or the loop closes; then the previous disposition is back.
void add_signal_handler(EventLoop& loop, int signal, std::function<void()> fn);
/// The same if nobody else handles the signal, or `may_replace(handler)` says of who does that this is right.
/// Whether it did. For the library: `run()` does it each time.
bool add_signal_handler_over(EventLoop& loop, int signal, std::function<void()> fn,
                             bool (*may_replace)(void (*handler)(int)));
/// Whether one was there. The previous disposition is restored unless somebody else replaced ours.
bool remove_signal_handler(int signal);

}  // namespace tandem::inline v1
