#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/signals_internal.hpp>

#include <chrono>
#include <string>
#include <thread>

// A loop that can never move again (sem:B36).

namespace tandem::inline v1 {

bool EventLoop::may_be_stuck() const noexcept {
    return quiescence_ != Quiescence::ignore && !quiescence_told_ && !looked_whether_stuck_ && tenant_ &&
           tenant_->live() > 0 && backend_->in_flight() == 0 && wakers_.empty() && !host_driven_ &&
           !(workers_ && workers_->busy()) && life_->kept_alive.load(std::memory_order_relaxed) == 0;
}

// In real time, whatever the loop's clock says: what may still come, comes from real threads.
void EventLoop::wait_while_stuck() noexcept {
    const auto until = saturating_add(real_time().now(), quiescent_after_);
    const auto still_stuck = [this] {
        return arrivals_.empty() && !mailbox_.has_mail() && !signals_arrived_.load(std::memory_order_relaxed);
    };
    if (backend_turns_time_) {
        backend_->wait(TimePoint::min());
        while (still_stuck() && backend_->in_flight() == 0 && real_time().now() < until)
            std::this_thread::sleep_for(std::chrono::microseconds(200));
    } else if (mailbox_.about_to_sleep()) {
        backend_->wait(until);
        mailbox_.awake();
    } else {
        backend_->wait(TimePoint::min());
    }
    if (!still_stuck() || real_time().now() < until) return;
    looked_whether_stuck_ = true;
    try {
        look_whether_stuck();
    } catch (...) {
        call_exception_handler(
            {"exception in a quiescence handler", std::current_exception(), {}, {}, Severity::error});
    }
}

void EventLoop::look_whether_stuck() {
    if (handles_signals(*this, disregarded_signal_)) return;
    const std::string tasks = tenant_->describe_if_stuck();
    if (tasks.empty()) return;
    quiescence_told_ = true;
    const std::string text =
        "this event loop can never move again by itself: " + std::to_string(tenant_->live()) +
        " task(s), no operation, no timer, no outside waker; complete what they wait for, cancel them, or, "
        "if a "
        "thread will do so, hold a loop.keep_alive() until then\n" +
        tasks;
    if (quiescence_ == Quiescence::raise)
        leave_with(std::make_exception_ptr(WouldDeadlock(text)));
    else if (quiescence_handler_)
        quiescence_handler_(*this, text);
    else
        call_exception_handler({text, nullptr, {}, {}, Severity::warning});
}

}  // namespace tandem::inline v1
