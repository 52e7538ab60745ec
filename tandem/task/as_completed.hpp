#pragma once

#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>

#include <cstdint>
#include <list>
#include <map>
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
        bool try_now() const { return queue_.given_ != queue_.ended_.size() || queue_.awaited() == 0; }
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
    /// A task of somebody else's: given out like a child, otherwise left alone. Errors: `WrongLoop`.
    void watch(TaskNode& task);
    /// Those that have not ended.
    std::size_t awaited() const { return live() + watched_; }
    bool orphaned = false;

private:
    struct Hook final : CompletionHook {
        void task_done(TaskNode& ended) noexcept override;
        CompletedQueue* owner = nullptr;
        TaskNode* task = nullptr;
        std::list<Hook>::iterator place;
    };
    void make_room() override { reserve_ahead(ended_, ended_.size() + awaited() + 1); }
    void child_ended(TaskNode& child) noexcept override;
    void all_ended() noexcept override {
        if (orphaned) delete this;
    }
    void give(TaskNode& ended) noexcept;

    std::vector<TaskNode*> ended_;  // with room for all that are awaited
    std::size_t given_ = 0;         // of these
    std::list<Hook> hooks_;
    std::size_t watched_ = 0;
    Next* waiting_ = nullptr;
};

struct AsCompletedOptions {
    Deadline timeout = {};
};

/// Tasks in the order in which they end, each once. Made in a task, which owns those that were not started
/// yet; handles are only watched.
///
///     auto done = as_completed(std::move(pages));
///     while (auto handle = co_await done.next())
///         print(handle->result());
///
/// Errors      `next()` throws `TimeoutError` once `timeout` has passed: nothing is cancelled by that, and
///             `pending()` has the rest. A child's own error is in its handle.
/// Cancelling  `next()` loses no child: the following call gives it.
/// Threads     its loop's.
/// Lifetime    leaving early cancels the children; the enclosing task ends only when they have.
template <class T>
class AsCompleted {
public:
    AsCompleted(std::vector<Task<T>> tasks, Deadline timeout, SourceLocation where) : AsCompleted(timeout) {
        try {
            for (auto& task : tasks) add(std::move(task), where);
        } catch (...) {
            leave();  // the destructor of an object that was never made does not run
            throw;
        }
    }
    AsCompleted(std::vector<TaskHandle<T>> handles, Deadline timeout) : AsCompleted(timeout) {
        for (auto& handle : handles) add(std::move(handle));
    }
    AsCompleted(AsCompleted&&) noexcept = default;
    AsCompleted& operator=(AsCompleted&&) = delete;
    ~AsCompleted() { leave(); }

    void add(Task<T> task, SourceLocation where = SourceLocation::current()) {
        auto handle = queue_->spawn(std::move(task), {}, where);
        handle.node().add_reference();  // the queue's
        const auto id = handle.id();
        pending_.emplace(id, std::move(handle));
    }
    /// A handle that it has already is not given twice.
    void add(TaskHandle<T> handle) {
        const auto id = handle.id();
        if (pending_.contains(id)) return;
        queue_->watch(handle.node());
        pending_.emplace(id, std::move(handle));
    }

    /// The next one that has ended, or nothing when all were given.
    Task<std::optional<TaskHandle<T>>> next() {
        TaskNode* node = nullptr;
        if (limit_ == TimePoint::max())
            node = co_await queue_->next();
        else
            node = co_await tandem::timeout(limit_, as_task(queue_->next()));
        if (!node) co_return std::nullopt;
        pending_.erase(node->id());
        co_return TaskHandle<T>(*node);
    }
    /// Those that `next()` has not given yet, in the order in which they were started.
    std::vector<TaskHandle<T>> pending() const {
        std::vector<TaskHandle<T>> rest;
        for (const auto& [id, handle] : pending_) rest.push_back(handle);
        return rest;
    }
    std::size_t live() const { return queue_->awaited(); }

private:
    explicit AsCompleted(Deadline timeout)
        : queue_(std::make_unique<CompletedQueue>()), limit_(timeout.resolve(this_loop().time())) {}
    void leave() noexcept {
        if (!queue_ || queue_->live() == 0) return;
        queue_->orphaned = true;
        queue_.release()->cancel_children("as_completed() was left early");
    }

    std::unique_ptr<CompletedQueue> queue_;
    TimePoint limit_;
    std::map<std::uint64_t, TaskHandle<T>> pending_;
};

template <class T>
[[nodiscard]] AsCompleted<T> as_completed(std::vector<Task<T>> tasks, Deadline timeout = {},
                                          SourceLocation where = SourceLocation::current()) {
    return AsCompleted<T>(std::move(tasks), timeout, where);
}
template <class T>
[[nodiscard]] AsCompleted<T> as_completed(std::vector<Task<T>> tasks, AsCompletedOptions options,
                                          SourceLocation where = SourceLocation::current()) {
    return AsCompleted<T>(std::move(tasks), options.timeout, where);
}
template <class T>
[[nodiscard]] AsCompleted<T> as_completed(std::vector<TaskHandle<T>> handles, Deadline timeout = {}) {
    return AsCompleted<T>(std::move(handles), timeout);
}
template <class T>
[[nodiscard]] AsCompleted<T> as_completed(std::vector<TaskHandle<T>> handles, AsCompletedOptions options) {
    return AsCompleted<T>(std::move(handles), options.timeout);
}

}  // namespace tandem::inline v1
