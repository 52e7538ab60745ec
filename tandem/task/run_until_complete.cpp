#include <tandem/task/run_until_complete.hpp>

#include <tandem/loop/runnable.hpp>

#include <memory>
#include <new>

namespace tandem::inline v1 {
namespace {

/// Stops the loop when the task has ended, as asyncio does: by a callback behind those that were posted until
/// then, the task's own done callbacks among them, so that they all run; at once if there are none.
class StopAtEnd final : public CompletionHook {
public:
    explicit StopAtEnd(EventLoop& loop) : loop_(loop), call_(new(std::nothrow) Call(*this)) {}
    StopAtEnd(const StopAtEnd&) = delete;
    StopAtEnd& operator=(const StopAtEnd&) = delete;
    ~StopAtEnd() {
        if (posted_) posted_->owner = nullptr;  // it lies in the queue of a loop that was stopped before it
    }

private:
    struct Call final : Runnable {
        explicit Call(StopAtEnd& hook) : owner(&hook) {}
        void run() override {
            const std::unique_ptr<Call> self(this);
            if (!owner) return;
            owner->posted_ = nullptr;
            owner->loop_.stop();
        }
        void discard() noexcept override {
            const std::unique_ptr<Call> self(this);
            if (owner) owner->posted_ = nullptr;
        }
        StopAtEnd* owner;
    };

    void task_done(TaskNode&) noexcept override {
        if (!call_ || loop_.next_deadline() != TimePoint::min()) {
            loop_.stop();
        } else {
            posted_ = call_.release();
            loop_.post(*posted_);
        }
    }

    EventLoop& loop_;
    // None where there was no memory: what is posted then waits for the next run.
    std::unique_ptr<Call> call_;
    Call* posted_ = nullptr;
};

}  // namespace

bool drive_until_done(EventLoop& loop, TaskNode& task) {
    if (task.done()) return true;
    StopAtEnd hook(loop);
    task.add_hook(hook);
    try {
        loop.run_forever();
    } catch (...) {
        task.remove_hook(hook);
        throw;
    }
    task.remove_hook(hook);
    return task.done();
}

}  // namespace tandem::inline v1
