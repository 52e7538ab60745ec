#pragma once

#include <tandem/bridge/blocking_wait.hpp>
#include <tandem/bridge/caller.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/task.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// The value of a `std::future` in a coroutine: asyncio's `wrap_future`.
///
///     int answer = co_await wrap_future(library.ask(question));
///
/// A `std::future` tells nobody that it is ready: whoever wants to know must wait for it. Unless it is ready
/// already, a worker thread of the loop does so, one for each future that is waited for; it counts against no
/// limit. Code that can call something back does better with `make_completion()`.
///
/// Errors      what the future holds, the same object; `std::future_error` for one without a state.
/// Cancelling  the await ends at once. The thread waits on, for nobody can end that; the value is dropped.
/// Threads     a loop's; plain code has `tandem::get(future)`.
/// Lifetime    owns the future.
template <class T>
Task<T> wrap_future(std::future<T> future);
/// The same for one that others read too.
template <class T>
Task<T> wrap_future(std::shared_future<T> future);

/// `future.get()` that knows where it is (sem:B8): plain code and workers wait, a fiber suspends, a loop's
/// thread gets `WouldDeadlock`. One that is ready is taken everywhere.
///
/// A plain `future.get()` on a loop's thread cannot be caught: it stops that loop for as long as it takes.
/// Nor is this wait an edge of the wait-for graph: a `std::future` does not say who will make it ready. A
/// `Pending` does; keep one where a cycle is to be thought of.
///
/// Errors      `WouldDeadlock`; what the future holds; `std::future_error` for one without a state.
///             `Interrupted` after Ctrl-C where an `InterruptScope` is open.
/// Cancelling  in a fiber as `wrap_future`; a worker notices within 20 ms that the task which awaits its job
///             was cancelled. The future is left as it was. A plain thread cannot be called back.
/// Threads     any.
template <class T>
T get(std::future<T>& future, SourceLocation where = SourceLocation::current());
template <class T>
T get(std::future<T>&& future, SourceLocation where = SourceLocation::current()) {
    return get(future, where);
}
template <class T>
decltype(auto) get(const std::shared_future<T>& future, SourceLocation where = SourceLocation::current());

// Implementation

/// A deferred one is not: its work would run here.
template <class F>
bool std_future_ready(const F& future) {
    return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

/// Waits on a worker thread, past every limit: a thread that only waits keeps no work from its turn.
template <class F>
Task<void> wait_in_thread(std::shared_ptr<F> future) {
    JobPlacement placement;
    placement.takes_slot = false;
    placement.abandon = true;
    Task<void> end = start_worker_job(std::move(placement), [future] { future->wait(); });
    co_await std::move(end);
}

template <class T>
Task<T> wrap_future(std::future<T> future) {
    if (!std_future_ready(future)) {
        auto shared = std::make_shared<std::future<T>>(std::move(future));
        co_await wait_in_thread(shared);
        future = std::move(*shared);
    }
    co_return future.get();
}

template <class T>
Task<T> wrap_future(std::shared_future<T> future) {
    if (!std_future_ready(future)) {
        auto shared = std::make_shared<std::shared_future<T>>(future);
        co_await wait_in_thread(shared);
    }
    co_return future.get();
}

/// A thread that may have to leave its wait early looks up now and then: nobody can end a `std::future`'s.
class WaitThatLooksUp {
public:
    explicit WaitThatLooksUp(CallerKind kind) noexcept;
    /// False where nothing can end it early.
    bool looks_up() const noexcept { return job_ || interruptible_; }
    /// How long to wait until the next look, from 1 ms to 20. Errors: `Cancelled`, `Interrupted`.
    std::chrono::milliseconds pause();

private:
    WorkerJob* job_;
    bool interruptible_;
    std::chrono::milliseconds next_{1};
};

/// Returns once it is ready, or is a deferred one.
template <class F>
void wait_in_this_thread(const F& future, CallerKind kind) {
    WaitThatLooksUp wait(kind);
    while (wait.looks_up() && future.wait_for(wait.pause()) == std::future_status::timeout) {
    }
}

template <class T>
T get(std::future<T>& future, SourceLocation where) {
    if (!std_future_ready(future)) {
        const CallerKind kind = refuse_to_block({"get(std::future)", where});
        if (waits_on_its_stack(kind)) return wrap_future(std::move(future)).get(where);
        wait_in_this_thread(future, kind);
    }
    return future.get();
}

template <class T>
decltype(auto) get(const std::shared_future<T>& future, SourceLocation where) {
    if (!std_future_ready(future)) {
        const CallerKind kind = refuse_to_block({"get(std::shared_future)", where});
        if (waits_on_its_stack(kind)) {
            auto shared = std::make_shared<std::shared_future<T>>(future);
            wait_in_thread(std::move(shared)).get(where);
        } else {
            wait_in_this_thread(future, kind);
        }
    }
    return future.get();
}

}  // namespace tandem::inline v1
