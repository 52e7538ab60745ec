#include <tandem/task/task_group.hpp>

#include <tandem/task/current_task.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/task_handle.hpp>

#include <exception>

namespace tandem::inline v1 {
namespace {

TaskNode& require_task() {
    if (TaskNode* task = current_task_node()) return *task;
    throw InvalidStateError("a task group was made outside a task: it belongs to the task that joins it");
}

// Where an exception goes past the join that is for the curious, else it was forgotten.
void report_unjoined(std::size_t children) noexcept {
    try {
        this_loop().call_exception_handler(
            {"a TaskGroup was destroyed" + calling_place() + " with " + std::to_string(children) +
                 " children and without a join: they are cancelled, and end before its task does. "
                 "`co_await group.join()` first, or use with_task_group()",
             nullptr,
             current_task_node()->name(),
             {},
             std::uncaught_exceptions() > 0 ? Severity::info : Severity::warning});
    } catch (const std::exception&) {  // a report less
    }
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

void ChildGroup::Join::show_joined(JoinedVisitor& visitor) const {
    if (!group_.needs_all()) return;
    for (const ScopeNode* child = group_.first_child(); child; child = child->next_sibling()) {
        if (child->kind() == ScopeNode::Kind::task && !visitor.joined(static_cast<const TaskNode&>(*child)))
            return;
    }
}

void ChildGroup::cancel_children(const char* reason, const TaskNode* by) {
    request_cancel(make_reason(reason, by ? by->spawned_at() : SourceLocation(), by ? by->id() : 0));
}

void ChildGroup::child_done(TaskNode& child) noexcept {
    child_ended(child);
    look_whether_idle();
}

void ChildGroup::expected_came_or_failed() noexcept {
    --expected_;
    look_whether_idle();
}

void ChildGroup::look_whether_idle() noexcept {
    if (!idle()) return;
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

void FailFastGroup::make_room() {
    // One more for a child that cannot be started, which is a failure as well.
    reserve_ahead(failures_, failures_.size() + live() + 2);
}

void FailFastGroup::child_ended(TaskNode& child) noexcept {
    const auto result = child.result();
    if (result == PromiseBase::Result::value) return;
    std::exception_ptr error = child.root().stored_error();
    if (result != PromiseBase::Result::error) {
        // Asked to stop by us or by whoever asked the group: no failure.
        if (cancelled() || !cancelled_child_fails()) return;
        try {
            error = std::make_exception_ptr(task_cancelled(child));
        } catch (const std::bad_alloc&) {
            error = std::current_exception();
        }
    }
    child.observe();
    if (child.root().fatal()) {
        if (!fatal_) fatal_ = std::move(error);
        abort("a sibling left the loop", child);
        return;
    }
    failures_.push_back(std::move(error));
    if (failures_.size() == 1) abort("a sibling failed", child);
}

void FailFastGroup::abort(const char* reason, const TaskNode& by) noexcept {
    ScopeNode& asked = body_ ? *body_ : *this;
    asked.request_cancel(make_reason(reason, by.spawned_at(), by.id()));
}

TaskGroup::TaskGroup() : TaskGroup(Form::open) {}

TaskGroup::TaskGroup(Form form) : state_(std::make_unique<State>()) {
    state_->detach();
    TaskNode& task = *current_task_node();
    if (form == Form::with_body) {
        state_->enter(task);
        return;
    }
    body_.enter(task);
    state_->attach(body_);
    state_->set_body(&body_);
}

TaskGroup::~TaskGroup() {
    if (!state_) return;
    state_->set_body(nullptr);
    const bool failed = state_->failed() && body_.requested();
    const SharedReason why = failed ? body_.reason() : nullptr;
    TaskNode* const maker = body_.task();
    leave_body();
    // An exception goes past the join: if it is the Cancelled for a child's failure, that failure goes on.
    if (failed && maker && maker == current_task_node() && std::uncaught_exceptions() > 0)
        maker->leave_error(
            why, std::make_exception_ptr(ExceptionGroup("task group failed", state_->take_failures())));
    if (state_->idle()) return;
    const EventLoop* const loop = this_loop_or_null();
    if (loop && loop->debug() && current_task_node()) report_unjoined(state_->live());
    // The children go on belonging to somebody: the enclosing task ends only when they have (sem:G41).
    state_->orphaned = true;
    state_.release()->cancel_children("its group was left without a join");
}

void TaskGroup::require_open() const {
    if (!state_)
        throw InvalidStateError("a TaskGroup was used" + calling_place() +
                                " after it was joined: it takes no more tasks, make a new one");
}

void TaskGroup::leave_body() {
    if (body_.entered()) {
        TaskNode& task = *body_.task();
        ScopeNode& outer = *body_.parent();
        body_.leave();
        state_->detach();
        state_->attach(&task == current_task_node() ? task.scope() : outer);
    } else if (state_->entered()) {
        TaskNode& task = *state_->task();
        state_->leave();
        state_->attach(task.scope());
    }
}

void TaskGroup::on_exit(Task<void> cleanup) {
    require_open();
    exits_.push_back(std::move(cleanup));
}

Task<void> TaskGroup::run_exits() {
    while (!exits_.empty()) {
        Task<void> cleanup = std::move(exits_.back());
        exits_.pop_back();
        const std::exception_ptr error = co_await run_cleanup(std::move(cleanup), std::nullopt);
        if (error) state_->add_failure(error);
    }
}

Task<void> TaskGroup::join() {
    require_open();
    co_await state_->join_children();
    co_await run_exits();
    leave_body();
    conclude(nullptr);
}

void TaskGroup::cancel(std::string reason, SourceLocation where) {
    if (!state_) return;
    state_->request_cancel(make_reason(reason, where));
}

void TaskGroup::conclude(std::exception_ptr body) {
    const auto state = std::move(state_);
    const bool outer_cancelled = current_task_node()->scope().cancelled();
    std::vector<std::exception_ptr> failures = state->take_failures();
    if (state->fatal()) std::rethrow_exception(state->fatal());
    // The body's Cancelled is not a failure: either the group asked for it, or somebody outside did.
    const bool body_cancelled = body && is_cancelled_error(body);
    if (body && !body_cancelled)
        failures.insert(failures.begin() + static_cast<std::ptrdiff_t>(failed_before_body_), body);
    if (!failures.empty()) throw ExceptionGroup("task group failed", std::move(failures));
    if (body_cancelled && (outer_cancelled || !state->requested())) std::rethrow_exception(body);
    if (outer_cancelled) {
        TaskNode& task = *current_task_node();
        task.throw_cancelled();
    }
}

void throw_no_value_of_group(const SharedReason& why) {
    throw TaskCancelled("the body of a task group" + calling_place(), why ? why->text : "");
}

StartGroup::~StartGroup() { target_.expected_came_or_failed(); }

void StartGroup::started() {
    started_ = true;
    // A child whose start was cancelled stays here and ends here.
    if (ScopeNode* child = first_child(); child && !cancelled())
        static_cast<TaskNode*>(child)->move_to(target_);
    wake();
}

void StartGroup::child_ended(TaskNode&) noexcept { wake(); }

void StartGroup::wake() noexcept {
    if (waiting_) std::exchange(waiting_, nullptr)->wake();
}

void StartGroup::conclude(const TaskNode& child) {
    if (started_) return;
    const_cast<TaskNode&>(child).observe();
    if (child.result() == PromiseBase::Result::error) std::rethrow_exception(child.root().stored_error());
    if (child.result() == PromiseBase::Result::value)
        throw InvalidStateError(child.name() + " was given to TaskGroup::start() and ended without calling " +
                                "started(): call it once the task is ready");
    if (cancelled()) current_task_node()->throw_cancelled();
    throw task_cancelled(child);
}

void throw_started_too_often() {
    throw InvalidStateError(
        "started() was called twice, or after its TaskGroup::start() was over: call it once");
}

}  // namespace tandem::inline v1
