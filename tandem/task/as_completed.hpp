#pragma once

#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

/// Hands out children as they end.
class CompletedQueue final : public ChildGroup {
public:
    class Next final : public Checkpoint<Next> {
    public:
        explicit Next(CompletedQueue& queue) : queue_(queue) {}
        bool try_now() const { return !queue_.ended_.empty() || queue_.live() == 0; }
        void start() noexcept { queue_.waiting_ = this; }
        /// The child's node with its reference, or null at the end.
        TaskNode* result();
        bool request_cancel() noexcept override;
        const char* waiting_for() const noexcept override { return "the next child to end"; }

    private:
        friend class CompletedQueue;
        CompletedQueue& queue_;
        bool cancelled_ = false;
    };
    Next next() { return Next(*this); }
    ~CompletedQueue();
    bool orphaned = false;

private:
    void child_ended(TaskNode& child) noexcept override;
    void all_ended() noexcept override {
        if (orphaned) delete this;
    }
    std::deque<TaskNode*> ended_;
    Next* waiting_ = nullptr;
};

/// Tasks in the order in which they end. Made in a task, which owns the children.
///
///     auto done = as_completed(std::move(pages));
///     while (auto handle = co_await done.next())
///         print(handle->result());
///
/// Errors      `next()` throws `TimeoutError` once `timeout` has passed: nothing is cancelled by that. A
/// child's own
///             error is in its handle.
/// Cancelling  `next()` loses no child: the following call gives it.
/// Threads     its loop's.
/// Lifetime    leaving early cancels the children; the enclosing task ends only when they have.
template <class T>
class AsCompleted {
public:
    AsCompleted(std::vector<Task<T>> tasks, Deadline timeout, SourceLocation where)
        : queue_(std::make_unique<CompletedQueue>()), limit_(timeout.resolve(this_loop().time())) {
        try {
            for (auto& task : tasks) add(std::move(task), where);
        } catch (...) {
            leave();  // the destructor of an object that was never made does not run
            throw;
        }
    }
    AsCompleted(AsCompleted&&) noexcept = default;
    AsCompleted& operator=(AsCompleted&&) = delete;
    ~AsCompleted() { leave(); }

    void add(Task<T> task, SourceLocation where = SourceLocation::current()) {
        auto handle = queue_->spawn(std::move(task), {}, where);
        handle.node().add_reference();  // the queue's
    }

    /// The next one that has ended, or nothing when all were given.
    Task<std::optional<TaskHandle<T>>> next() {
        TaskNode* node = nullptr;
        if (limit_ == TimePoint::max())
            node = co_await queue_->next();
        else
            node = co_await tandem::timeout(limit_, as_task(queue_->next()));
        if (!node) co_return std::nullopt;
        co_return TaskHandle<T>(*node);
    }
    std::size_t live() const { return queue_->live(); }

private:
    void leave() noexcept {
        if (!queue_ || queue_->live() == 0) return;
        queue_->orphaned = true;
        queue_.release()->cancel_children("as_completed() was left early");
    }

    std::unique_ptr<CompletedQueue> queue_;
    TimePoint limit_;
};

template <class T>
[[nodiscard]] AsCompleted<T> as_completed(std::vector<Task<T>> tasks, Deadline timeout = {},
                                          SourceLocation where = SourceLocation::current()) {
    return AsCompleted<T>(std::move(tasks), timeout, where);
}

}  // namespace tandem::inline v1
