#pragma once

#include <tandem/sync/wait_line.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace tandem::inline v1 {

class Mutex;
template <class Result>
class MutexWait;

/// A held lock; unlocks when it dies, on any thread.
class [[nodiscard("the lock is given back at once")]] MutexGuard {
public:
    explicit MutexGuard(Mutex& mutex) noexcept : mutex_(&mutex) {}
    MutexGuard(MutexGuard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    MutexGuard& operator=(MutexGuard&& other) noexcept {
        std::swap(mutex_, other.mutex_);
        return *this;
    }
    ~MutexGuard() {
        if (mutex_) give_back();
    }

    /// Gives it back early.
    void unlock() noexcept {
        if (mutex_) give_back();
    }
    bool owns_lock() const noexcept { return mutex_ != nullptr; }
    /// Leaves it locked: whoever calls `Mutex::unlock()` gives it back.
    void release() noexcept { mutex_ = nullptr; }

private:
    void give_back() noexcept;
    Mutex* mutex_;
};

/// One task at a time: asyncio's Lock.
///
///     auto guard = co_await mutex.lock();   // given back when `guard` dies
///     co_await mutex.acquire();             // or by hand, with `unlock()`, which any task or callback may
///     call
///
/// First come, first served: a waiter that got the lock has it, also before it runs. Not recursive: a task
/// that locks twice waits for itself.
///
/// Errors      unlocking what is not locked: `InvalidStateError`; on another loop: `WrongLoop`.
/// Cancelling  every wait is a checkpoint; a lock that was given to a cancelled task goes to the next.
/// Threads     the loop of its first wait, until that closes. A guard may die on any thread.
/// Lifetime    must outlive the tasks that wait for it.
class Mutex : public LoopBound {
public:
    /// Who locked it last, and where, for the inspector: locks belong to nobody (sem:S25).
    struct Holder {
        std::uint64_t task_id;  ///< 0: not a task
        SourceLocation place;
    };
    struct Statistics {
        bool locked;
        std::optional<Holder> holder;
        std::size_t tasks_waiting;
    };

    Mutex() noexcept : LoopBound("Mutex"), line_(*this) {}

    /// Waits for the lock and gives its guard.
    [[nodiscard("co_await it")]] MutexWait<MutexGuard> lock() noexcept;
    /// The same without a guard.
    [[nodiscard("co_await it")]] MutexWait<void> acquire() noexcept;
    /// Takes it if it is free. Never overtakes a waiter.
    [[nodiscard]] bool try_lock(SourceLocation where = SourceLocation::current());
    /// Gives it to the first waiter, or frees it.
    void unlock(SourceLocation where = SourceLocation::current());
    bool locked() const noexcept { return locked_; }
    std::optional<Holder> holder() const noexcept { return locked_ ? std::optional(holder_) : std::nullopt; }
    Statistics statistics() const noexcept { return {locked_, holder(), line_.waiting()}; }

private:
    friend class MutexGuard;
    friend class ConditionWait;
    template <class Result>
    friend class MutexWait;
    bool take(TaskNode& task, const SourceLocation& where);
    /// Of a locked one: to the first waiter, or free.
    void pass_on() noexcept;
    void give_back() noexcept;

    bool locked_ = false;
    Holder holder_{0, {}};
    WaitLine line_;
};

// Implementation

/// The await of a lock.
template <class Result>
class MutexWait final : public LineAwait<MutexWait<Result>> {
public:
    explicit MutexWait(Mutex& mutex) noexcept : LineAwait<MutexWait>(mutex.line_), mutex_(mutex) {}

    bool try_now() { return mutex_.take(this->task(), this->where()); }
    Result result() {
        this->settle_or([this] { mutex_.pass_on(); });
        return Result(mutex_);
    }
    const char* waiting_for() const noexcept override { return "mutex"; }
    std::uint64_t held_by() const noexcept override { return mutex_.holder_.task_id; }

private:
    Mutex& mutex_;
};
template <>
inline void MutexWait<void>::result() {
    settle_or([this] { mutex_.pass_on(); });
}

inline MutexWait<MutexGuard> Mutex::lock() noexcept { return MutexWait<MutexGuard>(*this); }
inline MutexWait<void> Mutex::acquire() noexcept { return MutexWait<void>(*this); }
inline void MutexGuard::give_back() noexcept { std::exchange(mutex_, nullptr)->give_back(); }

inline bool Mutex::take(TaskNode& task, const SourceLocation& where) {
    enter(task.loop(), where);
    if (locked_) return false;
    locked_ = true;
    holder_ = {task.id(), where};
    return true;
}

inline void Mutex::pass_on() noexcept {
    if (const LineWait* next = line_.front()) {
        holder_ = {next->waiter().id(), next->where()};
        line_.serve_front();
    } else {
        locked_ = false;
    }
}

}  // namespace tandem::inline v1
