#include <tandem/task/cancel_scope.hpp>

#include <tandem/task/current_task.hpp>

namespace tandem::inline v1 {
namespace {

TaskNode& require_task() {
    if (TaskNode* task = current_task_node()) return *task;
    throw InvalidStateError(
        "a cancel scope was entered outside a task: only a running task can be cancelled");
}

}  // namespace

ScopeGuard::ScopeGuard(Deadline deadline, Shield shield) : loop_(require_task().loop()) {
    set_shielded(shield == Shield::shielded);
    enter(*current_task_node());
    deadline_ = TimePoint::max();
    if (!deadline.never()) set_deadline(deadline.resolve(loop_.time()));
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

void CancelScope::enter(State& state, ScopeGuard& guard) {
    if (state.entered)
        throw InvalidStateError("this CancelScope was entered already: make a new one for each run()");
    state.entered = true;
    state.guard = &guard;
    if (state.reason) guard.request_cancel(state.reason);
}

bool CancelScope::cancel(std::string reason, SourceLocation where) {
    if (state_->entered && !state_->guard) return false;
    if (cancel_requested()) return true;
    auto shared = make_reason(std::move(reason), where);
    if (state_->guard)
        state_->guard->request_cancel(std::move(shared));
    else
        state_->reason = std::move(shared);
    return true;
}

bool CancelScope::set_deadline(Deadline deadline) {
    state_->deadline = deadline;
    if (!state_->guard) return !state_->entered;
    if (state_->guard->expired()) return false;
    state_->guard->set_deadline(deadline.resolve(this_loop().time()));
    return true;
}

void throw_timeout(Deadline limit, const SourceLocation& born) {
    std::string text = "timeout";
    if (!limit.never()) {
        const auto now = this_loop().time();
        const auto span = std::chrono::duration<double>(limit.resolve(TimePoint()) - TimePoint());
        // A point in time reads as the distance to it only where it was given as a duration.
        if (limit.resolve(now) != limit.resolve(TimePoint()))
            text += " of " + std::to_string(span.count()) + " s";
    }
    text += std::string(": ") + born.function_name() + " (" + born.file_name() + ":" +
            std::to_string(born.line()) + ") was cancelled and has ended";
    throw TimeoutError(text);
}

void throw_body_and_cleanup(std::exception_ptr body, std::exception_ptr cleanup) {
    if (!body) std::rethrow_exception(cleanup);
    // The body's error stays the error and keeps its type; the cleanup's is told to the loop.
    this_loop().call_exception_handler(
        {"a cleanup failed after its body had failed", cleanup, {}, {}, Severity::error});
    std::rethrow_exception(body);
}

void throw_cleanup_timed_out(std::exception_ptr body) {
    this_loop().call_exception_handler(
        {"cleanup timed out: its grace was over and it was cancelled", nullptr, {}, {}, Severity::warning});
    if (body) std::rethrow_exception(body);
    throw TimeoutError("cleanup timed out: its grace was over and it was cancelled");
}

TimePoint current_deadline() noexcept {
    const TaskNode* task = current_task_node();
    if (!task) return TimePoint::max();
    TimePoint nearest = TimePoint::max();
    for (const ScopeNode* scope = &task->scope(); scope; scope = scope->parent()) {
        // A ScopeGuard is the one kind of plain scope that can be entered.
        if (scope->kind() == ScopeNode::Kind::plain)
            nearest = std::min(nearest, static_cast<const ScopeGuard*>(scope)->deadline());
        if (scope->shielded()) break;
    }
    return nearest;
}

}  // namespace tandem::inline v1
