#pragma once

#include <tandem/base/time.hpp>
#include <tandem/task/foreign_awaiter.hpp>
#include <tandem/task/promise.hpp>
#include <tandem/task/task_node.hpp>
#include <tandem/task/wait.hpp>

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

template <class T>
class Pending;
class StartOn;
struct GetOptions;

[[noreturn]] void throw_moved_from_task();
/// A Task was destroyed without having been started: counted, and in debug reported to the loop's exception
/// handler.
void note_never_awaited(const SourceLocation& born) noexcept;
/// How many Tasks of this process were.
std::uint64_t never_awaited_tasks() noexcept;

template <class T>
inline constexpr bool is_task_v = false;
template <class T>
inline constexpr bool is_task_v<Task<T>> = true;

/// Where a task's result waits: in its frame, so that handing it over allocates nothing.
template <class T>
class ResultPromise : public PromiseBase {
public:
    // An over-aligned result would move the promise away from where handles are computed; it is boxed.
    static constexpr bool boxed = !std::is_reference_v<T> && alignof(std::remove_reference_t<T>) > 16;
    using Value =
        std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, std::remove_const_t<T>>;
    using Stored = std::conditional_t<boxed, std::unique_ptr<Value>, Value>;

    ResultPromise() noexcept : PromiseBase(operations) {}
    // What a result throws as it ends with its task has nobody to go to: std::terminate(), here, where no
    // compiler has to unwind out of a frame's end.
    ~ResultPromise() noexcept {
        if (result_ == Result::value) value_.~Stored();
    }

    // The default lets a body say `co_return {a, b};`.
    template <class U = T>
        requires std::convertible_to<U&&, T>
    void return_value(U&& value) noexcept(std::is_nothrow_constructible_v<T, U&&>) {
        if constexpr (std::is_reference_v<T>) {
            T reference = std::forward<U>(value);
            ::new (static_cast<void*>(std::addressof(value_))) Stored(std::addressof(reference));
        } else if constexpr (boxed) {
            ::new (static_cast<void*>(std::addressof(value_))) Stored(new Value(std::forward<U>(value)));
        } else {
            ::new (static_cast<void*>(std::addressof(value_))) Stored(std::forward<U>(value));
        }
        result_ = Result::value;
    }

    /// Precondition: `result_` is value.
    std::remove_reference_t<T>& value() {
        if constexpr (std::is_reference_v<T> || boxed)
            return *value_;
        else
            return value_;
    }
    T take() {
        if (result_ != Result::value) std::rethrow_exception(stored_error());
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*value_);
        else if constexpr (boxed)
            return std::move(*value_);
        else
            return std::move(value_);
    }

private:
    static constexpr Operations operations = {
        [](PromiseBase& ended) noexcept -> PromiseBase* {
            if constexpr (!std::is_nothrow_move_constructible_v<Stored>) {
                return nullptr;
            } else {
                auto& from = static_cast<ResultPromise&>(ended);
                auto* kept = new (std::nothrow) ResultPromise();
                if (!kept) return nullptr;
                if (from.result_ == Result::value)
                    ::new (static_cast<void*>(std::addressof(kept->value_))) Stored(std::move(from.value_));
                kept->copy_end_of(ended);
                return kept;
            }
        },
        [](PromiseBase& kept) noexcept { delete static_cast<ResultPromise*>(&kept); }};

    union {
        Stored value_;
    };
};

template <>
class ResultPromise<void> : public PromiseBase {
public:
    ResultPromise() noexcept : PromiseBase(operations) {}
    ~ResultPromise() = default;
    void return_void() noexcept { result_ = Result::value; }
    void take() {
        if (result_ != Result::value) std::rethrow_exception(stored_error());
    }

private:
    static const Operations operations;
};

template <class A>
concept LibraryAwaiter = std::derived_from<std::remove_cvref_t<A>, Wait>;

