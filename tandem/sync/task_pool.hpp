#pragma once

#include <tandem/sync/slot_line.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/invoke_task.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

/// Results in the order of the items they were made from.
template <class T>
class InOrder {
public:
    explicit InOrder(std::vector<TaskHandle<T>> tasks) : tasks_(std::move(tasks)) {}
    /// The next one as soon as it is there, or nothing after the last. Errors: its task's.
    Task<std::optional<T>> next() {
        if (given_ == tasks_.size()) co_return std::nullopt;
        TaskHandle<T> task = std::move(tasks_[given_++]);
        T value = co_await std::move(task);
        co_return std::optional<T>(std::move(value));
    }

private:
    std::vector<TaskHandle<T>> tasks_;
    std::size_t given_ = 0;
};

/// Tasks that come and go, at most so many at once: gevent's `Pool`, and without a limit its `Group`. Unlike
/// a `TaskGroup` it can be joined again and again, and a member that fails leaves the others alone.
///
///     TaskPool pool(2);
///     std::vector<Page> pages = co_await pool.map(fetch, urls);   // two at a time
///
/// Errors      a member's error is its handle's; `map` and `imap` throw the first that they come to.
/// Cancelling  members are children of the scope in which the pool was made and end with it.
/// Threads     its loop's.
/// Lifetime    lives in a task; destroyed with members alive, it cancels them, and the task ends only when
/// they
///             have.
class TaskPool {
public:
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    explicit TaskPool(std::size_t limit = unlimited)
        : group_(std::make_unique<Group>()), places_(std::make_shared<SlotLine>(limit)) {}
    TaskPool(TaskPool&&) = delete;
    ~TaskPool() {
        if (group_->live() == 0) return;
        group_->orphaned = true;
        group_.release()->cancel_children("the pool was destroyed");
    }

    /// Makes `task` a member; it begins when there is a place, in the order of the calls.
    template <class T>
    TaskHandle<T> spawn(Task<T> task, SourceLocation where = SourceLocation::current()) {
        return group_->spawn(in_place(places_, places_->try_acquire(), std::move(task)), {}, where);
    }
    template <class F, class... Args>
        requires(!is_task_v<F> && TaskFunction<F, Args...>)
    auto spawn(F fn, Args... args) {
        return spawn(invoke_task(std::move(fn), std::move(args)...));
    }

    /// Members that have not ended, those that wait for a place too.
    std::size_t size() const { return group_->live(); }
    std::size_t running() const { return places_->taken(); }
    /// The next member would have to wait.
    bool full() const { return size() >= places_->total(); }

    /// Waits until no member is left. May be called again.
    Task<void> join() { co_await group_->join_children(); }
    /// Cancels every member and waits for their ends. The pool takes no more: they would be born cancelled.
    Task<void> kill() {
        group_->cancel_children("the pool was killed");
        co_await group_->join_children();
    }

    /// `fn(item)` of each item, the results in the order of the items.
    template <class F, class Item>
    auto map(F fn, std::vector<Item> items)
        -> Task<std::vector<typename std::invoke_result_t<F&, Item>::value_type>> {
        using R = typename std::invoke_result_t<F&, Item>::value_type;
        InOrder<R> results = imap(fn, std::move(items));
        std::vector<R> all;
        while (auto result = co_await results.next()) all.push_back(std::move(*result));
        co_return all;
    }
    /// The same, one after the other: `while (auto result = co_await results.next())`.
    template <class F, class Item>
    auto imap(F fn, std::vector<Item> items) {
        using R = typename std::invoke_result_t<F&, Item>::value_type;
        std::vector<TaskHandle<R>> tasks;
        for (Item& item : items) tasks.push_back(spawn(fn, std::move(item)));
        return InOrder<R>(std::move(tasks));
    }
    /// The same in the order in which they end: `while (auto task = co_await results.next())`, each a handle.
    template <class F, class Item>
    auto imap_unordered(F fn, std::vector<Item> items, SourceLocation where = SourceLocation::current()) {
        using R = typename std::invoke_result_t<F&, Item>::value_type;
        std::vector<Task<R>> tasks;
        for (Item& item : items)
            tasks.push_back(in_place(places_, places_->try_acquire(), invoke_task(fn, std::move(item))));
        return as_completed(std::move(tasks), Deadline(), where);
    }

private:
    class Group final : public ChildGroup {
    public:
        bool orphaned = false;

    private:
        void child_ended(TaskNode&) noexcept override {}
        void all_ended() noexcept override {
            if (orphaned) delete this;
        }
    };
    template <class T>
    static Task<T> in_place(std::shared_ptr<SlotLine> places, SlotLine::Hold hold, Task<T> task) {
        SlotLine::Acquire place(hold ? nullptr : std::move(places));
        SlotLine::Hold late_hold = co_await place;
        if constexpr (std::is_void_v<T>)
            co_await std::move(task);
        else
            co_return co_await std::move(task);
    }

    std::unique_ptr<Group> group_;
    std::shared_ptr<SlotLine> places_;
};

}  // namespace tandem::inline v1
