#pragma once

#include <tandem/base/held_state.hpp>
#include <tandem/base/time.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

/// One piece of work for a pool. For the library; users have `to_thread` and `run_in_executor`.
class PoolJob {
public:
    PoolJob() = default;
    PoolJob(const PoolJob&) = delete;
    PoolJob& operator=(const PoolJob&) = delete;
    virtual ~PoolJob() = default;
    /// On a thread of the pool, once. Throws nothing but the forced unwinding of a thread that ends.
    virtual void run() = 0;
    /// The pool ended before its turn came; in the thread that ended it.
    virtual void dropped() noexcept = 0;
};

/// Jobs that share one run on one thread, in the order in which they were given (sem:G37). The thread ends a
/// while after the last copy of the strand is gone.
class Strand {
public:
    Strand();
    const std::string& key() const { return *key_; }
    std::weak_ptr<const void> life() const { return key_; }

private:
    std::shared_ptr<const std::string> key_;
};

/// How a pool is made.
class WorkerPoolOptions {
public:
    WorkerPoolOptions() {}
    WorkerPoolOptions& max_threads(std::size_t n) { return max_threads_ = n, *this; }
    /// Its threads are called `<name>-<n>`.
    WorkerPoolOptions& name(std::string text) { return name_ = std::move(text), *this; }
    /// A thread without work for this long ends.
    WorkerPoolOptions& idle_time(Duration time) { return idle_time_ = time, *this; }
    /// Of each thread; the system's default if 0.
    WorkerPoolOptions& stack_bytes(std::size_t bytes) { return stack_bytes_ = bytes, *this; }

private:
    friend class WorkerPool;
    std::size_t max_threads_ = 1024;
    std::string name_ = "worker";
    Duration idle_time_ = std::chrono::seconds(10);
    std::size_t stack_bytes_ = 0;
};

/// Threads for blocking calls: Python's `ThreadPoolExecutor`. Started on demand, all signals blocked; one
/// without work ends after ten seconds.
///
///     WorkerPool three(3);
///     int n = co_await run_in_executor(three, count_words, path);
///
/// Errors      `std::system_error` (EAGAIN) at the await of the job that would have needed a first thread.
/// Cancelling  a queued job is taken back, one that runs is not stopped by the pool.
/// Threads     any. After `fork()` it is of no use to the child: `LoopClosed`.
/// Lifetime    copies name the same pool; the last one's end drops queued jobs and waits for those that run.
class WorkerPool {
public:
    explicit WorkerPool(const WorkerPoolOptions& options = {});
    explicit WorkerPool(std::size_t max_threads) : WorkerPool(WorkerPoolOptions().max_threads(max_threads)) {}

    /// How many there are now, idle or not.
    std::size_t threads() const;
    std::size_t queued() const;
    /// No more jobs; drops the queued ones and waits at most `limit` for those that run, which are then left
    /// to themselves. Whether all threads have ended. Idempotent.
    bool shut_down(Duration limit = Duration::max());

    // For the library.

    /// Errors: `std::system_error` if there is no thread and none can be started, `LoopClosed` after
    /// `shut_down()`.
    void submit(std::shared_ptr<PoolJob> job, const std::string& key,
                const std::weak_ptr<const void>& key_life);
    /// What the threads run that would have to take `job`, if it is queued and none of them is free.
    std::vector<std::shared_ptr<PoolJob>> ahead_of(const PoolJob& job) const;
    /// False if it runs already or has.
    bool take_back(const PoolJob& job) noexcept;

private:
    struct State;
    class Owner;
    HeldState<Owner, "WorkerPool"> owner_;
};

/// The name of the pool thread that asks, empty on any other thread.
std::string worker_name();

}  // namespace tandem::inline v1
