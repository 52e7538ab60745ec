#pragma once

#include <tandem/sync/mutex.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>

namespace tandem::inline v1 {

class ConditionWait;

/// Waiting for a change of what a `Mutex` guards: asyncio's Condition.
///
///     auto guard = co_await mutex.lock();
///     co_await condition.wait([&] { return !jobs.empty(); });   // the lock is free meanwhile
///
/// Who is notified stands in line for the lock from that moment on.
///
/// Errors      without the lock held: `InvalidStateError`; on another loop: `WrongLoop`.
/// Cancelling  `wait()` takes the lock again before it throws, so it may take its time; a notification that a
///             cancelled task got goes to the next.
/// Threads     the loop of its first wait, until that closes.
/// Lifetime    borrows the mutex; both must outlive the tasks that wait. Destroyed before them it sends away
///             those not notified, with the lock: `InvalidStateError` (under `TANDEM_DEBUG` the process
///             ends).
class Condition : public LoopBound {
public:
    struct Statistics {
        std::size_t tasks_waiting;  ///< not notified
        Mutex::Statistics mutex;
    };

    explicit Condition(Mutex& mutex) noexcept : LoopBound("Condition"), mutex_(mutex), line_(*this) {}
    ~Condition();

    /// Unlocks, waits for a notification, locks again.
    [[nodiscard("co_await it")]] ConditionWait wait() noexcept;
    /// Waits until `holds()`, which is called with the lock held.
    template <class Predicate>
    Task<void> wait(Predicate holds);
    /// For the first `count` who wait.
    void notify(std::size_t count = 1, SourceLocation where = SourceLocation::current());
    void notify_all(SourceLocation where = SourceLocation::current());
    Mutex& mutex() const noexcept { return mutex_; }
    Statistics statistics() const noexcept { return {line_.waiting(), mutex_.statistics()}; }

private:
    friend class ConditionWait;
    void require_lock(const char* call, const SourceLocation& where) const;
    void notify_front() noexcept;

    Mutex& mutex_;
    WaitLine line_;
    ConditionWait* notified_ = nullptr;  // on their way to the lock, or with it and not resumed yet
};

// Implementation

/// First in the condition's line, then in the mutex's: it runs again with the lock.
class ConditionWait final : public LineAwait<ConditionWait> {
public:
    explicit ConditionWait(Condition& condition) noexcept
        : LineAwait(condition.line_), condition_(&condition), mutex_(condition.mutex_) {}

    bool try_now();
    void start() noexcept;
    void result();
    bool request_cancel() noexcept override;
    const char* waiting_for() const noexcept override { return notified_ ? "mutex" : "condition"; }
    std::uint64_t held_by() const noexcept override;

private:
    friend class Condition;
    void stand_in_line_for_the_lock() noexcept;
    void forget_condition() noexcept;

    Condition* condition_;  // null once it is gone, or done with
    Mutex& mutex_;
    ConditionWait* next_notified_ = nullptr;
    ConditionWait* previous_notified_ = nullptr;
    bool notified_ = false;
    bool cancelled_ = false;
    bool sent_away_ = false;
};

inline ConditionWait Condition::wait() noexcept { return ConditionWait(*this); }

template <class Predicate>
Task<void> Condition::wait(Predicate holds) {
    bool held = holds();
    while (!held) {
        co_await wait();
        held = holds();
    }
}

}  // namespace tandem::inline v1
