#pragma once

#include <tandem/bridge/pending.hpp>
#include <tandem/task/invoke_task.hpp>
#include <tandem/task/wait.hpp>

#include <memory>
#include <utility>

namespace tandem::inline v1 {

/// A checkpoint that waits for nothing: in a cancelled scope what follows is not begun.
class Entry final : public Checkpoint<Entry> {
public:
    Entry() {}
    bool try_now() const { return true; }
    void start() noexcept {}
    void result() const {}
    bool request_cancel() noexcept override { return true; }
    const char* waiting_for() const noexcept override { return "its turn"; }
};

/// Waits on this loop for the end of a task on another. A cancel is passed on, and the end waited for.
class RemoteEnd final : public Checkpoint<RemoteEnd> {
public:
    explicit RemoteEnd(std::shared_ptr<PendingCore> core) : core_(std::move(core)) {}
    RemoteEnd(const RemoteEnd&) = delete;
    RemoteEnd& operator=(const RemoteEnd&) = delete;
    ~RemoteEnd() { leave_graph(); }
    bool try_now() const { return core_->done(); }
    void start() noexcept;
    /// Whether a cancel was passed on.
    bool result() const {
        if (refused_) std::rethrow_exception(refused_);
        return asked_;
    }
    bool request_cancel() noexcept override;
    bool refuse(std::exception_ptr error) noexcept override;
    const OutsideEdge* outside() const noexcept override { return noted_.get(); }
    bool may_end_from_outside() const noexcept override { return true; }
    const char* waiting_for() const noexcept override { return "a task on another loop"; }

private:
    void leave_graph() noexcept {
        if (const auto noted = std::exchange(noted_, nullptr)) noted->over();
    }
    std::shared_ptr<PendingCore> core_;
    std::shared_ptr<TaskWait> noted_;
    std::exception_ptr refused_;
    bool asked_ = false;
};

/// Runs `task` on `other` and waits here for its end; what comes after the await runs on this thread again
/// (sem:G38). On this very loop it is `co_await task`.
///
///     Report report = co_await run_on(analysis_loop, analyse(rows));
///
/// Errors      what the task throws, the same object; `TaskCancelled` if somebody cancelled it there;
///             `LoopClosed` if that loop cannot finish it.
/// Cancelling  the task is asked to end there, and waited for.
/// Threads     any loop's; `other` runs in another thread.
/// Lifetime    `other` outlives the call.
template <class T>
Task<T> run_on(EventLoop& other, Task<T> task);
template <class F, class... Args>
    requires(!is_task_v<F> && TaskFunction<F, Args...>)
auto run_on(EventLoop& other, F fn, Args... args) {
    return run_on(other, invoke_task(std::move(fn), std::move(args)...));
}

// Implementation

[[noreturn]] void throw_own_cancel();

template <class T>
Task<T> run_on(EventLoop& other, Task<T> task) {
    EventLoop& here = this_loop();
    if (&other == &here) {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(task);
            co_return;
        } else {
            co_return co_await std::move(task);
        }
    }
    Entry entry;
    co_await entry;
    Pending<T> remote = std::move(task).start(on(other));
    RemoteEnd end(remote.state());
    const bool asked = co_await end;
    if (asked && remote.cancelled()) throw_own_cancel();
    if constexpr (std::is_void_v<T>)
        std::move(remote).get();
    else
        co_return std::move(remote).get();
}

}  // namespace tandem::inline v1
