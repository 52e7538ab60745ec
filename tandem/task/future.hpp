#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/held_state.hpp>
#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/base/unique_function.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/wait.hpp>

#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace tandem::inline v1 {

class FutureWait;

/// What every future has, whatever its type: its state, and who waits for its end.
class FutureCore : public std::enable_shared_from_this<FutureCore> {
public:
    enum class State : std::uint8_t { pending, value, error, cancelled };

    FutureCore(EventLoop& loop, SourceLocation made_at) : life_(loop.life()), made_at_(made_at) {}
    FutureCore(const FutureCore&) = delete;
    FutureCore& operator=(const FutureCore&) = delete;

    State state() const { return state_; }
    bool done() const { return state_ != State::pending; }
    /// Errors: `LoopClosed`.
    EventLoop& loop() const;
    /// Errors: `InvalidStateError` unless it is pending.
    void require_pending(const char* what) const;
    /// Errors: `InvalidStateError` while it is pending; `TaskCancelled`; its own error.
    void require_value();
    /// Null for a value. Errors: `InvalidStateError` while it is pending; `TaskCancelled`.
    std::exception_ptr error();
    void fail(std::exception_ptr error);
    bool cancel(std::string reason);
    std::uint64_t add_callback(UniqueFunction<void()> fn);
    bool remove_callback(std::uint64_t id);
    std::string describe() const;

protected:
    ~FutureCore();
    /// It has ended: posts callbacks and wakes awaiters, in the order in which they came.
    void settle(State state);

private:
    friend class FutureWait;
    struct Listener {
        std::uint64_t id;             // of a callback
        UniqueFunction<void()> call;  // or
        FutureWait* wait;             // an awaiter
    };
    void post(std::uint64_t id);
    void call(std::uint64_t id);

    std::shared_ptr<LoopLife> life_;
    SourceLocation made_at_;
    State state_ = State::pending;
    bool observed_ = false;
    std::uint64_t last_id_ = 0;
    std::exception_ptr error_;
    std::string reason_;
    std::list<Listener> listeners_;  // pending: all; afterwards: callbacks that are posted and have not run
};

template <class T>
class FutureState final : public FutureCore {
public:
    using FutureCore::FutureCore;
    using Value = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
    template <class... U>
    void set(U&&... value) {
        require_pending("set_result");
        value_.emplace(std::forward<U>(value)...);
        settle(State::value);
    }
    Value& value() {
        require_value();
        if (!value_) throw_taken();
        return *value_;
    }
    Value take() {
        Value taken = std::move(value());
        if constexpr (!std::is_void_v<T>) value_.reset();
        return taken;
    }

private:
    [[noreturn]] static void throw_taken() {
        throw InvalidStateError(
            "the value of this Future was moved out already: co_await it as an lvalue to share it");
    }
    std::optional<Value> value_;
};

/// Waits for a future to end. Cancelling it ends only the wait (sem:K23).
class FutureWait : public Checkpoint<FutureWait> {
public:
    explicit FutureWait(std::shared_ptr<FutureCore> core) : core_(std::move(core)) {}
    bool try_now();
    void start() noexcept;
    void result() {
        if (cancelled_) task().throw_cancelled();
    }
    bool request_cancel() noexcept override;
    const char* waiting_for() const noexcept override { return "a future"; }

private:
    friend class FutureCore;
    std::shared_ptr<FutureCore> core_;
    bool cancelled_ = false;
};

template <class T>
inline constexpr bool is_future_v = false;
template <class T>
inline constexpr bool is_future_v<Future<T>> = true;

