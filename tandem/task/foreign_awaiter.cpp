#include <tandem/task/foreign_awaiter.hpp>

#include <cstdio>
#include <cstdlib>

namespace tandem::inline v1 {

void RelayFrame::resume_task(RelayFrame* frame) {
    // The frame's memory belongs to the task, which may go on as soon as it is posted: read first.
    TaskNode& task = *frame->task_;
    if (this_loop_or_null() == &task.loop()) {
        task.wake();
        return;
    }
    struct WakePost final : Runnable {
        explicit WakePost(TaskNode& waiting) : task(waiting) {}
        void run() override {
            task.wake();
            delete this;
        }
        void discard() noexcept override { delete this; }
        TaskNode& task;
    };
    auto* post = new WakePost(task);
    if (!task.loop().try_post_threadsafe(*post)) delete post;
}

void RelayFrame::refuse(RelayFrame*) {
    std::fputs(
        "tandem: an awaiter destroyed the coroutine handle it was given: a task's frames are destroyed by "
        "the task "
        "alone\n",
        stderr);
    std::abort();
}

}  // namespace tandem::inline v1
