#include <tandem/task/task_node.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace tandem::inline v1 {

/// A cancel on its way from another thread. References of a task belong to its loop's thread, so the task is
/// pinned instead: it is kept until this has come in, although every handle may be gone by then.
class ForeignCancel final : public Runnable {
public:
    ForeignCancel(TaskNode& task, SharedReason reason) : task_(task), reason_(std::move(reason)) {}

    static bool send(TaskNode& task, SharedReason reason) {
        auto* post = new ForeignCancel(task, std::move(reason));
        TaskDomain& domain = task.domain();
        domain.pin(task);
        {
            // Closing takes the same lock before the loop goes.
            const std::lock_guard lock(domain.life().mutex);
            if (domain.life().loop && domain.life().loop->try_post_threadsafe(*post)) return true;
        }
        domain.unpin(task);
        delete post;
        return false;
    }

private:
    ~ForeignCancel() = default;
    void run() override {
        task_.cancel(std::move(reason_));
        discard();
    }
    void discard() noexcept override {
        TaskNode& task = task_;
        delete this;
        TaskDomain& domain = task.domain();
        domain.unpin(task);
        if (task.references_ == 0 && !domain.pinned(task)) task.destroy();
    }

    TaskNode& task_;
    SharedReason reason_;
};

bool TaskNode::cancel_from_anywhere(SharedReason reason) {
    TaskDomain& home = domain();
    if (this_loop_or_null() == home.loop_identity()) return cancel(std::move(reason));
    bool elsewhere = false;
    {
        const std::lock_guard lock(home.life().mutex);
        elsewhere = home.life().loop && home.life().loop->is_running();
    }
    // A loop that nobody drives belongs to whoever asks.
    return elsewhere ? ForeignCancel::send(*this, std::move(reason)) : cancel(std::move(reason));
}

void TaskDomain::pin(TaskNode& task) {
    const std::lock_guard lock(pins_mutex_);
    pinned_.push_back(&task);
    pins_.fetch_add(1, std::memory_order_relaxed);
}

void TaskDomain::unpin(TaskNode& task) noexcept {
    const std::lock_guard lock(pins_mutex_);
    pinned_.erase(std::find(pinned_.begin(), pinned_.end(), &task));
    pins_.fetch_sub(1, std::memory_order_relaxed);
}

bool TaskDomain::pinned(const TaskNode& task) noexcept {
    // Whoever dropped the last handle has seen the cancel that was asked for through it.
    if (pins_.load(std::memory_order_relaxed) == 0) return false;
    const std::lock_guard lock(pins_mutex_);
    return std::find(pinned_.begin(), pinned_.end(), &task) != pinned_.end();
}

}  // namespace tandem::inline v1
