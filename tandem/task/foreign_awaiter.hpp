#pragma once

#include <tandem/task/promise.hpp>
#include <tandem/task/task_node.hpp>
#include <tandem/task/wait.hpp>

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

template <class A>
concept MemberCoAwait = requires(A&& a) { std::forward<A>(a).operator co_await(); };
template <class A>
concept FreeCoAwait = requires(A&& a) { operator co_await(std::forward<A>(a)); };
template <class A>
concept PlainAwaiter = requires(A&& a) {
    a.await_ready();
    a.await_resume();
};
template <class A>
concept ForeignAwaitable = MemberCoAwait<A> || FreeCoAwait<A> || PlainAwaiter<A>;

/// The handle that a foreign awaiter receives: its `resume()` may be called from any thread, once, and posts
/// the task instead of running it there. It has the two leading fields of a coroutine frame, the layout that
/// both compilers use and `coroutine_handle::resume` relies on.
class RelayFrame {
public:
    RelayFrame() = default;
    std::coroutine_handle<> handle() { return std::coroutine_handle<>::from_address(this); }

protected:
    ~RelayFrame() = default;
    void aim(TaskNode& task) { task_ = &task; }

private:
    static void resume_task(RelayFrame* frame);
    static void refuse(RelayFrame* frame);

    [[maybe_unused]] void (*resume_)(RelayFrame*) = &resume_task;
    [[maybe_unused]] void (*destroy_)(RelayFrame*) = &refuse;
    TaskNode* task_ = nullptr;
};

/// A foreign awaiter that can be asked to end (sem:C13): `await_cancel(handle)` says true if nothing is in
/// flight any more, so that the task may go on, and false if `handle` will be resumed. `await_completed()`,
/// asked after that, says whether there is a result after all; without it there is none. Neither may throw.
template <class A>
concept CancellableAwaiter = requires(A& a, std::coroutine_handle<> handle) {
    { a.await_cancel(handle) } noexcept -> std::same_as<bool>;
};

/// Awaits anything with a C++20 awaiter. A wait without `await_cancel` cannot be cancelled: the task stays
/// until it completes (sem:K9, C15). One with it is a checkpoint.
template <class A>
class ForeignAwaiter final : public Wait, private RelayFrame {
    static decltype(auto) adapt(A awaitable) {
        if constexpr (MemberCoAwait<A>)
            return std::forward<A>(awaitable).operator co_await();
        else if constexpr (FreeCoAwait<A>)
            return operator co_await(std::forward<A>(awaitable));
        else
            return std::forward<A>(awaitable);
    }
    using Inner = decltype(adapt(std::declval<A>()));

public:
    ForeignAwaiter(PromiseBase& frame, A awaitable) : inner_(adapt(std::forward<A>(awaitable))) {
        bind(frame);
    }

    bool await_ready() {
        if constexpr (cancellable) {
            // Nothing is started in a cancelled scope (sem:C22).
            if (task().scope().cancelled()) task().throw_cancelled();
        }
        return static_cast<bool>(inner_.await_ready());
    }
    [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) {
        TaskNode& waiter = task();
        aim(waiter);
        waiter.suspend(*this);
        try {
            suspend_inner(waiter);
        } catch (...) {
            // It refused: the frame goes on with the exception, in the same step.
            waiter.unsuspend();
            throw;
        }
    }
    decltype(auto) await_resume() {
        if constexpr (cancellable) {
            if (asked_ && !completed()) task().throw_cancelled();
        }
        return inner_.await_resume();
    }

    bool request_cancel() noexcept override {
        if constexpr (cancellable) {
            asked_ = true;
            return inner_.await_cancel(handle());
        } else {
            return false;
        }
    }
    bool may_end_from_outside() const noexcept override { return true; }
    const char* waiting_for() const noexcept override {
        return cancellable ? "a foreign awaiter" : "a foreign awaiter (uncancellable)";
    }

private:
    static constexpr bool cancellable = CancellableAwaiter<std::remove_reference_t<Inner>>;
    bool completed() const {
        if constexpr (requires { inner_.await_completed(); })
            return inner_.await_completed();
        else
            return false;
    }
    void suspend_inner(TaskNode& waiter) {
        using R = decltype(inner_.await_suspend(handle()));
        if constexpr (std::is_void_v<R>) {
            inner_.await_suspend(handle());
        } else if constexpr (std::is_same_v<R, bool>) {
            if (!inner_.await_suspend(handle())) waiter.wake();
        } else {
            // Symmetric transfer: what it names is resumed; if that is our own relay, it posts.
            const std::coroutine_handle<> next = inner_.await_suspend(handle());
            next.resume();
        }
    }

    Inner inner_;
    bool asked_ = false;
};

}  // namespace tandem::inline v1
