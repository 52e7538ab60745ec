// What a loop does for those in other threads who wait for it.
#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>

#include <exception>
#include <string>
#include <system_error>

namespace tandem::inline v1 {

void EventLoop::leave_waiters(LoopClosedReason reason) noexcept {
    // A poster either sees this, or is seen by us.
    left_.store(true, std::memory_order_seq_cst);
    mailbox_.collect_all(ready_);
    ready_.for_each([reason](Runnable& entry) { entry.left_behind(reason); });
    while (OutsideCaller* const caller = outside_callers_.pop_front()) caller->loop_left(reason);
}

// Whoever waits from outside hears of it at once; tasks get the errors of their operations.
void EventLoop::tell_failure() {
    backend_fails_ = false;
    failed_ = true;
    closes_for(LoopClosedReason::failed);
    leave_with(std::make_exception_ptr(
        std::system_error(backend_->failure(), std::generic_category(),
                          std::string("the event loop made at ") + made_at_.file_name() + ":" +
                              std::to_string(made_at_.line()) + " is at its end, the kernel serves its " +
                              std::string(backend_->name()) + " no more; was its descriptor closed?")));
    leave_waiters(LoopClosedReason::failed);
}

// Whether there is something to do before it would be worth while to sleep.
bool EventLoop::look_for_mail(TimePoint deadline) noexcept {
    if (!spin_.pays() || backend_turns_time_) return false;
    if (deadline != TimePoint::max() && deadline - time_->now() < 2 * AdaptiveSpin::longest) return false;
    if (backend_->in_flight() == 0) return spin_.look_for([this] { return mailbox_.has_mail(); });
    // Descriptors must not wait for it: they are looked at every microsecond or so.
    int looks = 0;
    spin_.look_for([this, &looks] {
        if (mailbox_.has_mail()) return true;
        if (++looks % 32 != 0) return false;
        backend_->wait(TimePoint::min());
        return !arrivals_.empty();
    });
    return mailbox_.has_mail() || !arrivals_.empty();
}

}  // namespace tandem::inline v1
