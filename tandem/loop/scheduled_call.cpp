#include <tandem/base/errors.hpp>
#include <tandem/loop/callback_error.hpp>
#include <tandem/loop/scheduled_call_internal.hpp>

namespace tandem::inline v1 {
namespace {

constinit thread_local char this_poster = 0;  // its address names the thread

}  // namespace

void throw_null_callable() { throw std::invalid_argument("a null callable was given to an event loop"); }

void ScheduledCall::queue_at(EventLoop& loop, TimePoint when) {
    planned_ = when;
    timed_ = true;
    if (when != TimePoint::max()) loop.timers().add(*this, when);  // else it waits to be cancelled or dropped
    self_ = shared_from_this();
    loop.planned_calls_.push_back(*this);
}

bool ScheduledCall::queue_threadsafe(EventLoop& loop) {
    self_ = shared_from_this();
    poster_ = &this_poster;
    if (loop.try_post_threadsafe(*this)) return true;
    self_.reset();
    return false;
}

void ScheduledCall::due() noexcept {
    loop_->planned_calls_.remove(*this);
    loop_->post(*this);
}

void ScheduledCall::run() {
    const auto self = std::exchange(self_, nullptr);
    auto expected = State::waiting;
    if (!state_.compare_exchange_strong(expected, State::run, std::memory_order_acq_rel)) return;
    loop_->entry_begins(*this);
    try {
        const InContext inside(context_);
        callback_.call();
    } catch (...) {
        callback_threw(*loop_, [this] {
            return ErrorContext{"exception in a callback", nullptr,         {},
                                callback_.made_at,         Severity::error, entry_info().text};
        });
    }
    loop_->entry_over(*this);
    callback_.call.reset();
}

EntryKind ScheduledCall::kind() const noexcept {
    if (timed_) return EntryKind::timer;
    return poster_ ? EntryKind::post : EntryKind::callback;
}

EntryInfo ScheduledCall::entry_info() const {
    return describe_callback(kind(), timed_ ? "TimerHandle" : "Handle", callback_);
}

void ScheduledCall::discard() noexcept {
    const auto self = std::exchange(self_, nullptr);
    auto expected = State::waiting;
    state_.compare_exchange_strong(expected, State::cancelled, std::memory_order_acq_rel);
    callback_.call.reset();
}

void ScheduledCall::drop() noexcept {
    loop_->timers().remove(*this);
    loop_->planned_calls_.remove(*this);
    discard();
}

void ScheduledCall::cancel_here() {
    auto expected = State::waiting;
    if (!state_.compare_exchange_strong(expected, State::cancelled, std::memory_order_acq_rel)) return;
    callback_.call.reset();
    if (planned_link.linked) {
        loop_->timers().remove(*this);
        loop_->planned_calls_.remove(*this);
        self_.reset();  // the handle that asks still holds us
    }
}

void ScheduledCall::cancel() {
    if (state_.load(std::memory_order_acquire) != State::waiting) return;
    if (this_loop_or_null() == loop_ || !loop_->is_running()) {
        cancel_here();
        return;
    }
    try {
        loop_->call_soon_threadsafe([self = shared_from_this()] { self->cancel_here(); });
    } catch (const LoopClosed&) {  // then it never runs anyway
    }
}

void Handle::cancel() {
    if (call_) call_->cancel();
}
bool Handle::cancelled() const { return call_ && call_->cancelled(); }
TimePoint TimerHandle::when() const { return call_ ? call_->planned() : TimePoint{}; }

Handle EventLoop::schedule(LoopCallback callback) {
    require_open("schedule a callback");
    check_thread("call_soon");
    auto call = std::make_shared<ScheduledCall>(*this, std::move(callback));
    call->queue(*this);
    if (host_driven_ && !is_running()) [[unlikely]]
        be_pollable();
    return Handle(std::move(call));
}

TimerHandle EventLoop::schedule_at(TimePoint when, LoopCallback callback) {
    require_open("schedule a callback");
    check_thread("call_later");
    auto call = std::make_shared<ScheduledCall>(*this, std::move(callback));
    call->queue_at(*this, when);
    return TimerHandle(std::move(call));
}

void EventLoop::post_threadsafe(LoopCallback callback) {
    auto call = std::make_shared<ScheduledCall>(*this, std::move(callback));
    if (!call->queue_threadsafe(*this))
        throw LoopClosed(closed_reason(), "event loop is closed: call_soon_threadsafe() came too late");
}

}  // namespace tandem::inline v1
