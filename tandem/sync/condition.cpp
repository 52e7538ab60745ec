#include <tandem/sync/condition.hpp>

#include <tandem/base/errors.hpp>

#include <string>

namespace tandem::inline v1 {

void Condition::require_lock(const char* call, const SourceLocation& where) const {
    if (mutex_.locked()) return;
    throw InvalidStateError(std::string(call) + " of a Condition at " + where.file_name() + ":" +
                            std::to_string(where.line()) +
                            " without its lock: `auto guard = co_await mutex.lock();` first");
}

void Condition::notify(std::size_t count, SourceLocation where) {
    check_here(where);
    require_lock("notify()", where);
    for (; count > 0 && line_.front(); --count) notify_front();
}

void Condition::notify_all(SourceLocation where) {
    check_here(where);
    require_lock("notify_all()", where);
    while (line_.front()) notify_front();
}

void Condition::notify_front() noexcept {
    auto& wait = static_cast<ConditionWait&>(line_.take_front());
    wait.notified_ = true;
    wait.stand_in_line_for_the_lock();
}

bool ConditionWait::try_now() {
    condition_.enter(loop(), where());
    condition_.mutex_.enter(loop(), where());
    condition_.require_lock("wait()", where());
    return false;
}

void ConditionWait::start() noexcept {
    line()->join(*this);
    condition_.mutex_.pass_on();
}

void ConditionWait::stand_in_line_for_the_lock() noexcept {
    Mutex& mutex = condition_.mutex_;
    change_line(mutex.line_);
    mutex.line_.join(*this);
    if (!mutex.locked_) {
        mutex.locked_ = true;
        mutex.pass_on();
    }
}

bool ConditionWait::request_cancel() noexcept {
    // Not to be undone: it ends with the lock, whatever else (sem:S12).
    cancelled_ = true;
    if (notified_) {
        if (condition_.line_.front()) condition_.notify_front();
    } else {
        line()->remove(*this);
        notified_ = true;
        stand_in_line_for_the_lock();
    }
    return false;
}

void ConditionWait::result() {
    settle();
    if (!cancelled_) {
        if (!task().scope().cancelled()) return;
        if (notified_ && condition_.line_.front()) condition_.notify_front();
    }
    task().throw_cancelled();
}

std::uint64_t ConditionWait::held_by() const noexcept {
    return notified_ ? condition_.mutex_.holder_.task_id : 0;
}

}  // namespace tandem::inline v1