/// A value that will be set on its loop, with any number of awaiters and callbacks: asyncio's `Future`.
/// Copies name the same one.
///
///     Future<std::string> answer;
///     library.ask([answer](std::string text) mutable { answer.set_result(text); });
///     const std::string& text = co_await answer;
///
/// Errors      setting it a second time: `InvalidStateError`. An error that nobody looks at is reported once,
/// when
///             the last copy is gone.
/// Cancelling  an awaiter's cancel ends only that wait; `cancel()` ends the future, its awaiters get
/// `TaskCancelled`. Threads     its loop's. From others: `make_completion<T>()`. Lifetime    outlives its
/// loop harmlessly.
template <class T>
class Future {
public:
    using value_type = T;

    explicit Future(EventLoop& loop = this_loop(), SourceLocation where = SourceLocation::current())
        : state_(std::make_shared<FutureState<T>>(loop, where)) {}

    template <class U = T>
    void set_result(U&& value) const
        requires(!std::is_void_v<T> && std::is_constructible_v<T, U &&>)
    {
        state_->set(std::forward<U>(value));
    }
    void set_result() const
        requires std::is_void_v<T>
    {
        state_->set();
    }
    void set_exception(std::exception_ptr error) const { state_->fail(std::move(error)); }
    template <class E>
        requires(!std::is_same_v<E, std::exception_ptr>)
    void set_exception(E error) const {
        set_exception(std::make_exception_ptr(std::move(error)));
    }
    /// False if it has ended.
    bool cancel(std::string reason = "cancelled by its Future") const {
        return state_->cancel(std::move(reason));
    }

    bool done() const { return state_->done(); }
    bool cancelled() const { return state_->state() == FutureCore::State::cancelled; }
    bool successful() const { return state_->state() == FutureCore::State::value; }
    /// The value. Errors: `InvalidStateError` while it is pending, `TaskCancelled`, or its own error.
    decltype(auto) result() const {
        if constexpr (std::is_void_v<T>)
            static_cast<void>(state_->value());
        else
            return std::as_const(state_->value());
    }
    T take_result() const {
        if constexpr (std::is_void_v<T>)
            static_cast<void>(state_->value());
        else
            return state_->take();
    }
    /// Its error, null if it has a value.
    std::exception_ptr exception() const { return state_->error(); }
    std::string state() const { return state_->describe(); }
    EventLoop& loop() const { return state_->loop(); }
    bool operator==(const Future&) const = default;

    /// Calls `fn(future)` once it has ended: posted, in order of registration, never inline. Gives an id for
    /// `remove_done_callback`.
    template <class F>
    std::uint64_t add_done_callback(F fn) const {
        // Weak: a future does not keep itself alive by its own callbacks; whoever runs them holds it.
        std::weak_ptr<FutureState<T>> weak = state_.shared();
        return state_->add_callback(
            [weak, fn = std::move(fn)]() mutable { std::invoke(fn, Future(weak.lock())); });
    }
    template <class F>
    std::uint64_t on_done(F fn) const {
        return add_done_callback(std::move(fn));
    }
    /// Whether it was still waiting to be called.
    bool remove_done_callback(std::uint64_t id) const { return state_->remove_callback(id); }

    /// `fn` of the value, when it is there, as a future; where `fn` gives a future, that one. An error or a
    /// cancel passes by `fn`. Twisted's callback.
    template <class F>
    auto then(F fn) const;
    /// `fn(std::exception_ptr)` in place of an error; a value passes by `fn`. Twisted's errback.
    template <class F>
    Future recover(F fn) const;

    class LvalueAwaiter final : public FutureWait {
    public:
        explicit LvalueAwaiter(const Future& future) : FutureWait(future.state_.shared()), future_(future) {}
        decltype(auto) await_resume() {
            FutureWait::await_resume();
            return future_.result();
        }

    private:
        Future future_;
    };
    class RvalueAwaiter final : public FutureWait {
    public:
        explicit RvalueAwaiter(const Future& future) : FutureWait(future.state_.shared()), future_(future) {}
        T await_resume() {
            FutureWait::await_resume();
            return future_.take_result();
        }

