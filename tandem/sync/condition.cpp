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
    static_cast<ConditionWait&>(line_.take_front()).stand_in_line_for_the_lock();
}

Condition::~Condition() {
    if (!notified_ && !line_.front()) return;
    if (!home_is_open()) return;
    // Under debug the line's own destructor ends the process. Else nobody may leave a wait without the lock,
    // which its guard will give back.
    while (line_.front() && !line_.front()->waiter().loop().debug()) {
        auto& wait = static_cast<ConditionWait&>(line_.take_front());
        wait.sent_away_ = true;
        wait.stand_in_line_for_the_lock();
    }
    while (notified_) notified_->forget_condition();
}

bool ConditionWait::try_now() {
    condition_->enter(loop(), where());
    mutex_.enter(loop(), where());
    condition_->require_lock("wait()", where());
    return false;
}

void ConditionWait::start() noexcept {
    line()->join(*this);
    mutex_.pass_on();
}

void ConditionWait::stand_in_line_for_the_lock() noexcept {
    notified_ = true;
    next_notified_ = condition_->notified_;
    if (next_notified_) next_notified_->previous_notified_ = this;
    condition_->notified_ = this;

    change_line(mutex_.line_);
    mutex_.line_.join(*this);
    if (!mutex_.locked_) {
        mutex_.locked_ = true;
        mutex_.pass_on();
    }
}

void ConditionWait::forget_condition() noexcept {
    if (!condition_ || !notified_) return;
    (previous_notified_ ? previous_notified_->next_notified_ : condition_->notified_) = next_notified_;
    if (next_notified_) next_notified_->previous_notified_ = previous_notified_;
    condition_ = nullptr;
}

bool ConditionWait::request_cancel() noexcept {
    // Not to be undone: it ends with the lock, whatever else (sem:S12).
    cancelled_ = true;
    if (notified_) {
        if (condition_ && condition_->line_.front()) condition_->notify_front();
    } else {
        line()->remove(*this);
        stand_in_line_for_the_lock();
    }
    return false;
}

void ConditionWait::result() {
    Condition* const condition = notified_ ? condition_ : nullptr;
    forget_condition();
    settle();  // throws if there is no mutex any more
    if (!cancelled_ && task().scope().cancelled()) {
        cancelled_ = true;
        if (condition && condition->line_.front()) condition->notify_front();
    }
    if (cancelled_) task().throw_cancelled();
    if (sent_away_) throw_destroyed("condition");
}

std::uint64_t ConditionWait::held_by() const noexcept { return notified_ ? mutex_.holder_.task_id : 0; }

}  // namespace tandem::inline v1
