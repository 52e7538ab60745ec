#pragma once

#include <tandem/base/time.hpp>
#include <tandem/loop/event_loop.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string_view>

namespace tandem::inline v1 {

/// The loop that serves plain code: started on demand by the first `f().get()` or `f().start()`, on a thread
/// of its own, one for the whole process.
///
/// Where `set_background_loops(n)` asked for several, a thread is given the one with fewest live tasks at its
/// first call and keeps it, so that what one call made the next may use; a task stays where it was put.
///
/// It keeps no process alive: at exit its tasks are cancelled and given two seconds (`TANDEM_EXIT_GRACE`, in
/// seconds) to end; then the thread is parked, and whoever still waits gets `LoopClosed`.
///
/// Errors      `std::system_error` if its thread or its backend cannot be had; the next call tries again.
///             `LoopClosed` while `shutdown()` is under way, and once the process exits.
/// Cancelling  `shutdown()` cancels what it runs.
/// Threads     any; starting it waits for nothing, so also a loop's own. A forked child starts its own.
/// Lifetime    until `shutdown()`; the next use starts another.
EventLoop& background_loop();
/// A background loop of its own with that name, apart from the others and from their number.
EventLoop& background_loop(std::string_view name);

/// How many background loops there are to be, 1 unless said. Errors: `InvalidStateError` once the first was
/// started, until `shutdown()`; `std::invalid_argument` for none.
void set_background_loops(std::size_t count);

/// Cancels what the background loops run, waits for it, and ends their threads. Meanwhile they take nothing
/// new; the next use starts anew. Idempotent.
///
/// Errors      `WouldDeadlock` from a background loop's own thread; `TimeoutError` if tasks did not end
/// within
///             `deadline`: they are left behind, and a thread that is stuck goes on by itself.
void shutdown(Deadline deadline = std::chrono::seconds(5));
/// The same for the one of that name. Whether there was one.
bool stop_background_loop(std::string_view name, Deadline deadline = std::chrono::seconds(5));

/// The same loops, to be held across a `shutdown()` by somebody else: then closed, but there. For the
/// library.
std::shared_ptr<EventLoop> share_background_loop();
std::shared_ptr<EventLoop> share_background_loop(std::string_view name);

}  // namespace tandem::inline v1
