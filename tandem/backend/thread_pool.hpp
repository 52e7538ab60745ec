#pragma once

#include <tandem/backend/operation.hpp>

#include <cstddef>
#include <memory>

namespace tandem::inline v1 {

class Wakeable;

/// The threads that stand in for calls the kernel has no async form of: jobs on every backend, file I/O on
/// epoll. Threads are started on demand, block all signals, and end with the pool.
///
/// Errors      travel in results: -EAGAIN if not even one thread could be started.
/// Cancelling  takes effect while an operation is queued; one that runs runs to its end.
/// Threads     the loop's; the wake signal is raised from pool threads.
/// Lifetime    borrows the wake signal. The destructor cancels what is queued and waits for what runs: call
///             `shut_down()` and `take_finished()` before it.
class ThreadPool {
public:
    ThreadPool(Wakeable& wake, std::size_t max_threads);
    ~ThreadPool();

    /// As many as asyncio's default executor has.
    static std::size_t default_max_threads();

    /// 0, or a negative errno if the operation was not taken.
    std::int32_t submit(Operation& operation) noexcept;
    void cancel(Operation& operation) noexcept;
    /// The oldest operation that ended, its outcome in `backend_result`; nothing if there is none.
    Operation* take_finished() noexcept;
    /// Cancels what is queued, waits for what runs, joins the threads.
    void shut_down() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::inline v1
