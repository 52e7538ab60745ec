#include <tandem/task/task_handle.hpp>

#include <tandem/task/current_task.hpp>

namespace tandem::inline v1 {

bool JoinWait::try_now() {
    if (joined_->done()) return true;
    if (&joined_->domain() != &task().domain())
        throw WrongLoop("co_await of task " + joined_->name() +
                        ", which belongs to another event loop: use its Pending, or run_on(loop, f())");
    check_await_cycle(task(), *joined_);
    return false;
}

void JoinWait::result() {
    if (cancelled_) task().throw_cancelled();
}

bool JoinWait::request_cancel() noexcept {
    cancelled_ = true;
    joined_->remove_hook(*this);
    return true;
}

void check_await_cycle(const TaskNode& waiting, const TaskNode& wanted) {
    const auto joined_by = [](const TaskNode& task) {
        const Wait* wait = task.waiting();
        return wait ? wait->joins() : nullptr;
    };
    const TaskNode* next = &wanted;
    while (next && next != &waiting) next = joined_by(*next);
    if (!next) return;

    std::string path = waiting.name();
    for (next = &wanted; next != &waiting; next = joined_by(*next)) path += " -> " + next->name();
    throw WouldDeadlock("these tasks wait for each other for ever: " + path + " -> " + waiting.name() +
                        "; let one of them finish first, or cancel it");
}

TaskCancelled task_cancelled(const TaskNode& task) {
    const auto reason = task.cancelled() ? task.reason() : nullptr;
    return TaskCancelled(task.name(), reason ? reason->text : "");
}

std::string describe_state(const TaskNode& task) {
    std::string text = task.name();
    using Status = TaskNode::Status;
    const auto place = [](const SourceLocation& at) {
        return std::string(at.file_name()) + ":" + std::to_string(at.line());
    };
    switch (task.status()) {
        case Status::ready:
            text += task.resumes() == 0 ? " pending, not started" : " pending, ready";
            break;
        case Status::running:
            text += " running";
            break;
        case Status::finishing:
            text += " finishing";
            break;
        case Status::waiting:
            text += std::string(task.cancel_asked() ? " cancelling" : " pending") + ", waiting for " +
                    task.waiting()->waiting_for();
            if (const auto holder = task.waiting()->held_by())
                text += ", held by task " + std::to_string(holder) + ",";
            text += " at " + place(task.frame()->at());
            break;
        case Status::finished:
            switch (task.result()) {
                case PromiseBase::Result::value:
                    text += " finished";
                    break;
                case PromiseBase::Result::error:
                    text += " failed: " + describe(task.root().stored_error());
                    break;
                default:
                    text += " cancelled";
                    break;
            }
            break;
    }
    return text;
}

void throw_not_done(const TaskNode& task) {
    throw InvalidStateError("the result of " + describe_state(task) +
                            " was asked for too early: co_await the handle, or look at done() first");
}

void throw_empty_handle() {
    throw InvalidStateError("this TaskHandle is empty: it was moved from or never given a task");
}

void throw_result_taken(const TaskNode& task) {
    throw InvalidStateError("the result of " + task.name() +
                            " was moved out already: co_await the handle as an lvalue to share it");
}

EventLoop& open_loop(const TaskNode& task) {
    if (EventLoop* loop = task.domain().loop_or_null()) return *loop;
    throw LoopClosed(LoopClosedReason::closed, "the event loop of " + task.name() + " is closed");
}

SharedReason make_reason(std::string text, SourceLocation where) {
    const TaskNode* task = current_task_node();
    return std::make_shared<const CancelReason>(CancelReason{std::move(text), where, task ? task->id() : 0});
}

void call_when_done(TaskNode& task, std::function<void()> fn) {
    EventLoop& loop = open_loop(task);
    if (task.done()) {
        loop.call_soon(std::move(fn));
        return;
    }
    struct CallbackHook final : CompletionHook {
        explicit CallbackHook(std::function<void()> f) : callback(std::move(f)) {}
        void task_done(TaskNode& done) noexcept override {
            // Posted: a done callback never runs inside the step that ended the task (sem:K28).
            done.loop().call_soon(std::move(callback));
            delete this;
        }
        std::function<void()> callback;
    };
    task.add_hook(*new CallbackHook(std::move(fn)));
}

}  // namespace tandem::inline v1
