#pragma once

#include <tandem/base/time.hpp>
#include <tandem/loop/event_loop.hpp>

#include <chrono>
#include <memory>

namespace tandem::inline v1 {

/// The loop that serves plain code: started on demand by the first `f().get()` or `f().start()`, on a thread
/// of its own, one per process. It keeps no process alive: at exit its tasks are cancelled and given two
/// seconds
/// (`TANDEM_EXIT_GRACE`, in seconds) to end.
///
/// Errors      `std::system_error` if its thread or its backend cannot be had; the next call tries again.
///             `LoopClosed` after `shutdown()`... until the next call starts another.
/// Threads     any.
EventLoop& background_loop();
/// The same, to be held across a `shutdown()` by somebody else: then it is closed, but there. For the
/// library.
std::shared_ptr<EventLoop> share_background_loop();

/// Cancels what the background loop runs, waits for it, and ends its thread. The next use starts a new one.
/// Idempotent. Errors: `WouldDeadlock` from the background loop's own thread; `TimeoutError` if tasks did not
/// end within `deadline`: the thread then goes on by itself.
void shutdown(Deadline deadline = std::chrono::seconds(5));

}  // namespace tandem::inline v1
