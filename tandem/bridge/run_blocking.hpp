#pragma once

#include <tandem/bridge/run.hpp>

#include <utility>

namespace tandem::inline v1 {

/// Runs `task` on this thread and nowhere else, as a blocking client would: what is ready is done on the
/// spot, else the thread sleeps in the kernel until it is. No other thread is woken and none is made. For
/// plain code that calls often and wants no background loop.
///
///     for (const auto& url : urls) run_blocking(show(url));
///
/// The thread keeps what that needs, an `EventLoop`, from its first call to its end: what one call made, a
/// connection kept alive say, the next may use, and a task that one leaves behind goes on when another is
/// made.
///
/// Errors      as `run()`.
/// Cancelling  Ctrl-C, as in `run()`.
/// Threads     any that runs no loop; each has its own.
/// Lifetime    the thread's end cancels and joins what is left.
template <class T>
T run_blocking(Task<T> task, SourceLocation where = SourceLocation::current());

// Implementation

/// The runs of this thread.
Runner& blocking_runs_of_this_thread();

template <class T>
T run_blocking(Task<T> task, SourceLocation where) {
    return blocking_runs_of_this_thread().run(std::move(task), where);
}

}  // namespace tandem::inline v1
