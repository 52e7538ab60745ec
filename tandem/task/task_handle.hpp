#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/outcome.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/task/invoke_task.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_node.hpp>
#include <tandem/task/wait.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

template <class T>
class Pending;

/// Waits for a task to end. Cancelling it ends only the wait (sem:K23).
class JoinWait : public Checkpoint<JoinWait>, private CompletionHook {
public:
    explicit JoinWait(TaskNode& joined) : joined_(&joined) { joined.add_reference(); }
    JoinWait(JoinWait&& other) noexcept : joined_(std::exchange(other.joined_, nullptr)) {}
    ~JoinWait() {
        if (joined_) joined_->release();
    }

    bool try_now();
    void start() noexcept {
        joined_->add_hook(*this);
        loop().join_began();
    }
    void result();
    bool request_cancel() noexcept override;
    bool refuse(std::exception_ptr error) noexcept override;
    const char* waiting_for() const noexcept override { return "join"; }
    void show_joined(JoinedVisitor& visitor) const override { visitor.joined(*joined_); }
    TaskNode& joined() const { return *joined_; }

private:
    void task_done(TaskNode&) noexcept override { task().wake(); }
    const TaskNode* waiter() const noexcept override { return &task(); }
    TaskNode* joined_;
    std::exception_ptr refused_;
    bool cancelled_ = false;
};

/// A cancelled task's join, as an exception.
TaskCancelled task_cancelled(const TaskNode& task);
std::string describe_state(const TaskNode& task);
/// ", result 42"; text in quotes and cut after 60 bytes.
std::string describe_result(double number);
std::string describe_result(std::string_view text);
[[noreturn]] void throw_not_done(const TaskNode& task);
[[noreturn]] void throw_empty_handle();
[[noreturn]] void throw_result_taken(const TaskNode& task);
/// The task's loop. Errors: `LoopClosed` if it is closed.
EventLoop& open_loop(const TaskNode& task);
/// Asked for by the running task.
SharedReason make_reason(std::string_view text, SourceLocation where) noexcept;
/// The chain of its awaits as lines of text, the root first.
std::string stack_of(const TaskNode& task);
std::string awaited_by(const TaskNode& task);

/// A running task, seen from its loop: asyncio's `Task`. Copies name the same task.
///
///     auto handle = create_task(page(url));
///     ...
///     std::string text = co_await handle;
///
/// Errors      awaiting it throws what the task threw, or `TaskCancelled` if somebody cancelled it.
/// Cancelling  an awaiter's cancel ends only that wait; `cancel()` asks the task.
/// Threads     its loop's; `cancel()` any, as long as this very handle lives.
/// Lifetime    the loop owns the task: dropping every handle changes nothing, except that a failure nobody
/// looked at
///             is then reported.
template <class T>
class TaskHandle {
public:
    using value_type = T;

    TaskHandle() = default;
    /// Takes over the reference that `TaskNode::spawn` gave.
    explicit TaskHandle(TaskNode& task) : task_(&task) {}
    TaskHandle(const TaskHandle& other) : task_(other.task_) {
        if (task_) task_->add_reference();
    }
    TaskHandle(TaskHandle&& other) noexcept : task_(std::exchange(other.task_, nullptr)) {}
    TaskHandle& operator=(TaskHandle other) noexcept {
        std::swap(task_, other.task_);
        return *this;
    }
    ~TaskHandle() {
        if (task_) task_->release();
    }

    explicit operator bool() const noexcept { return task_ != nullptr; }
    bool operator==(const TaskHandle&) const = default;

    bool done() const { return node().done(); }
    /// The task ended because somebody cancelled it.
    bool cancelled() const { return done() && ended_cancelled(); }
    bool successful() const { return done() && node().result() == PromiseBase::Result::value; }
    bool started() const { return node().resumes() > 0; }

