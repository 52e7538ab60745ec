#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/task/await_cycle.hpp>
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

/// Room for `most` elements in all, growing by doubling, so that appending will not fail.
template <class E>
void reserve_ahead(std::vector<E>& list, std::size_t most) {
    if (list.capacity() < most) list.reserve(most > 2 * list.capacity() ? most : 2 * list.capacity());
}

/// Child tasks that end together. Waiting for them is no checkpoint: it asks them to stop and waits
/// (sem:C20).
class ChildGroup : public GroupScope {
public:
    ChildGroup();
    ~ChildGroup();

    template <class T>
    TaskHandle<T> spawn(Task<T> task, std::string_view name, SourceLocation where) {
        make_room();
        return spawn_in(domain_, *this, std::move(task), name, where);
    }

    template <class T>
    TaskHandle<T> spawn_with(const TaskOptions& options, Task<T> task, SourceLocation where) {
        make_room();
        return spawn_in(domain_, *this, std::move(task), options, where);
    }

    /// The await of all children's ends; throws nothing.
    class Join final : public Wait {
    public:
        explicit Join(ChildGroup& group) : group_(group) {}
        bool await_ready() const noexcept { return group_.idle(); }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept {
            task().suspend(*this);
            group_.joining_ = &task();
            loop().join_began();
            refuse_await_cycle(task());
        }
        void await_resume() const noexcept {}
        // The children lie in our scope: they have been asked already.
        bool request_cancel() noexcept override { return false; }
        const char* waiting_for() const noexcept override { return "children"; }
        void show_joined(JoinedVisitor& visitor) const override;

    private:
        ChildGroup& group_;
    };
    Join join_children() { return Join(*this); }

    void cancel_children(const char* reason, const TaskNode* by = nullptr);
    TaskDomain& domain() const { return domain_; }
    /// No child, and nobody who is about to bring one.
    bool idle() const { return live() == 0 && expected_ == 0; }
    /// A child that others have started will come in: whoever joins waits for it.
    void expect() { ++expected_; }
    void expected_came_or_failed() noexcept;

protected:
    /// It ends when all have; a race needs but one of them.
    virtual bool needs_all() const { return true; }
    /// A child is about to start: what its end needs is to be had now. Errors: `std::bad_alloc`.
    virtual void make_room() {}
    /// Looks at one child's end; waking the joiner happens by itself.
    virtual void child_ended(TaskNode& child) noexcept = 0;
    /// The last child has ended and nobody joins.
    virtual void all_ended() noexcept {}

private:
    void child_done(TaskNode& child) noexcept final;
    void look_whether_idle() noexcept;

    TaskDomain& domain_;
    TaskNode* joining_ = nullptr;
    std::size_t expected_ = 0;
};

/// The scope of the code between the making of an open group and its join: a child's failure cancels it too.
class BodyScope final : public PlainScope {
public:
    // Not `plain`: that is what has a deadline.
    BodyScope() : PlainScope(Kind::group) {}
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
    /// What the first failure cancels, instead of the children alone; they lie in it.
    void set_body(ScopeNode* body) { body_ = body; }

protected:
    /// A child that somebody else cancelled counts as a failure, where that is the rule.
    virtual bool cancelled_child_fails() const { return false; }
    void make_room() override;
    void child_ended(TaskNode& child) noexcept override;

private:
    void abort(const char* reason, const TaskNode& by) noexcept;
    ScopeNode* body_ = nullptr;
    std::vector<std::exception_ptr> failures_;  // with room for each living child's
    std::exception_ptr fatal_;
};

/// What a child started by `TaskGroup::start()` calls once it is ready: `started(value)`, or `started()` for
/// void. Called twice, or after its `start()` has given up: `InvalidStateError`.
template <class T = void>
class Started;
template <class F>
struct StartedValueOf;

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
        return state_->spawn_with(options, std::move(task), where);
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

    /// Starts `fn(started, args...)` and waits until it calls `started(value)`; gives that value. Until then
    /// the child belongs to the caller, from then on to the group: Trio's `nursery.start`.
    ///
    ///     auto port = co_await group.start(serve, address);   // Task<void> serve(Started<int> started, ...)
    ///
    /// Errors      what the child threw before; `InvalidStateError` if it ended without calling it.
    /// Cancelling  cancels and joins that child only.
    template <class F, class... Args>
    auto start(F fn, Args... args) -> Task<typename StartedValueOf<F>::type>;

    /// Runs `cleanup` when the children have ended, whatever happened, the last one given first: each in a
    /// shield with the grace of cleanups. Its error is one more failure of the group (sem:C54).
    void on_exit(Task<void> cleanup);

    /// Waits for all children, also those added meanwhile.
    Task<void> join();
    /// Ends the group without an exception. Before the join: children started later are born cancelled. The
    /// body of `with_task_group` is cancelled too; where it had a value to give, `TaskCancelled` is thrown.
    void cancel(std::string reason = "the group was cancelled",
                SourceLocation where = SourceLocation::current());
    std::size_t size() const { return state_ ? state_->live() : 0; }

