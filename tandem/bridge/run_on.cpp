#include <tandem/bridge/run_on.hpp>

#include <mutex>

namespace tandem::inline v1 {

void RemoteEnd::start() noexcept {
    // This wait stays until it is told: only the loop may go, with a task that it had to leave behind.
    core_->when_done([this, life = loop().life()] {
        const std::lock_guard lock(life->mutex);
        if (!life->loop) return;
        try {
            life->loop->call_soon_threadsafe([this] { task().wake(); });
        } catch (const LoopClosed&) {
        }
    });
    noted_ = note_task_wait(*this, task(), "co_await of run_on()", core_);
}

// What was started there is waited for, whatever becomes of the caller.
bool RemoteEnd::refuse(std::exception_ptr error) noexcept {
    refused_ = std::move(error);
    leave_graph();
    core_->cancel("the task that waits for it would deadlock", SourceLocation());
    return true;
}

bool RemoteEnd::request_cancel() noexcept {
    asked_ = true;
    const auto reason = task().scope().reason();
    core_->cancel(reason ? reason->text : "the task that waits for it was cancelled", SourceLocation());
    return false;
}

void throw_own_cancel() { current_task_node()->throw_cancelled(); }

}  // namespace tandem::inline v1
