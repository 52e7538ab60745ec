#include <tandem/loop/callback_error.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/task_node.hpp>

#include <algorithm>
#include <utility>

namespace tandem::inline v1 {

/// A done callback, from its registration to its run. Keeps its task.
class DoneCall final : public CompletionHook, public Runnable {
public:
    DoneCall(TaskNode& task, UniqueFunction<void(TaskNode&)> fn) : task_(task), fn_(std::move(fn)) {
        static constinit thread_local std::uint64_t numbers = 0;  // a task's callbacks are its thread's
        id_ = ++numbers;
        task.extra().calls.push_back(this);
        task.add_reference();
    }
    DoneCall(const DoneCall&) = delete;
    DoneCall& operator=(const DoneCall&) = delete;
    std::uint64_t id() const { return id_; }

    // Posted: a done callback never runs inside the step that ended the task (sem:K28).
    void task_done(TaskNode& task) noexcept override { post_to(task.loop()); }
    void task_abandoned() noexcept override { drop(); }
    void post_to(EventLoop& loop) noexcept {
        posted_ = true;
        loop.post(*this);
    }
    /// False if it was removed already.
    bool remove() noexcept {
        if (removed_) return false;
        removed_ = true;
        if (posted_) {
            fn_.reset();  // it is in the loop's queue, and goes when its turn comes
        } else {
            task_.remove_hook(*this);
            drop();
        }
        return true;
    }

private:
    ~DoneCall() = default;
    void run() override {
        EventLoop& loop = task_.loop();
        forget();
        loop.entry_begins(*this);
        try {
            const InContext inside(context_);
            if (!removed_) fn_(task_);
        } catch (...) {
            callback_threw(loop, [this] {
                return ErrorContext{"exception in a done callback", nullptr, task_.name(), task_.spawned_at(),
                                    Severity::error};
            });
        }
        loop.entry_over(*this);
        finish();
    }
    void discard() noexcept override { drop(); }
    EntryKind kind() const noexcept override { return EntryKind::callback; }
    EntryInfo entry_info() const override {
        return {.kind = EntryKind::callback,
                .id = id_,
                .name = {},
                .made_at = task_.spawned_at(),
                .at = {},
                .text = "<done callback of " + task_.name() + ">"};
    }
    /// A task's callbacks keep the order of their registration.
    const void* chain() const noexcept override { return &task_; }
    void forget() noexcept { std::erase(task_.extra_->calls, this); }
    void drop() noexcept {
        forget();
        finish();
    }
    void finish() noexcept {
        TaskNode& task = task_;
        delete this;
        task.release();
    }

    TaskNode& task_;
    std::uint64_t id_;
    UniqueFunction<void(TaskNode&)> fn_;
    Context context_ = Context::current();
    bool posted_ = false;
    bool removed_ = false;
};

std::uint64_t TaskNode::add_callback(UniqueFunction<void(TaskNode&)> fn) {
    EventLoop& home = open_loop(*this);
    auto* call = new DoneCall(*this, std::move(fn));
    if (done())
        call->post_to(home);
    else
        add_hook(*call);
    return call->id();
}

bool TaskNode::remove_callback(std::uint64_t id) noexcept {
    if (!extra_) return false;
    const auto& calls = extra_->calls;
    const auto found =
        std::find_if(calls.begin(), calls.end(), [id](auto* call) { return call->id() == id; });
    return found != calls.end() && (*found)->remove();
}

}  // namespace tandem::inline v1
