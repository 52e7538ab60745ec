#include <tandem/task/task_handle.hpp>

#include <tandem/task/await_cycle.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/describe_internal.hpp>

#include <cstddef>
#include <cstdio>

namespace tandem::inline v1 {

bool JoinWait::try_now() {
    if (joined_->done()) return true;
    if (&joined_->domain() != &task().domain())
        throw WrongLoop("co_await of task " + joined_->name() + " at " + task().frame()->at().file_name() +
                        ":" + std::to_string(task().frame()->at().line()) +
                        ", which belongs to another event loop: use its Pending, or run_on(loop, f())");
    check_await_cycle(task(), *joined_);
    joined_->prepare_hooks();  // start() must not fail
    return false;
}

void JoinWait::result() {
    if (refused_) std::rethrow_exception(refused_);
    if (cancelled_) task().throw_cancelled();
}

bool JoinWait::request_cancel() noexcept {
    cancelled_ = true;
    joined_->remove_hook(*this);
    return true;
}

bool JoinWait::refuse(std::exception_ptr error) noexcept {
    refused_ = std::move(error);
    joined_->remove_hook(*this);
    task().wake();
    return true;
}

TaskCancelled task_cancelled(const TaskNode& task) {
    const auto reason = task.cancelled() ? task.reason() : nullptr;
    return TaskCancelled(task.name(), reason ? reason->text : "");
}

std::string describe_live(TaskNode::Status status, bool started, bool cancelling,
                          std::string_view waiting_for, const SourceLocation& at) {
    switch (status) {
        case TaskNode::Status::ready:
            return std::string(cancelling ? " cancelling" : " pending") +
                   (started ? ", ready" : ", not started");
        case TaskNode::Status::running:
            return " running";
        case TaskNode::Status::waiting:
            return std::string(cancelling ? " cancelling" : " pending") + ", waiting for " +
                   std::string(waiting_for) + " at " + at.file_name() + ":" + std::to_string(at.line());
        case TaskNode::Status::finishing:
        case TaskNode::Status::finished:
            break;
    }
    return " finishing";
}

bool is_cancelling(const TaskNode& task) {
    return task.cancel_asked() || (task.status() == TaskNode::Status::ready && task.cancelled());
}

std::string describe_state(const TaskNode& task) {
    if (!task.done()) {
        const Wait* wait = task.waiting();
        std::string what = wait ? wait->waiting_for() : "";
        if (const auto holder = wait ? wait->held_by() : 0)
            what += ", held by task " + std::to_string(holder) + ",";
        return task.name() + describe_live(task.status(), task.resumes() > 0, is_cancelling(task), what,
                                           task.frame()->at());
    }
    switch (task.result()) {
        case PromiseBase::Result::value:
            return task.name() + " finished";
        case PromiseBase::Result::error:
            return task.name() + " failed: " + describe(task.root().stored_error());
        default:
            return task.name() + " cancelled";
    }
}

std::string describe_result(double number) {
    char text[32];
    std::snprintf(text, sizeof text, ", result %.15g", number);
    return text;
}

std::string describe_result(std::string_view text) {
    constexpr std::size_t max_bytes = 60;
    const bool whole = text.size() <= max_bytes;
    return ", result '" + std::string(text.substr(0, max_bytes)) + (whole ? "'" : "...'");
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

SharedReason make_reason(std::string_view text, SourceLocation where) noexcept {
    const TaskNode* task = current_task_node();
    return make_reason(text, where, task ? task->id() : 0);
}

}  // namespace tandem::inline v1
