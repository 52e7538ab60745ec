#include <tandem/task/run_until_complete.hpp>

namespace tandem::inline v1 {

bool drive_until_done(EventLoop& loop, TaskNode& task) {
    // The last thing the task's end does is to stop the loop: after the batch, as stop() does (sem:L19).
    struct StopHook final : CompletionHook {
        explicit StopHook(EventLoop& l) : loop(l) {}
        void task_done(TaskNode&) noexcept override { loop.stop(); }
        EventLoop& loop;
    } hook(loop);
    if (!task.done()) {
        task.add_hook(hook);
        try {
            loop.run_forever();
        } catch (...) {
            task.remove_hook(hook);
            throw;
        }
        task.remove_hook(hook);
    }
    return task.done();
}

}  // namespace tandem::inline v1
