#include <tandem/task/as_completed.hpp>

#include <iterator>

namespace tandem::inline v1 {

CompletedQueue::~CompletedQueue() {
    for (Hook& hook : hooks_) {
        if (hook.task) hook.task->remove_hook(hook);
    }
    for (; given_ != ended_.size(); ++given_) ended_[given_]->release();
}

void CompletedQueue::watch(TaskNode& task) {
    if (&task.domain() != &domain())
        throw WrongLoop("as_completed() of task " + task.name() +
                        ", which belongs to another event loop: use its Pending");
    make_room();
    if (task.done()) {
        task.add_reference();
        give(task);
        return;
    }
    task.prepare_hooks();
    Hook& hook = hooks_.emplace_back();
    hook.place = std::prev(hooks_.end());
    hook.owner = this;
    hook.task = &task;
    task.add_hook(hook);
    ++watched_;
}

void CompletedQueue::Hook::task_done(TaskNode& ended) noexcept {
    task = nullptr;
    --owner->watched_;
    ended.add_reference();
    CompletedQueue& queue = *owner;
    queue.hooks_.erase(place);  // this hook is gone
    queue.give(ended);
}

void CompletedQueue::child_ended(TaskNode& child) noexcept { give(child); }

void CompletedQueue::give(TaskNode& ended) noexcept {
    ended_.push_back(&ended);
    if (waiting_) {
        Next* next = std::exchange(waiting_, nullptr);
        next->task().wake();
    }
}

TaskNode* CompletedQueue::Next::result() {
    if (cancelled_) task().throw_cancelled();
    if (queue_.given_ == queue_.ended_.size()) return nullptr;
    TaskNode* node = queue_.ended_[queue_.given_++];
    if (queue_.given_ == queue_.ended_.size()) {
        queue_.ended_.clear();
        queue_.given_ = 0;
    }
    return node;
}

bool CompletedQueue::Next::request_cancel() noexcept {
    cancelled_ = true;
    queue_.waiting_ = nullptr;
    return true;
}

}  // namespace tandem::inline v1
