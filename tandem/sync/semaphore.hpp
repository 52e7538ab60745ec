#pragma once

#include <tandem/sync/wait_line.hpp>

#include <cstddef>
#include <limits>
#include <utility>

namespace tandem::inline v1 {

class Semaphore;
template <class Result>
class SemaphoreWait;

/// Permits that are held; given back when it dies, on any thread.
class [[nodiscard("the permits are given back at once")]] SemaphorePermits {
public:
    SemaphorePermits(Semaphore& semaphore, std::size_t count) noexcept
        : semaphore_(&semaphore), count_(count) {}
    SemaphorePermits(SemaphorePermits&& other) noexcept
        : semaphore_(std::exchange(other.semaphore_, nullptr)), count_(other.count_) {}
    SemaphorePermits& operator=(SemaphorePermits&& other) noexcept {
        std::swap(semaphore_, other.semaphore_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~SemaphorePermits() { give_back(); }

    std::size_t count() const noexcept { return semaphore_ ? count_ : 0; }
    /// Gives them back early.
    void give_back() noexcept;

private:
    Semaphore* semaphore_;
    std::size_t count_;
};

/// At most `permits` at once: asyncio's Semaphore.
///
///     auto permit = co_await semaphore.hold();   // given back when `permit` dies
///     co_await semaphore.acquire();              // or by hand, with `release()`
///
/// First come, first served: who asks for many is not overtaken by those who ask for few.
///
/// Errors      on another loop: `WrongLoop`.
/// Cancelling  every wait is a checkpoint; permits that were given to a cancelled task go to the next.
/// Threads     the loop of its first wait, until that closes. `SemaphorePermits` may die on any thread.
/// Lifetime    must outlive the tasks that wait for it.
class Semaphore : public LoopBound {
public:
    struct Statistics {
        std::size_t value;
        std::size_t tasks_waiting;
    };

    explicit Semaphore(std::size_t permits) noexcept
        : Semaphore("Semaphore", permits, std::numeric_limits<std::size_t>::max()) {}

    [[nodiscard("co_await it")]] SemaphoreWait<SemaphorePermits> hold(std::size_t count = 1) noexcept;
    [[nodiscard("co_await it")]] SemaphoreWait<void> acquire(std::size_t count = 1) noexcept;
    /// Takes them if they are free and nobody waits.
    [[nodiscard]] bool try_acquire(std::size_t count = 1, SourceLocation where = SourceLocation::current());
    /// Gives back, or adds.
    void release(std::size_t count = 1, SourceLocation where = SourceLocation::current());
    /// `acquire()` would wait.
    bool locked() const noexcept { return value_ == 0 || line_.front(); }
    std::size_t value() const noexcept { return value_; }
    Statistics statistics() const noexcept { return {value_, line_.waiting()}; }

protected:
    Semaphore(const char* kind, std::size_t permits, std::size_t bound) noexcept
        : LoopBound(kind), bound_(bound), value_(permits), line_(*this) {}

private:
    friend class SemaphorePermits;
    template <class Result>
    friend class SemaphoreWait;
    bool take(std::size_t count) noexcept {
        if (line_.front() || value_ < count) return false;
        value_ -= count;
        return true;
    }
    void add(std::size_t count) noexcept;
    void serve() noexcept;
    void give_back(std::size_t count) noexcept;

    /// Errors: `std::invalid_argument` for more than there can ever be.
    void require_possible(std::size_t count, const SourceLocation& where) const {
        if (count > bound_) throw_never_free(count, where);
    }
    [[noreturn]] void throw_never_free(std::size_t count, const SourceLocation& where) const;
    [[noreturn]] void throw_over_released(std::size_t count, const SourceLocation& where) const;

    const std::size_t bound_;
    std::size_t value_;
    WaitLine line_;
};

/// A Semaphore that never has more permits than at first: a `release()` of more than were taken throws
/// `InvalidStateError`, and gives nothing back.
class BoundedSemaphore final : public Semaphore {
public:
    explicit BoundedSemaphore(std::size_t permits) noexcept
        : Semaphore("BoundedSemaphore", permits, permits) {}
};

// Implementation

class SemaphoreRequest : public LineWait {
public:
    std::size_t count() const noexcept { return count_; }
    const char* waiting_for() const noexcept override { return "semaphore"; }

protected:
    SemaphoreRequest(WaitLine& line, std::size_t count) noexcept : LineWait(line), count_(count) {}
    SemaphoreRequest(SemaphoreRequest&&) noexcept = default;
    ~SemaphoreRequest() = default;

private:
    std::size_t count_;
};

/// The await of permits.
template <class Result>
class SemaphoreWait final : public LineAwait<SemaphoreWait<Result>, SemaphoreRequest> {
    using Base = LineAwait<SemaphoreWait, SemaphoreRequest>;

public:
    SemaphoreWait(Semaphore& semaphore, std::size_t count) noexcept
        : Base(semaphore.line_, count), semaphore_(semaphore) {}

    bool try_now() {
        semaphore_.require_possible(this->count(), this->where());
        semaphore_.enter(this->loop(), this->where());
        return semaphore_.take(this->count());
    }
    Result result() {
        settle();
        return Result(semaphore_, this->count());
    }
    bool request_cancel() noexcept override {
        LineWait::request_cancel();
        semaphore_.serve();  // who stood behind a large request may fit
        return true;
    }

private:
    void settle() {
        this->settle_or([this] { semaphore_.add(this->count()); });
    }
    Semaphore& semaphore_;
};
template <>
inline void SemaphoreWait<void>::result() {
    settle();
}

inline SemaphoreWait<SemaphorePermits> Semaphore::hold(std::size_t count) noexcept {
    return SemaphoreWait<SemaphorePermits>(*this, count);
}
inline SemaphoreWait<void> Semaphore::acquire(std::size_t count) noexcept {
    return SemaphoreWait<void>(*this, count);
}

inline void Semaphore::serve() noexcept {
    while (LineWait* const wait = line_.front()) {
        const std::size_t count = static_cast<SemaphoreRequest*>(wait)->count();
        if (value_ < count) return;
        value_ -= count;
        line_.serve_front();
    }
}

inline void Semaphore::add(std::size_t count) noexcept {
    value_ += count;
    serve();
}

inline void Semaphore::release(std::size_t count, SourceLocation where) {
    check_here(where);
    if (count > bound_ - value_) throw_over_released(count, where);
    add(count);
}

inline bool Semaphore::try_acquire(std::size_t count, SourceLocation where) {
    check_here(where);
    return take(count);
}

inline void SemaphorePermits::give_back() noexcept {
    if (semaphore_) std::exchange(semaphore_, nullptr)->give_back(count_);
}

}  // namespace tandem::inline v1