private:
    template <class F, class... Args>
    friend auto with_task_group(F fn, Args... args) -> std::invoke_result_t<F&, TaskGroup&, Args&...>;
    enum class Form : std::uint8_t { open, with_body };
    explicit TaskGroup(Form form);
    class State final : public FailFastGroup {
    public:
        bool orphaned = false;  // left without a join: dies with its last child

    private:
        void all_ended() noexcept override {
            if (orphaned) delete this;
        }
    };
    void require_open() const;
    void leave_body();
    Task<void> run_exits();
    /// After the children have ended: throws what is to be thrown. `body` is the body's own error.
    void conclude(std::exception_ptr body);

    std::unique_ptr<State> state_;  // null after the join
    BodyScope body_;                // of the open form
    std::size_t failed_before_body_ = 0;
    std::vector<Task<void>> exits_;
};

/// The group was cancelled on its own and its body has no value.
[[noreturn]] void throw_no_value_of_group(const SharedReason& why);

/// Calls `fn(group, args...)` inside the group's scope, joins the group, and gives `fn`'s value.
template <class F, class... Args>
auto with_task_group(F fn, Args... args) -> std::invoke_result_t<F&, TaskGroup&, Args&...> {
    using T = typename std::invoke_result_t<F&, TaskGroup&, Args&...>::value_type;
    TaskGroup group(TaskGroup::Form::with_body);
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> value;
    std::exception_ptr error;
    try {
        if constexpr (std::is_void_v<T>)
            co_await std::invoke(fn, group, args...);
        else
            value.emplace(co_await std::invoke(fn, group, args...));
    } catch (...) {
        error = std::current_exception();
    }
    group.failed_before_body_ = group.state_->failures().size();
    [[maybe_unused]] const SharedReason why = error ? group.state_->reason() : nullptr;
    // Cancelled from outside, it knows why already.
    if (error && !group.state_->cancelled()) group.state_->cancel_children("the group's body failed");
    co_await group.state_->join_children();
    co_await group.run_exits();
    group.leave_body();
    group.conclude(error);
    if constexpr (!std::is_void_v<T>) {
        if (!value) throw_no_value_of_group(why);
        co_return std::move(*value);
    }
}

// Implementation of start()

/// Where a child lives until it says that it has started.
class StartGroup final : public ChildGroup {
public:
    explicit StartGroup(ChildGroup& target) : target_(target) { target.expect(); }
    ~StartGroup();

    /// The child's: moves it over, unless the start was cancelled meanwhile.
    void started();
    /// Once it has ended or started: throws if there is no value.
    void conclude(const TaskNode& child);
    bool has_started() const { return started_; }

    class Wait final : public tandem::Wait {
    public:
        explicit Wait(StartGroup& group) : group_(group) {}
        bool await_ready() const noexcept { return group_.started_ || group_.live() == 0; }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept {
            task().suspend(*this);
            group_.waiting_ = &task();
        }
        void await_resume() const noexcept {}
        // The child lies in our scope: it has been asked already.
        bool request_cancel() noexcept override { return false; }
        const char* waiting_for() const noexcept override { return "a child to start"; }

    private:
        StartGroup& group_;
    };
    Wait wait() { return Wait(*this); }

private:
    void child_ended(TaskNode& child) noexcept override;
    void wake() noexcept;

    ChildGroup& target_;
    TaskNode* waiting_ = nullptr;
    bool started_ = false;
};

template <class T>
struct StartSlot {
    StartGroup* group = nullptr;  // null once the start is over
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> value;
};
[[noreturn]] void throw_started_too_often();

template <class T>
class Started {
public:
    explicit Started(std::shared_ptr<StartSlot<T>> slot) : slot_(std::move(slot)) {}
    void operator()(T value) const {
        if (!slot_->group || slot_->value) throw_started_too_often();
        slot_->value.emplace(std::move(value));
        slot_->group->started();
    }

private:
    std::shared_ptr<StartSlot<T>> slot_;
};
template <>
class Started<void> {
public:
    explicit Started(std::shared_ptr<StartSlot<void>> slot) : slot_(std::move(slot)) {}
    void operator()() const {
        if (!slot_->group || slot_->value) throw_started_too_often();
        slot_->value.emplace(true);
        slot_->group->started();
    }

private:
    std::shared_ptr<StartSlot<void>> slot_;
};

template <class F>
    requires requires { &F::operator(); }
struct StartedValueOf<F> : StartedValueOf<decltype(&F::operator())> {};
template <class R, class T, class... Args>
struct StartedValueOf<R (*)(Started<T>, Args...)> {
    using type = T;
};
template <class R, class C, class T, class... Args>
struct StartedValueOf<R (C::*)(Started<T>, Args...)> {
    using type = T;
};
template <class R, class C, class T, class... Args>
struct StartedValueOf<R (C::*)(Started<T>, Args...) const> {
    using type = T;
};

template <class F, class... Args>
auto TaskGroup::start(F fn, Args... args) -> Task<typename StartedValueOf<F>::type> {
    using T = typename StartedValueOf<F>::type;
    require_open();
    auto slot = std::make_shared<StartSlot<T>>();
    StartGroup group(*state_);
    slot->group = &group;
    struct Over {
        explicit Over(StartSlot<T>& s) : slot(s) {}
        ~Over() { slot.group = nullptr; }
        StartSlot<T>& slot;
    } over(*slot);
    Task<typename std::invoke_result_t<F, Started<T>, Args...>::value_type> task =
        invoke_task(std::move(fn), Started<T>(slot), std::move(args)...);
    auto handle = group.spawn(std::move(task), {}, SourceLocation::current());
    co_await group.wait();
    group.conclude(handle.node());
    if constexpr (!std::is_void_v<T>) co_return std::move(*slot->value);
}

}  // namespace tandem::inline v1
