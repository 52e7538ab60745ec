#include <tandem/task/task_group.hpp>

#include <tandem/task/task_handle.hpp>

#include <typeinfo>

namespace tandem::inline v1 {
namespace {

TaskNode& require_task() {
    if (TaskNode* task = current_task_node()) return *task;
    throw InvalidStateError("a task group was made outside a task: it belongs to the task that joins it");
}

bool is_cancelled_error(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

ChildGroup::ChildGroup() : domain_(require_task().domain()) { attach(current_task_node()->scope()); }

ChildGroup::~ChildGroup() { detach(); }

void ChildGroup::cancel_children(const char* reason, const TaskNode* by) {
    request_cancel(std::make_shared<const CancelReason>(
        CancelReason{reason, by ? by->spawned_at() : SourceLocation(), by ? by->id() : 0}));
}

void ChildGroup::child_done(TaskNode& child) noexcept {
    child_ended(child);
    if (live() > 0) return;
    if (joining_)
        std::exchange(joining_, nullptr)->wake();
    else
        all_ended();
}

FailFastGroup::~FailFastGroup() {
    // Nobody joined: what failed is not to be lost (sem:W4).
    EventLoop* const loop = domain().loop_or_null();
    for (const auto& error : failures_) {
        if (loop)
            loop->call_exception_handler(
                {"a task failed in a group that was never joined", error, {}, {}, Severity::error});
    }
}

void FailFastGroup::add_failure(std::exception_ptr error) { failures_.push_back(std::move(error)); }

void FailFastGroup::child_ended(TaskNode& child) noexcept {
    const auto result = child.result();
    if (result == PromiseBase::Result::value) return;
    std::exception_ptr error = child.root().stored_error();
    if (result != PromiseBase::Result::error) {
        // Asked to stop by us or by whoever asked the group: no failure.
        if (cancelled() || !cancelled_child_fails()) return;
        error = std::make_exception_ptr(task_cancelled(child));
    }
    child.observe();
    if (child.root().fatal()) {
        if (!fatal_) fatal_ = std::move(error);
        cancel_children("a sibling left the loop", &child);
        return;
    }
    failures_.push_back(std::move(error));
    if (failures_.size() == 1) cancel_children("a sibling failed", &child);
}

TaskGroup::TaskGroup() : state_(std::make_unique<State>()) {}

TaskGroup::~TaskGroup() {
    if (!state_ || state_->live() == 0) return;
    // The children go on belonging to somebody: the enclosing task ends only when they have (sem:G41).
    leave_body();
    state_->orphaned = true;
    state_.release()->cancel_children("its group was left without a join");
}

void TaskGroup::require_open() const {
    if (!state_) throw InvalidStateError("this TaskGroup was joined: it takes no more tasks, make a new one");
}

void TaskGroup::enter_body() {
    state_->detach();
    state_->enter(*current_task_node());
}

void TaskGroup::leave_body() {
    if (state_->entered()) {
        TaskNode& task = *state_->task();
        state_->leave();
        state_->attach(task.scope());
    }
}

Task<void> TaskGroup::join() {
    require_open();
    co_await state_->join_children();
    conclude(nullptr);
}

void TaskGroup::cancel(std::string reason, SourceLocation where) {
    if (!state_) return;
    state_->request_cancel(make_reason(std::move(reason), where));
}

void TaskGroup::conclude(std::exception_ptr body) {
    const auto state = std::move(state_);
    const bool outer_cancelled = state->outer_cancelled();
    std::vector<std::exception_ptr> failures = state->take_failures();
    if (state->fatal()) std::rethrow_exception(state->fatal());
    // The body's Cancelled is not a failure: either the group asked for it, or somebody outside did.
    const bool body_cancelled = body && is_cancelled_error(body);
    if (body && !body_cancelled) failures.insert(failures.begin(), body);
    if (!failures.empty()) throw ExceptionGroup("task group failed", std::move(failures));
    if (body_cancelled && (outer_cancelled || !state->requested())) std::rethrow_exception(body);
    if (outer_cancelled) {
        TaskNode& task = *current_task_node();
        task.throw_cancelled();
    }
}

}  // namespace tandem::inline v1
