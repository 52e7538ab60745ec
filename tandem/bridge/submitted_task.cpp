#include <tandem/bridge/submitted_task.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/exit_wait.hpp>

#include <cxxabi.h>

#include <new>
#include <utility>

namespace tandem::inline v1 {
namespace {

std::string place(const SourceLocation& at) {
    return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

std::string unfinished(const std::string& task, LoopClosedReason reason) noexcept try {
    switch (reason) {
        case LoopClosedReason::stopped:
            return "event loop was stopped: " + task +
                   " has not ended, and may go on when the loop runs again; EventLoopOptions::keep_pending "
                   "waits for that";
        case LoopClosedReason::failed:
            return "the thread of the event loop has ended, or the kernel serves it no more: " + task +
                   " cannot go on";
        default:
            return "event loop is closed: " + task + " cannot go on";
    }
} catch (const std::bad_alloc&) {
    return {};
}

struct Waited {
    std::exception_ptr error;
    std::shared_ptr<const FailureNotes> failure;
    SourceLocation where;
};
thread_local Waited last_waited;

}  // namespace

void SubmittedTask::sleep() noexcept {
    ExitWait told(*this);
    gate_.sleep();
}

bool SubmittedTask::wait_for(std::chrono::nanoseconds limit) noexcept {
    if (gate_.is_open()) return true;
    ExitWait told(*this);
    return gate_.wait_for(limit);
}

void SubmittedTask::submit(std::shared_ptr<SubmittedTask> self) {
    EventLoop& loop = *loop_;
    if (loop.left()) {
        drop_work();
        if (loop.closed_reason() == LoopClosedReason::failed)
            return end_with(LoopClosedReason::failed,
                            unfinished("the submitted task", LoopClosedReason::failed));
        end_with(LoopClosedReason::stopped,
                 "event loop is stopped: the submitted task was not taken; run the loop, or make it with "
                 "EventLoopOptions::keep_pending");
        return;
    }
    self_ = std::move(self);
    if (!loop.try_post_threadsafe(*this)) {
        const auto last = std::move(self_);
        drop_work();
        throw LoopClosed(loop.closed_reason(),
                         "event loop is closed: " + std::string(born_.function_name()) + " was not started");
    }
    // The drive may have ended between the look and the post: then nobody else tells us.
    if (may_be_left() && loop.left())
        end_with(LoopClosedReason::stopped, unfinished("the submitted task", LoopClosedReason::stopped));
}

void SubmittedTask::run() {
    auto self = std::move(self_);
    TaskOptions options;
    // In debug mode and for instruments its first step is an entry of its own. Cancelled before it, its body
    // never runs.
    options.eager_start = !early_cancel_ && !loop_->debug() && !loop_->instrument();
    TaskNode* task = nullptr;
    try {
        task = &start_task(options);
    } catch (const abi::__forced_unwind&) {
        end_with(LoopClosedReason::failed, unfinished("the submitted task", LoopClosedReason::failed));
        throw;
    } catch (...) {
        if (!claim()) return;
        set_failure(std::current_exception());
        completed(true);
        return;
    }
    watch(*task, std::move(self));
}

void SubmittedTask::watch(TaskNode& task, std::shared_ptr<SubmittedTask> self) {
    struct Reference {
        TaskNode* task;
        ~Reference() {
            if (task) task->release();
        }
    } ours{&task};
    if (task.done()) {
        if (!claim()) return;
        take_end(task, task.references() > 1);
        std::exchange(ours.task, nullptr)->release();
        completed(true);
        return;
    }
    if (claimed_.load(std::memory_order_acquire)) return;  // nobody waits any more, the task goes on
    try {
        task.prepare_hooks();
    } catch (...) {
        claim();
        set_failure(std::current_exception());
        completed(true);
        return;
    }
    task_ = &task;
    self_ = std::move(self);
    task.add_hook(*this);
    loop_->add_outside_caller(*this);
    if (early_cancel_) task.cancel(std::move(early_cancel_));
}

void SubmittedTask::take_end(TaskNode& task, bool shared) noexcept {
    try {
        // Nobody asked for this one's end but the loop, which is closing (sem:B24).
        if (task.domain().root().cancelled() && !task.requested() &&
            task.result() != PromiseBase::Result::value && task.result() != PromiseBase::Result::error) {
            set_failure(std::make_exception_ptr(LoopClosed(
                loop_->closed_reason(), task.name() + " was cancelled: its event loop is closed")));
            return;
        }
        if (task.result() == PromiseBase::Result::error)
            failure_ = std::make_shared<const FailureNotes>(
                FailureNotes{task.name(), task.spawned_at(), task.thrown_at()});
        take_from(task, shared);
    } catch (...) {
        set_failure(std::current_exception());
    }
}

void SubmittedTask::task_done(TaskNode& task) noexcept {
    task_ = nullptr;
    loop_->remove_outside_caller(*this);
    ends_here_ = claim();
    if (ends_here_) take_end(task, task.references() > 1);  // one is the loop's own
    if (!task.tell_when_gone(*this)) task_gone();
}

void SubmittedTask::task_gone() noexcept {
    const auto keep = std::move(self_);
    if (ends_here_) completed(true);
}

void SubmittedTask::task_abandoned() noexcept {
    const auto keep = std::move(self_);
    task_ = nullptr;
    loop_->remove_outside_caller(*this);
    end_with(loop_->closed_reason(), "event loop is closed: the task did not end in time and is left behind");
}

void SubmittedTask::discard() noexcept {
    const auto keep = std::move(self_);
    drop_work();
    end_with(loop_->closed_reason(), "event loop is closed: the submitted task was never started");
}

void SubmittedTask::left_behind(LoopClosedReason reason) noexcept {
    if (may_be_left()) end_with(reason, unfinished("the submitted task", reason));
}

void SubmittedTask::loop_left(LoopClosedReason reason) noexcept {
    const auto keep = std::move(self_);
    TaskNode& task = *std::exchange(task_, nullptr);
    task.remove_hook(*this);
    end_with(reason, unfinished(task.name(), reason));
}

void SubmittedTask::ask_to_end(SharedReason reason) {
    if (done()) return;
    if (task_)
        task_->cancel(std::move(reason));
    else
        early_cancel_ = std::move(reason);
}

void SubmittedTask::left_at_exit() noexcept {
    if (!claim()) return;
    left_at_exit_ = true;
    end_claimed(LoopClosedReason::exited,
                "the process is exiting, and the background loop is stuck in a step that does not end: " +
                    std::string(born_.function_name()) + " cannot go on");
}

void SubmittedTask::end_with(LoopClosedReason reason, const std::string& what) noexcept {
    if (claim()) end_claimed(reason, what);
}

void SubmittedTask::end_claimed(LoopClosedReason reason, const std::string& what) noexcept {
    set_failure(std::make_exception_ptr(LoopClosed(reason, what)));
    completed(false);
}

void note_waited_for(const std::exception_ptr& error, const std::shared_ptr<const FailureNotes>& failure,
                     const SourceLocation& where) noexcept {
    last_waited = {error, failure, where};
}

std::string describe_with_stacks(const std::exception_ptr& error) {
    std::string text = describe(error);
    const Waited& waited = last_waited;
    if (!error || waited.error != error) return text;
    if (waited.failure) {
        const char* how = "thrown in ";
        for (const auto& [function, at] : waited.failure->thrown_at) {
            text += std::string("\n  ") + how + function.function_name() + " at " + place(at);
            how = "awaited by ";
        }
        text += "\n  in " + waited.failure->task + ", started at " + place(waited.failure->spawned_at);
    }
    return text + "\n  waited for by " + waited.where.function_name() + " at " + place(waited.where);
}

}  // namespace tandem::inline v1