    private:
        Future future_;
    };
    /// `co_await future` gives `const T&`, `co_await std::move(future)` moves the value out.
    LvalueAwaiter awaiter() const& { return LvalueAwaiter(*this); }
    RvalueAwaiter awaiter() && { return RvalueAwaiter(*this); }
    /// Waits for its end and looks at nothing.
    [[nodiscard("co_await it")]] FutureWait wait() const { return FutureWait(state_.shared()); }

private:
    explicit Future(std::shared_ptr<FutureState<T>> state) : state_(std::move(state)) {}
    HeldState<FutureState<T>, "Future"> state_;
};

/// A future of the running loop.
template <class T>
Future<T> create_future(SourceLocation where = SourceLocation::current()) {
    return Future<T>(this_loop(), where);
}

// Implementation

template <class R>
struct FutureOf {
    using type = Future<R>;
};
template <class R>
struct FutureOf<Future<R>> {
    using type = Future<R>;
};

/// Gives `from`'s end to `to`, once it is there.
template <class T>
void forward_end(const Future<T>& from, const Future<T>& to) {
    from.add_done_callback([to](const Future<T>& ended) {
        if (to.done()) return;
        if (ended.cancelled())
            to.cancel();
        else if (auto error = ended.exception())
            to.set_exception(std::move(error));
        else if constexpr (std::is_void_v<T>)
            to.set_result();
        else
            to.set_result(ended.result());
    });
}

/// Gives what `fn(args...)` makes to `to`: its value, its error, or the end of the future it returned.
template <class R, class F, class... Args>
void settle_by_call(const Future<R>& to, F& fn, Args&&... args) {
    try {
        using Made = std::invoke_result_t<F&, Args...>;
        if constexpr (is_future_v<Made>) {
            forward_end(std::invoke(fn, std::forward<Args>(args)...), to);
        } else if constexpr (std::is_void_v<Made>) {
            std::invoke(fn, std::forward<Args>(args)...);
            to.set_result();
        } else {
            to.set_result(std::invoke(fn, std::forward<Args>(args)...));
        }
    } catch (const Cancelled&) {
        throw;
    } catch (...) {
        if (to.done()) throw;
        to.set_exception(std::current_exception());
    }
}

template <class T>
template <class F>
auto Future<T>::then(F fn) const {
    const auto made = [&] {
        if constexpr (std::is_void_v<T>)
            return typename FutureOf<std::invoke_result_t<F&>>::type(loop());
        else
            return typename FutureOf<std::invoke_result_t<F&, const T&>>::type(loop());
    };
    auto next = made();
    add_done_callback([next, fn = std::move(fn)](const Future& ended) mutable {
        if (ended.cancelled())
            next.cancel();
        else if (auto error = ended.exception())
            next.set_exception(std::move(error));
        else if constexpr (std::is_void_v<T>)
            settle_by_call(next, fn);
        else
            settle_by_call(next, fn, ended.result());
    });
    return next;
}

template <class T>
template <class F>
Future<T> Future<T>::recover(F fn) const {
    Future next(loop());
    add_done_callback([next, fn = std::move(fn)](const Future& ended) mutable {
        if (!ended.cancelled()) {
            if (auto error = ended.exception()) {
                settle_by_call(next, fn, std::move(error));
                return;
            }
        }
        if (ended.cancelled())
            next.cancel();
        else if constexpr (std::is_void_v<T>)
            next.set_result();
        else
            next.set_result(ended.result());
    });
    return next;
}

template <class T>
Task<void> until_done(Future<T> future) {
    co_await future.wait();
}

template <class T>
T EventLoop::run_until_complete(Future<T> future, SourceLocation where) {
    require_open("run it");
    if (&future.loop() != this)
        throw WrongLoop("run_until_complete of a Future, which belongs to another event loop");
    run_until_complete(until_done(future), where);
    if constexpr (std::is_void_v<T>)
        future.result();
    else if constexpr (std::is_copy_constructible_v<T>)
        return future.result();
    else
        return future.take_result();
}

}  // namespace tandem::inline v1