template <class A>
concept HasAwaiter = requires(A&& a) {
    { std::forward<A>(a).awaiter() } -> LibraryAwaiter;
};
template <class A>
concept BecomesTask = requires(A&& a) { std::forward<A>(a).to_task().awaiter(); };

/// The promise of `Task<T>`: all awaiting of a task's frames goes through its `await_transform`.
template <class T>
class TaskPromise : public ResultPromise<T> {
public:
    Task<T> get_return_object(SourceLocation born = SourceLocation::current()) noexcept;

    template <class U>
    auto await_transform(Task<U>&& task, SourceLocation where = SourceLocation::current()) noexcept {
        this->stand_at(where);
        return std::move(task).awaiter();
    }
    /// `co_await t` of a named Task does not compile, and says so in words.
    template <class U>
    auto await_transform(Task<U>& task) noexcept {
        static_assert(!std::is_same_v<U, U>,
                      "a Task is consumed by its one await: write co_await std::move(task)");
        return std::move(task).awaiter();
    }

    template <LibraryAwaiter A>
    auto await_transform(A&& awaiter, SourceLocation where = SourceLocation::current()) noexcept {
        this->stand_at(where);
        awaiter.bind(*this);
        return Referred<std::remove_reference_t<A>>(awaiter);
    }
    /// Things that become a Task when they are awaited: a `dual` call.
    template <BecomesTask A>
    auto await_transform(A&& call, SourceLocation where = SourceLocation::current()) {
        this->stand_at(where);
        return std::forward<A>(call).to_task().awaiter();
    }
    /// Things with an `awaiter()` of the library's kind: handles.
    template <HasAwaiter A>
    auto await_transform(A&& awaitable, SourceLocation where = SourceLocation::current()) {
        this->stand_at(where);
        return Bound<decltype(std::forward<A>(awaitable).awaiter())>(*this, std::forward<A>(awaitable));
    }
    template <class A>
        requires(!LibraryAwaiter<A> && !HasAwaiter<A> && !BecomesTask<A>)
    auto await_transform(A&& awaitable, SourceLocation where = SourceLocation::current()) {
        static_assert(ForeignAwaitable<A>,
                      "this type cannot be awaited: it has no C++20 awaiter and no operator co_await");
        this->stand_at(where);
        return ForeignAwaiter<A&&>(*this, std::forward<A>(awaitable));
    }

private:
    // By value, since g++ 12 copies an awaiter that await_transform returns as a reference.
    template <class Awaiter>
    class Referred {
    public:
        explicit Referred(Awaiter& awaiter) : awaiter_(&awaiter) {}
        bool await_ready() { return awaiter_->await_ready(); }
        void await_suspend(std::coroutine_handle<> handle) noexcept { awaiter_->await_suspend(handle); }
        decltype(auto) await_resume() { return awaiter_->await_resume(); }

    private:
        Awaiter* awaiter_;
    };
    template <class Awaiter>
    struct Bound {
        template <class A>
        Bound(PromiseBase& frame, A&& awaitable) : awaiter(std::forward<A>(awaitable).awaiter()) {
            awaiter.bind(frame);
        }
        bool await_ready() { return awaiter.await_ready(); }
        void await_suspend(std::coroutine_handle<> handle) noexcept { awaiter.await_suspend(handle); }
        decltype(auto) await_resume() { return awaiter.await_resume(); }
        Awaiter awaiter;
    };
};

/// A coroutine that has not run yet: written once, it serves every caller.
///
///     Task<std::string> page(std::string url);
///     std::string a = co_await page(u);   // in a coroutine: same task, same step, no scheduling
///     std::string b = page(u).get();      // in plain code: runs on the background loop, blocks this thread
///     auto later = page(u).start();       // in plain code: a Pending
///
/// Lazy: calling the function runs none of its body. Unbound until it is started, then pinned to that loop
/// for life.
///
/// Errors      whatever the body throws, at the await or `get()`, the same object.
/// Cancelling  `co_await f()` is no checkpoint of its own: the first operation inside is.
/// Threads     may be moved to another thread until it is started.
/// Lifetime    consumed once, as an rvalue. Destroyed unstarted, it destroys its arguments and runs nothing.
template <class T>
class [[nodiscard("co_await it, start it, or call .get()")]] Task {
public:
    using promise_type = TaskPromise<T>;
    using value_type = T;