    /// The value. Errors: `InvalidStateError` while it runs, `TaskCancelled`, or the task's own error.
    decltype(auto) result() const {
        check_done();
        node().observe();
        if (ended_cancelled()) throw task_cancelled(node());
        auto& promise = this->promise();
        if (node().result() == PromiseBase::Result::error) std::rethrow_exception(promise.stored_error());
        if constexpr (!std::is_void_v<T>) {
            check_not_taken();
            return static_cast<const std::remove_reference_t<T>&>(promise.value());
        }
    }
    /// The value, moved out: whoever asks for it later gets `InvalidStateError`.
    T take_result() {
        check_done();
        node().observe();
        if (ended_cancelled()) throw task_cancelled(node());
        if constexpr (movable_result)
            if (successful()) take_once();
        return promise().take();
    }
    /// The value for one of possibly many: a copy where other handles may still ask, else moved out.
    T share_result() {
        if constexpr (movable_result && std::is_copy_constructible_v<T>) {
            if (node().references() > 1) return result();
        }
        return take_result();
    }
    /// The task's error, null if it has a value. Errors: as `result()`, without throwing the stored one.
    std::exception_ptr exception() const {
        check_done();
        node().observe();
        if (ended_cancelled()) throw task_cancelled(node());
        return promise().stored_error();
    }
    /// The end as a value; moves the result out.
    Outcome<T> take_outcome() {
        if (!has_value_or_throws()) return failure();
        if constexpr (std::is_void_v<T>)
            return Outcome<T>(std::in_place);
        else if constexpr (std::is_reference_v<T>)
            return Outcome<T>(std::in_place, std::addressof(promise().value()));
        else
            return Outcome<T>(std::in_place, take_result());
    }
    /// The same for one of possibly many: copies the value where it can be copied and others may still ask.
    Outcome<T> share_outcome() {
        if constexpr (movable_result && std::is_copy_constructible_v<T>) {
            if (has_value_or_throws() && node().references() > 1) return Outcome<T>(std::in_place, result());
        }
        return take_outcome();
    }

    /// Asks the task to end. False if it has ended. The first reason stays. From another thread it is a post,
    /// and true unless the loop has closed.
    bool cancel(std::string reason = "cancelled by its handle",
                SourceLocation where = SourceLocation::current()) const {
        return node().cancel_from_anywhere(make_reason(reason, where));
    }
    /// Calls `fn(handle)` once the task has ended: posted, in order of registration, never inline, in the
    /// context of this call. Gives the number that `remove_done_callback` takes.
    template <class F>
    std::uint64_t on_done(F fn) const {
        return node().add_callback([fn = std::move(fn)](TaskNode& ended) mutable {
            ended.add_reference();
            std::invoke(fn, TaskHandle(ended));
        });
    }
    template <class F>
    std::uint64_t add_done_callback(F fn) const {
        return on_done(std::move(fn));
    }
    /// Whether it was still waiting.
    bool remove_done_callback(std::uint64_t id) const { return node().remove_callback(id); }

    std::string name() const { return node().name(); }
    void set_name(std::string_view name) const { node().set_name(name); }
    /// A copy of the task-locals that it runs in, or ended in.
    Context context() const { return node().context(); }
    std::uint64_t id() const { return node().id(); }
    /// Errors: `LoopClosed` once it is closed.
    EventLoop& loop() const { return open_loop(node()); }
    /// Who started it.
    const SourceLocation& spawned_at() const { return node().spawned_at(); }
    /// "Task-3 pending, waiting for sleep at page.cpp:12"; "Task-3 finished, result 42" for numbers and text.
    std::string state() const {
        std::string text = describe_state(node());
        if constexpr (std::is_arithmetic_v<T>) {
            if (successful() && !node().taken())
                text += describe_result(static_cast<double>(promise().value()));
        } else if constexpr (std::is_class_v<T> && std::is_convertible_v<T, std::string_view>) {
            if (successful() && !node().taken()) text += describe_result(std::string_view(promise().value()));
        }
        return text;
    }
    /// The same and below it the chain of its awaits: "page (page.cpp:4) at page.cpp:8", the root first.
    std::string stack() const { return stack_of(node()); }
    /// `stack()` on stderr.
    void print_stack() const;
    /// What it waits for: "sleep", "receive"; empty unless it is suspended.
    std::string awaited_on() const { return awaited_by(node()); }
    TaskNode& node() const {
        if (!task_) throw_empty_handle();
        return *task_;
    }

    /// `co_await handle` gives `const T&`, `co_await std::move(handle)` moves the value out.
    class LvalueAwaiter final : public JoinWait {
    public:
        using JoinWait::JoinWait;
        decltype(auto) await_resume() {
            JoinWait::await_resume();
            joined().add_reference();
            return TaskHandle(joined()).result();
        }
    };
    class RvalueAwaiter final : public JoinWait {
    public:
        using JoinWait::JoinWait;
        T await_resume() {
            JoinWait::await_resume();
            joined().add_reference();
            return TaskHandle(joined()).take_result();
        }
    };
    class OutcomeAwaiter final : public JoinWait {
    public:
        using JoinWait::JoinWait;
        Outcome<T> await_resume() {
            JoinWait::await_resume();
            joined().add_reference();
            return TaskHandle(joined()).share_outcome();
        }
    };
    LvalueAwaiter awaiter() const& { return LvalueAwaiter(node()); }
    RvalueAwaiter awaiter() && { return RvalueAwaiter(node()); }
    /// Waits for the end and gives it as a value: never throws the task's error. The result is copied, and
    /// moved out if it cannot be copied.
    [[nodiscard("co_await it")]] OutcomeAwaiter join() const { return OutcomeAwaiter(node()); }

