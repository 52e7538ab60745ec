#pragma once

#include <tandem/base/time.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/task_handle.hpp>

#include <cstdint>
#include <deque>
#include <stdexcept>
#include <unordered_set>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

enum class ReturnWhen : std::uint8_t { all_completed, first_completed, first_exception };
inline constexpr auto ALL_COMPLETED = ReturnWhen::all_completed;
inline constexpr auto FIRST_COMPLETED = ReturnWhen::first_completed;
inline constexpr auto FIRST_EXCEPTION = ReturnWhen::first_exception;

struct WaitOptions {
    Deadline timeout = {};
    ReturnWhen return_when = ReturnWhen::all_completed;
};

/// `done` in order of completion, `pending` in the order of the arguments.
template <class T>
struct WaitResult {
    WaitResult() {}
    std::vector<TaskHandle<T>> done;
    std::vector<TaskHandle<T>> pending;
};

/// Watches tasks until enough of them have ended.
class WatchTasks final : public Checkpoint<WatchTasks> {
public:
    /// Errors: `WrongLoop`.
    WatchTasks(std::vector<TaskNode*> tasks, ReturnWhen when);
    ~WatchTasks();
    WatchTasks(const WatchTasks&) = delete;
    WatchTasks& operator=(const WatchTasks&) = delete;

    bool try_now() const { return enough(); }
    void start() noexcept;
    void result() {
        if (refused_) std::rethrow_exception(refused_);
        if (cancelled_) task().throw_cancelled();
    }
    bool request_cancel() noexcept override {
        cancelled_ = true;
        return true;
    }
    const char* waiting_for() const noexcept override { return "tasks"; }
    void show_joined(JoinedVisitor& visitor) const override;
    bool refuse(std::exception_ptr error) noexcept override {
        refused_ = std::move(error);
        task().wake();
        return true;
    }
    /// In order of completion, those that were done before first.
    const std::vector<TaskNode*>& done() const { return done_; }

private:
    struct Hook final : CompletionHook {
        void task_done(TaskNode& ended) noexcept override;
        const TaskNode* waiter() const noexcept override { return owner->bound() ? &owner->task() : nullptr; }
        WatchTasks* owner = nullptr;
        TaskNode* watched = nullptr;
    };
    bool enough() const;
    void note(TaskNode& ended);

    std::deque<Hook> hooks_;
    std::vector<TaskNode*> done_;
    std::size_t live_ = 0;
    ReturnWhen when_;
    std::exception_ptr refused_;
    bool failed_ = false;
    bool cancelled_ = false;
};

/// Waits until all, the first, or the first failed of `handles` have ended, or the timeout has passed. Never
/// throws for a child or the timeout, never cancels anybody (sem:G20-G23).
///
///     auto r = co_await wait(handles, {.timeout = 1s, .return_when = FIRST_COMPLETED});
///
/// Errors      `std::invalid_argument` without handles.
/// Cancelling  ends only the wait.
template <class T>
Task<WaitResult<T>> wait(std::vector<TaskHandle<T>> handles, WaitOptions options = {}) {
    if (handles.empty()) throw std::invalid_argument("wait() of no tasks: give it at least one handle");
    std::vector<TaskHandle<T>> unique;
    std::vector<TaskNode*> nodes;
    std::unordered_set<TaskNode*> known;
    for (auto& handle : handles) {
        if (!known.insert(&handle.node()).second) continue;
        nodes.push_back(&handle.node());
        unique.push_back(std::move(handle));
    }
    WatchTasks watch(std::move(nodes), options.return_when);
    bool timed_out = false;
    {
        ScopeGuard guard;
        // No time at all still gives the others one turn, as in asyncio: a look at what is ready.
        guard.set_timer(options.timeout.resolve(this_loop().time()));
        try {
            co_await watch;
        } catch (const Cancelled&) {
            if (!guard.absorbs()) throw;
            timed_out = true;
        }
    }
    static_cast<void>(timed_out);
    WaitResult<T> result;
    for (TaskNode* node : watch.done()) {
        node->add_reference();
        result.done.push_back(TaskHandle<T>(*node));
    }
    for (auto& handle : unique) {
        if (!handle.done()) result.pending.push_back(handle);
    }
    co_return result;
}

}  // namespace tandem::inline v1