    Task(Task&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            reset();
            promise_ = std::exchange(other.promise_, nullptr);
        }
        return *this;
    }
    ~Task() { reset(); }

    /// Runs it to its end from plain code and gives its result. Defined in bridge/get.hpp, with the caller
    /// kinds.
    T get(SourceLocation where = SourceLocation::current()) &&;
    /// The same with a limit: when it has passed, the work is cancelled and joined, then `TimeoutError`.
    T get(Deadline deadline, SourceLocation where = SourceLocation::current()) &&;
    /// The same once `stop` (a `std::stop_token`) is asked: then `TaskCancelled`, unless a value came after
    /// all.
    template <class Stop>
        requires requires(const Stop& stop) { stop.stop_requested(); }
    T get(Stop stop, SourceLocation where = SourceLocation::current()) &&;
    /// `f().get({.deadline = 2s, .context = ContextFlow::back})`.
    T get(const GetOptions& options, SourceLocation where = SourceLocation::current()) &&;
    /// Starts it on the background loop, or `on(loop)`, and goes on. Defined in bridge/pending.hpp.
    Pending<T> start(SourceLocation where = SourceLocation::current()) &&;
    Pending<T> start(StartOn where_to, SourceLocation where = SourceLocation::current()) &&;

    bool valid() const noexcept { return promise_ != nullptr; }
    /// Where the coroutine is defined.
    SourceLocation born() const { return promise_ ? promise_->born() : SourceLocation(); }

    // For the library: giving the frame away, and awaiting it.
    TaskPromise<T>& release() && {
        require();
        return *std::exchange(promise_, nullptr);
    }
    class Awaiter;
    Awaiter awaiter() && noexcept { return Awaiter(std::exchange(promise_, nullptr)); }

private:
    friend class TaskPromise<T>;
    explicit Task(TaskPromise<T>& promise) noexcept : promise_(&promise) {}
    void reset() noexcept {
        if (!promise_) return;
        note_never_awaited(promise_->born());
        std::exchange(promise_, nullptr)->handle().destroy();
    }
    void require() const {
        if (!promise_) throw_moved_from();
    }
    [[noreturn]] static void throw_moved_from();

    TaskPromise<T>* promise_;
};

// Implementation

template <class T>
void Task<T>::throw_moved_from() {
    throw_moved_from_task();
}

template <class T>
Task<T> TaskPromise<T>::get_return_object(SourceLocation born) noexcept {
    this->set_born(born);
    return Task<T>(*this);
}

/// Enters the awaited frame in the same step: the step's loop resumes it, not we (sem:L7, Z30).
template <class T>
class Task<T>::Awaiter {
public:
    explicit Awaiter(TaskPromise<T>* promise) noexcept : promise_(promise) {}
    Awaiter(Awaiter&& other) noexcept : promise_(std::exchange(other.promise_, nullptr)) {}
    Awaiter& operator=(Awaiter&&) = delete;
    ~Awaiter() {
        if (promise_) promise_->handle().destroy();
    }

    bool await_ready() const {
        if (!promise_) [[unlikely]]
            throw_moved_from();
        return false;
    }
    template <class P>
    void await_suspend(std::coroutine_handle<P> awaiting) noexcept {
        TaskNode& task = *current_task_node();
        promise_->start_in(task, &awaiting.promise());
        task.go_on_with(*promise_);
    }
    T await_resume() { return promise_->take(); }

private:
    TaskPromise<T>* promise_;
};

}  // namespace tandem::inline v1
