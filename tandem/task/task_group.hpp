#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/task/invoke_task.hpp>
#include <tandem/task/scope_node.hpp>
#include <tandem/task/task_handle.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

/// Child tasks that end together. Waiting for them is no checkpoint: it asks them to stop and waits
/// (sem:C20).
class ChildGroup : public GroupScope {
public:
    ChildGroup();
    ~ChildGroup();

    template <class T>
    TaskHandle<T> spawn(Task<T> task, std::string_view name, SourceLocation where) {
        return spawn_in(domain_, *this, std::move(task), name, where);
    }

    /// The await of all children's ends; throws nothing.
    class Join final : public Wait {
    public:
        explicit Join(ChildGroup& group) : group_(group) {}
        bool await_ready() const noexcept { return group_.live() == 0; }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept {
            task().suspend(*this);
            group_.joining_ = &task();
        }
        void await_resume() const noexcept {}
        // The children lie in our scope: they have been asked already.
        bool request_cancel() noexcept override { return false; }
        const char* waiting_for() const noexcept override { return "children"; }

    private:
        ChildGroup& group_;
    };
    Join join_children() { return Join(*this); }

    void cancel_children(const char* reason, const TaskNode* by = nullptr);
    TaskDomain& domain() const { return domain_; }

protected:
    /// Looks at one child's end; waking the joiner happens by itself.
    virtual void child_ended(TaskNode& child) noexcept = 0;
    /// The last child has ended and nobody joins.
    virtual void all_ended() noexcept {}

private:
    void child_done(TaskNode& child) noexcept final;

    TaskDomain& domain_;
    TaskNode* joining_ = nullptr;
};

/// The errors of a group's children: the first one cancels the others.
class FailFastGroup : public ChildGroup {
public:
    ~FailFastGroup();

    bool failed() const { return !failures_.empty(); }
    const std::vector<std::exception_ptr>& failures() const { return failures_; }
    /// They were told to somebody: none is reported when the group dies.
    std::vector<std::exception_ptr> take_failures() { return std::move(failures_); }
    void add_failure(std::exception_ptr error);
    /// `SystemExit` or `Interrupted` of a child: it goes on alone (sem:G47). Null if there was none.
    const std::exception_ptr& fatal() const { return fatal_; }

protected:
    /// A child that somebody else cancelled counts as a failure, where that is the rule.
    virtual bool cancelled_child_fails() const { return false; }
    void child_ended(TaskNode& child) noexcept override;

private:
    std::vector<std::exception_ptr> failures_;
    std::exception_ptr fatal_;
};

/// Tasks that live and die together: asyncio's TaskGroup.
///
///     co_await with_task_group([](TaskGroup& group) -> Task<void> {
///         group.create_task(watch(a));
///         group.create_task(watch(b));
///         co_return;
///     });
///
/// Errors      the first child that fails cancels the others and the body; when all have ended,
/// `ExceptionGroup` with
///             every failure, in order of completion. Used after the join: `InvalidStateError`.
/// Cancelling  the caller's cancel cancels the children, joins them, and goes on. A child cancelled on its
/// own does
///             not touch the group.
/// Threads     its loop's.
/// Lifetime    `join()` before it dies; destroyed unjoined, it cancels its children and the enclosing task
/// ends only
///             when they have.
class TaskGroup {
public:
    TaskGroup();
    TaskGroup(TaskGroup&&) = delete;
    ~TaskGroup();

    /// Starts a child. In a group that is ending: it is born cancelled.
    template <class T>
    TaskHandle<T> create_task(Task<T> task, const TaskOptions& options,
                              SourceLocation where = SourceLocation::current()) {
        require_open();
        return state_->spawn(std::move(task), options.name, where);
    }
    template <class T>
    TaskHandle<T> create_task(Task<T> task, SourceLocation where = SourceLocation::current()) {
        return create_task(std::move(task), TaskOptions{}, where);
    }
    /// Starts `fn(args...)`, keeping both in the child.
    template <class F, class... Args>
        requires(!is_task_v<F> && TaskFunction<F, Args...>)
    auto create_task(F fn, Args... args) {
        return create_task(invoke_task(std::move(fn), std::move(args)...), TaskOptions{});
    }

    /// Waits for all children, also those added meanwhile.
    Task<void> join();
    /// Ends the group without an exception. Before the join: children started later are born cancelled.
    void cancel(std::string reason = "the group was cancelled",
                SourceLocation where = SourceLocation::current());
    std::size_t size() const { return state_ ? state_->live() : 0; }

private:
    template <class F, class... Args>
    friend auto with_task_group(F fn, Args... args) -> std::invoke_result_t<F&, TaskGroup&, Args&...>;
    class State final : public FailFastGroup {
    public:
        bool orphaned = false;  // left without a join: dies with its last child

    private:
        void all_ended() noexcept override {
            if (orphaned) delete this;
        }
    };
    void require_open() const;
    void enter_body();
    void leave_body();
    /// After the children have ended: throws what is to be thrown. `body` is the body's own error.
    void conclude(std::exception_ptr body);

    std::unique_ptr<State> state_;  // null after the join
};

/// Calls `fn(group, args...)` inside the group's scope, joins the group, and gives `fn`'s value.
template <class F, class... Args>
auto with_task_group(F fn, Args... args) -> std::invoke_result_t<F&, TaskGroup&, Args&...> {
    using T = typename std::invoke_result_t<F&, TaskGroup&, Args&...>::value_type;
    TaskGroup group;
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> value;
    std::exception_ptr error;
    group.enter_body();
    try {
        if constexpr (std::is_void_v<T>)
            co_await std::invoke(fn, group, args...);
        else
            value.emplace(co_await std::invoke(fn, group, args...));
    } catch (...) {
        error = std::current_exception();
    }
    // Cancelled from outside, it knows why already.
    if (error && !group.state_->cancelled()) group.state_->cancel_children("the group's body failed");
    co_await group.state_->join_children();
    group.leave_body();
    group.conclude(error);
    if constexpr (!std::is_void_v<T>) co_return std::move(*value);
}

}  // namespace tandem::inline v1
