#include <tandem/task/cancel_scope.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/interrupt.hpp>
#include <tandem/task/task_handle.hpp>

#include <algorithm>

namespace tandem::inline v1 {
namespace {

TaskNode& require_task() {
    if (TaskNode* task = current_task_node()) return *task;
    throw InvalidStateError(
        "a cancel scope was entered outside a task: only a running task can be cancelled");
}

}  // namespace

ScopeGuard::ScopeGuard(Deadline deadline, Shield shield) : loop_(require_task().loop()) {
    set_shielded(shield == Shield::shielded && !shields_are_open());
    const TimePoint now = loop_.time();
    const TimePoint when = deadline.never() ? TimePoint::max() : deadline.resolve(now);
    deadline_ = TimePoint::max();
    entered_at_ = loop_.turn_time();
    if (!deadline.never() && when > now) set_timer(when);  // what may fail comes before the scope is entered
    enter(*current_task_node());
    if (when <= now) set_deadline(when);
}

ScopeGuard::~ScopeGuard() {
    loop_.timers().remove(*this);
    leave();
}

void ScopeGuard::set_deadline(TimePoint when) {
    if (when > loop_.time()) {
        set_timer(when);
        return;
    }
    loop_.timers().remove(*this);
    deadline_ = when;
    due();  // acts at the first checkpoint (sem:C44)
}

void ScopeGuard::set_timer(TimePoint when) {
    loop_.timers().remove(*this);
    deadline_ = when;
    if (when != TimePoint::max()) loop_.timers().add(*this, when);
}

void ScopeGuard::due() noexcept {
    // A request that came first, here or further out, is the reason, in the same turn too (sem:R8).
    if (cancelled()) return;
    expired_ = true;
    request_cancel(make_reason("deadline", SourceLocation()));
}

// The shield stands before the scope is entered: what was asked further out before does not come in.
CancelScope::Stay::Stay(State& state)
    : guard(Deadline(), state.shielded ? ScopeGuard::Shield::shielded : ScopeGuard::Shield::open),
      state_(state) {
    const std::lock_guard lock(state.mutex);
    if (state.entered)
        throw InvalidStateError("this CancelScope was entered already: make a new one for each run()");
    state.entered = true;
    state.life = guard.loop().life();
    state.guard = &guard;
    if (state.reason) guard.request_cancel(state.reason);
    if (!state.deadline.never()) guard.set_deadline(state.deadline.resolve(guard.loop().time()));
}

CancelScope::Stay::~Stay() {
    const std::lock_guard lock(state_.mutex);
    if (guard.requested() && !state_.reason) state_.reason = guard.reason();
    state_.over = true;
    state_.guard = nullptr;
}

bool CancelScope::cancel(std::string reason, SourceLocation where) {
    auto shared = make_reason(reason, where);
    std::shared_ptr<LoopLife> life;
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->over) return false;
        if (state_->reason) return true;
        state_->reason = shared;
        life = state_->life;
    }
    if (!life) return true;  // not entered yet: whoever enters finds it
    if (const EventLoop* here = this_loop_or_null(); here && here->life() == life) {
        state_->guard->request_cancel(std::move(shared));
        return true;
    }
    const std::lock_guard alive(life->mutex);
    if (!life->loop) return false;
    try {
        life->loop->call_soon_threadsafe([state = state_, shared] {
            if (state->guard) state->guard->request_cancel(shared);
        });
    } catch (const LoopClosed&) {
        return false;
    }
    return true;
}

SharedReason CancelScope::reason() const {
    const std::lock_guard lock(state_->mutex);
    if (state_->reason) return state_->reason;
    const bool here = state_->guard && &state_->guard->loop() == this_loop_or_null();
    return here && state_->guard->requested() ? state_->guard->reason() : nullptr;
}

TimePoint CancelScope::deadline() const {
    if (state_->guard) return state_->guard->deadline();
    // A duration has no end before it has a beginning.
    const auto here = state_->deadline.resolve(TimePoint());
    const auto later = state_->deadline.resolve(TimePoint() + Duration(1));
    return here == later ? here : TimePoint::max();
}

bool CancelScope::set_deadline(Deadline deadline) {
    state_->deadline = deadline;
    if (!state_->guard) return !state_->entered;
    if (state_->guard->expired()) return false;
    state_->guard->set_deadline(deadline.resolve(this_loop().time()));
    return true;
}

CancelScope& CancelScope::set_shielded(bool on) {
    state_->shielded = on;
    if (state_->guard) state_->guard->set_shielded(on);
    return *this;
}

SharedReason current_reason() noexcept {
    const TaskNode* task = current_task_node();
    return task && task->scope().cancelled() ? task->scope().reason() : nullptr;
}

TimePoint current_deadline() noexcept {
    const TaskNode* task = current_task_node();
    return task ? nearest_deadline(task->scope()) : TimePoint::max();
}

TimePoint nearest_deadline(const ScopeNode& from) noexcept {
    TimePoint nearest = TimePoint::max();
    for (const ScopeNode* scope = &from; scope; scope = scope->parent()) {
        // A ScopeGuard is the one kind of plain scope that can be entered.
        if (scope->kind() == ScopeNode::Kind::plain)
            nearest = std::min(nearest, static_cast<const ScopeGuard*>(scope)->deadline());
        if (scope->shielded()) break;
    }
    return nearest;
}

}  // namespace tandem::inline v1
