#include <tandem/task/as_completed.hpp>

namespace tandem::inline v1 {

CompletedQueue::~CompletedQueue() {
    for (TaskNode* node : ended_) node->release();
}

void CompletedQueue::child_ended(TaskNode& child) noexcept {
    ended_.push_back(&child);
    if (waiting_) {
        Next* next = std::exchange(waiting_, nullptr);
        next->task().wake();
    }
}

TaskNode* CompletedQueue::Next::result() {
    if (cancelled_) task().throw_cancelled();
    if (queue_.ended_.empty()) return nullptr;
    TaskNode* node = queue_.ended_.front();
    queue_.ended_.pop_front();
    return node;
}

bool CompletedQueue::Next::request_cancel() noexcept {
    cancelled_ = true;
    queue_.waiting_ = nullptr;
    return true;
}

}  // namespace tandem::inline v1
