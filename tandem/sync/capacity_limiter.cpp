#include <tandem/sync/capacity_limiter.hpp>

#include <tandem/base/errors.hpp>

#include <algorithm>
#include <string>

namespace tandem::inline v1 {
namespace {

std::string place(const SourceLocation& where) {
    return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

}  // namespace

Borrower Borrower::current(const SourceLocation& where) {
    if (const TaskNode* const task = current_task_node()) return Borrower::task(task->id());
    throw InvalidStateError("a CapacityLimiter was asked at " + place(where) +
                            " outside any task: name the borrower with the _on_behalf_of calls");
}

bool CapacityLimiter::take(const Borrower& borrower, const SourceLocation& where) {
    if (std::find(borrowers_.begin(), borrowers_.end(), borrower) != borrowers_.end())
        throw InvalidStateError("a borrower asked a CapacityLimiter for a second place at " + place(where) +
                                ": it would wait for itself; use a Semaphore, or name other borrowers");
    if (line_.front() || available() == 0) return false;
    borrowers_.push_back(borrower);
    return true;
}

bool CapacityLimiter::give_back(const Borrower& borrower) noexcept {
    const auto found = std::find(borrowers_.begin(), borrowers_.end(), borrower);
    if (found == borrowers_.end()) return false;
    *found = borrowers_.back();
    borrowers_.pop_back();
    serve();
    return true;
}

void CapacityLimiter::serve() {
    while (LineWait* const wait = line_.front()) {
        if (available() == 0) return;
        borrowers_.push_back(static_cast<Request*>(wait)->borrower_);
        line_.serve_front();
    }
}

bool CapacityLimiter::try_acquire(SourceLocation where) {
    return try_acquire_on_behalf_of(Borrower::current(where), where);
}

bool CapacityLimiter::try_acquire_on_behalf_of(Borrower borrower, SourceLocation where) {
    check_here(where);
    return take(borrower, where);
}

void CapacityLimiter::release(SourceLocation where) { release_on_behalf_of(Borrower::current(where), where); }

void CapacityLimiter::release_on_behalf_of(Borrower borrower, SourceLocation where) {
    check_here(where);
    if (!give_back(borrower))
        throw InvalidStateError("release() of a CapacityLimiter at " + place(where) +
                                " by somebody who has borrowed nothing: the borrower itself gives back, or "
                                "release_on_behalf_of() names it");
}

void CapacityLimiter::set_total(std::size_t total, SourceLocation where) {
    check_here(where);
    total_ = total;
    serve();
}

bool CapacityLimiter::Request::try_now() {
    limiter_.enter(loop(), where());
    if (borrower_ == Borrower(nullptr)) borrower_ = Borrower::task(task().id());
    return limiter_.take(borrower_, where());
}

void CapacityLimiter::Request::settle_request() {
    settle_or([this] { limiter_.give_back(borrower_); });
}

void BorrowedPlace::give_back() noexcept {
    if (limiter_) std::exchange(limiter_, nullptr)->give_back(borrower_);
}

}  // namespace tandem::inline v1
