#pragma once

#include <tandem/sync/wait_line.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

/// Who has borrowed: the running task, or anything that has an address.
class Borrower {
public:
    /// The task that runs. Errors: `InvalidStateError` if none does.
    static Borrower current(const SourceLocation& where = SourceLocation::current());
    static Borrower task(std::uint64_t id) noexcept { return Borrower(nullptr, id); }
    explicit Borrower(const void* thing) noexcept : thing_(thing) {}
    bool operator==(const Borrower&) const = default;

private:
    Borrower(const void* thing, std::uint64_t task_id) noexcept : thing_(thing), task_id_(task_id) {}
    const void* thing_;
    std::uint64_t task_id_ = 0;
};

class CapacityLimiter;

/// A borrowed place; given back when it dies, on the limiter's loop.
class [[nodiscard("the place is given back at once")]] BorrowedPlace {
public:
    BorrowedPlace(CapacityLimiter& limiter, Borrower borrower) noexcept
        : limiter_(&limiter), borrower_(borrower) {}
    BorrowedPlace(BorrowedPlace&& other) noexcept
        : limiter_(std::exchange(other.limiter_, nullptr)), borrower_(other.borrower_) {}
    BorrowedPlace& operator=(BorrowedPlace&& other) noexcept {
        std::swap(limiter_, other.limiter_);
        std::swap(borrower_, other.borrower_);
        return *this;
    }
    ~BorrowedPlace() { give_back(); }
    void give_back() noexcept;

private:
    CapacityLimiter* limiter_;
    Borrower borrower_;
};

/// At most `total` borrowers at once, each known: Trio's CapacityLimiter.
///
///     auto place = co_await limiter.hold();   // given back when `place` dies
///     limiter.set_total(8);                   // any time; who has borrowed keeps it
///
/// Errors      borrowing twice, or giving back what somebody else borrowed: `InvalidStateError`; on another
///             loop: `WrongLoop`.
/// Cancelling  every wait is a checkpoint; a place that was given to a cancelled task goes to the next.
/// Threads     the loop of its first wait, until that closes.
/// Lifetime    must outlive the tasks that wait for it.
class CapacityLimiter final : public LoopBound {
public:
    struct Statistics {
        std::size_t total;
        std::size_t borrowed;
        std::size_t tasks_waiting;
        std::vector<Borrower> borrowers;
    };

    explicit CapacityLimiter(std::size_t total) : LoopBound("CapacityLimiter"), total_(total), line_(*this) {}

    template <class Result>
    class Borrow;
    [[nodiscard("co_await it")]] Borrow<BorrowedPlace> hold();
    /// For the task that calls; give it back with `release()`.
    [[nodiscard("co_await it")]] Borrow<void> acquire();
    [[nodiscard("co_await it")]] Borrow<void> acquire_on_behalf_of(Borrower borrower);
    [[nodiscard]] bool try_acquire(SourceLocation where = SourceLocation::current());
    [[nodiscard]] bool try_acquire_on_behalf_of(Borrower borrower,
                                                SourceLocation where = SourceLocation::current());
    void release(SourceLocation where = SourceLocation::current());
    void release_on_behalf_of(Borrower borrower, SourceLocation where = SourceLocation::current());

    std::size_t total() const noexcept { return total_; }
    /// May be less than is borrowed: then nobody gets a place until enough were given back.
    void set_total(std::size_t total, SourceLocation where = SourceLocation::current());
    std::size_t borrowed() const noexcept { return borrowers_.size(); }
    std::size_t available() const noexcept { return total_ > borrowed() ? total_ - borrowed() : 0; }
    Statistics statistics() const { return {total_, borrowed(), line_.waiting(), borrowers_}; }

private:
    friend class BorrowedPlace;
    class Request;
    bool take(const Borrower& borrower, const SourceLocation& where);
    bool give_back(const Borrower& borrower) noexcept;
    void serve();

    std::size_t total_;
    std::vector<Borrower> borrowers_;
    WaitLine line_;
};

// Implementation

class CapacityLimiter::Request : public LineWait {
protected:
    Request(CapacityLimiter& limiter, Borrower borrower) noexcept
        : LineWait(limiter.line_), limiter_(limiter), borrower_(borrower) {}
    Request(Request&&) noexcept = default;
    ~Request() = default;

public:
    bool try_now();
    const char* waiting_for() const noexcept override { return "capacity limiter"; }

protected:
    void settle_request();
    CapacityLimiter& limiter_;
    Borrower borrower_;  // the default one stands for the waiting task itself

private:
    friend class CapacityLimiter;
};

template <class Result>
class CapacityLimiter::Borrow final : public LineAwait<Borrow<Result>, Request> {
    using Base = LineAwait<Borrow, Request>;

public:
    Borrow(CapacityLimiter& limiter, Borrower borrower) noexcept : Base(limiter, borrower) {}

    Result result() {
        this->settle_request();
        if constexpr (!std::is_void_v<Result>) return Result(this->limiter_, this->borrower_);
    }
};

inline CapacityLimiter::Borrow<BorrowedPlace> CapacityLimiter::hold() {
    return Borrow<BorrowedPlace>(*this, Borrower(nullptr));
}
inline CapacityLimiter::Borrow<void> CapacityLimiter::acquire() {
    return Borrow<void>(*this, Borrower(nullptr));
}
inline CapacityLimiter::Borrow<void> CapacityLimiter::acquire_on_behalf_of(Borrower borrower) {
    return Borrow<void>(*this, borrower);
}

}  // namespace tandem::inline v1