    /// Waits for the end and looks at nothing.
    [[nodiscard("co_await it")]] JoinWait join_only() const { return JoinWait(node()); }

    /// The same task for other threads. Defined in bridge/pending.hpp.
    Pending<T> pending() const;

private:
    ResultPromise<T>& promise() const { return static_cast<ResultPromise<T>&>(node().root()); }
    bool ended_cancelled() const {
        const auto result = node().result();
        return result == PromiseBase::Result::cancelled || result == PromiseBase::Result::none;
    }
    static constexpr bool movable_result = !std::is_void_v<T> && !std::is_reference_v<T>;
    void check_done() const {
        if (!node().done()) throw_not_done(*task_);
    }
    void check_not_taken() const {
        if (node().taken()) [[unlikely]]
            throw_result_taken(*task_);
    }
    void take_once() {
        check_not_taken();
        node().mark_taken();
    }
    bool has_value_or_throws() const {
        check_done();
        node().observe();
        return !ended_cancelled() && node().result() == PromiseBase::Result::value;
    }
    Outcome<T> failure() const {
        if (ended_cancelled()) return Outcome<T>(task_cancelled(node()));
        return Outcome<T>(Error(promise().stored_error()));
    }

    TaskNode* task_ = nullptr;
};

/// Starts `task` on the running loop, as a child of the loop: it inherits neither deadline nor cancellation
/// of its creator. Its first step is posted, in the order of creation. asyncio's `create_task`,
/// `ensure_future`.
///
/// Errors      without a running loop: `std::runtime_error`.
template <class T>
TaskHandle<T> create_task(Task<T> task, const TaskOptions& options,
                          SourceLocation where = SourceLocation::current()) {
    return this_loop().create_task(std::move(task), options, where);
}
template <class T>
TaskHandle<T> create_task(Task<T> task, SourceLocation where = SourceLocation::current()) {
    return this_loop().create_task(std::move(task), where);
}
/// Starts `fn(args...)`, keeping all of them for as long as the task runs: captures and temporaries are safe
/// (sem:K14). `std::ref` opts out.
template <class F>
    requires(!is_task_v<F> && TaskFunction<F>)
auto create_task(F fn, SourceLocation where = SourceLocation::current()) {
    return create_task(invoke_task(std::move(fn)), where);
}
template <class F>
    requires(!is_task_v<F> && TaskFunction<F>)
auto create_task(F fn, const TaskOptions& options, SourceLocation where = SourceLocation::current()) {
    return create_task(invoke_task(std::move(fn)), options, where);
}
template <class F, class... Args>
    requires(sizeof...(Args) > 0 && !is_task_v<F> && TaskFunction<F, Args...>)
auto create_task(F fn, Args... args) {
    return create_task(invoke_task(std::move(fn), std::move(args)...));
}
/// A handle where a task is wanted is taken as it is.
template <class T>
TaskHandle<T> create_task(TaskHandle<T> handle) {
    return handle;
}

/// From now on every task of this loop runs its first step at once, as with `TaskOptions::eager_start`.
inline void start_tasks_eagerly(EventLoop& loop, bool on = true) { TaskDomain::of(loop).set_eager(on); }

// Implementation

void print_stack_of(const TaskNode& task);
template <class T>
void TaskHandle<T>::print_stack() const {
    print_stack_of(node());
}

template <class T>
TaskHandle<T> spawn_in(TaskDomain& domain, ScopeNode& parent, Task<T> task, const TaskOptions& options,
                       SourceLocation where) {
    if (!task.valid()) throw_moved_from_task();
    // The frame is ours only once the node exists.
    struct Owner {
        PromiseBase* promise;
        ~Owner() {
            if (promise) promise->handle().destroy();
        }
    } owner{&std::move(task).release()};
    TaskNode& node = TaskNode::spawn(domain, parent, owner.promise, options, where);
    return TaskHandle<T>(node);
}
template <class T>
TaskHandle<T> spawn_in(TaskDomain& domain, ScopeNode& parent, Task<T> task, std::string_view name,
                       SourceLocation where) {
    TaskOptions options;
    options.name = name;
    return spawn_in(domain, parent, std::move(task), options, where);
}

template <class T>
TaskHandle<T> EventLoop::create_task(Task<T> task, const TaskOptions& options, SourceLocation where) {
    require_open("start a task");
    TaskDomain& domain = TaskDomain::of(*this);
    return spawn_in(domain, domain.root(), std::move(task), options, where);
}

template <class T>
TaskHandle<T> EventLoop::create_task(Task<T> task, SourceLocation where) {
    return create_task(std::move(task), TaskOptions{}, where);
}

}  // namespace tandem::inline v1
