#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/held_state.hpp>
#include <tandem/base/outcome.hpp>
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/blocking_wait.hpp>
#include <tandem/bridge/pending_core.hpp>
#include <tandem/task/task_handle.hpp>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// Where plain code's own `get()` runs its work: on the idle loop of this thread, else on the background one.
StartOn on_loop_of_caller();
inline StartOn on_background() { return StartOn(share_background_loop()); }
inline StartOn on_background(std::string_view name) { return StartOn(share_background_loop(name)); }

/// What `TimeoutError` says once the work was cancelled and has ended.
[[noreturn]] void throw_pending_cancelled(const SourceLocation& born, const SourceLocation& where);

/// Work under way on another thread's loop, seen from anywhere: Python's concurrent future.
///
///     auto later = page(url).start();
///     ...
///     std::string text = later.get(2s);
///
/// Errors      `get` throws what the task threw, the same object; `TaskCancelled` if somebody cancelled it;
///             `LoopClosed` if its loop does not finish it: stopped, closed, its thread gone, the process
///             exiting or forked; `TimeoutError` past its limit, which cancels nothing. A failure that nobody
///             looked at goes to the exception handler when the last Pending is dropped.
/// Cancelling  `cancel()` is a request: the Pending completes when the task has ended, with what really
///             happened.
/// Threads     any, at once. `get` on a loop's thread throws `WouldDeadlock` unless it is done.
/// Lifetime    dropping the last one neither cancels nor waits.
template <class T>
class Pending {
public:
    using value_type = T;
    /// A copy where the result can be copied, else a reference that lives as long as a Pending does.
    using OutcomeView =
        std::conditional_t<std::is_void_v<T> || std::is_reference_v<T> || std::is_copy_constructible_v<T>,
                           Outcome<T>, const Outcome<T>&>;
    explicit Pending(std::shared_ptr<PendingState<T>> state) : state_(std::move(state)) {}

    /// The result: `const T&` of a named Pending, moved out of a temporary one.
    decltype(auto) get(SourceLocation where = SourceLocation::current()) const& {
        wait_until_done("Pending::get()", where);
        return std::as_const(state_->look(where)).value();
    }
    T get(SourceLocation where = SourceLocation::current()) && {
        wait_until_done("Pending::get()", where);
        return state_->take(where);
    }
    /// At most this long; the work goes on past it.
    decltype(auto) get(Deadline limit, SourceLocation where = SourceLocation::current()) const& {
        wait_until(limit, where);
        return std::as_const(state_->look(where)).value();
    }
    T get(Deadline limit, SourceLocation where = SourceLocation::current()) && {
        wait_until(limit, where);
        return state_->take(where);
    }
    /// At most this long; then it is cancelled and waited for, and `TimeoutError` thrown, unless a value came
    /// after all.
    T get_or_cancel(Deadline limit, SourceLocation where = SourceLocation::current()) {
        if (!wait(limit, where)) {
            state_->cancel("get_or_cancel() ran out of time", where);
            wait_until_done("Pending::get_or_cancel()", where);
            if (state_->cancelled()) throw_pending_cancelled(state_->born(), where);
        }
        return state_->take(where);
    }
    /// Whether it is done within `limit`.
    bool wait(Deadline limit = {}, SourceLocation where = SourceLocation::current()) const {
        return done() || wait_for_end(*state_, limit, {"Pending::wait()", where, state_->born()});
    }

    bool done() const { return state_->done(); }
    bool running() const { return !done(); }
    /// Its task ended because somebody cancelled it.
    bool cancelled() const { return done() && state_->cancelled(); }
    /// Errors: `InvalidStateError` unless it is done.
    OutcomeView outcome() const {
        if (!done()) throw_still_runs("outcome()");
        return look_at_outcome();
    }
    /// The error or null, waiting like `get`. Errors: `TimeoutError` past `limit`.
    std::exception_ptr exception(Deadline limit = {},
                                 SourceLocation where = SourceLocation::current()) const {
        wait_until(limit, where);
        return state_->exception();
    }
    /// False if it has ended.
    bool cancel(std::string reason = "cancelled by its Pending",
                SourceLocation where = SourceLocation::current()) const {
        return state_->cancel(std::move(reason), where);
    }
    /// Cancels, waits, and gives what really happened. Errors: `TimeoutError` past `limit`.
    OutcomeView cancel_and_wait(Deadline limit = {}, SourceLocation where = SourceLocation::current()) const {
        state_->cancel("cancel_and_wait()", where);
        wait_until(limit, where);
        return look_at_outcome();
    }
    /// Calls `fn(pending)` once, in the order of these calls: posted to its loop's thread when it ends (in
    /// the thread that stops or closes the loop, if that is its end), here and now if it has. In the context
    /// of this call; what it throws goes to the exception handler.
    template <class F>
    const Pending& on_done(F fn) const {
        state_->on_done(callback(std::move(fn)), nullptr);
        return *this;
    }
    /// The same, always posted to the loop named.
    template <class F>
    const Pending& on_done(StartOn where_to, F fn) const {
        state_->on_done(callback(std::move(fn)), &where_to);
        return *this;
    }
    template <class F>
    const Pending& add_done_callback(F fn) const {
        return on_done(std::move(fn));
    }
    EventLoop& loop() const { return state_->loop(); }
    /// For the library.
    const std::shared_ptr<PendingState<T>>& state() const { return state_.shared(); }

    /// `co_await pending` on any loop gives `const T&`, `co_await std::move(pending)` moves the value out. A
    /// cancelled awaiter leaves the work alone.
    class LvalueAwaiter;
    class RvalueAwaiter;
    class OutcomeAwaiter;
    LvalueAwaiter awaiter() const& { return LvalueAwaiter(state_.shared()); }
    RvalueAwaiter awaiter() && { return RvalueAwaiter(std::move(state_).take()); }
    /// `co_await pending.join()`: the end as a value, of which the task's error is never thrown.
    [[nodiscard("co_await it")]] OutcomeAwaiter join() const { return OutcomeAwaiter(state_.shared()); }

private:
    template <class F>
    static UniqueFunction<void(PendingCore&)> callback(F fn) {
        return [fn = std::move(fn)](PendingCore& core) mutable {
            const Pending pending(
                std::static_pointer_cast<PendingState<T>>(core.PendingCore::shared_from_this()));
            std::invoke(fn, pending);
        };
    }
    OutcomeView look_at_outcome() const {
        if constexpr (std::is_reference_v<OutcomeView>)
            return state_->look_quietly();
        else
            return state_->copy_outcome();
    }
    void wait_until_done(const char* verb, const SourceLocation& where) const {
        if (!done()) wait_for_end(*state_, {verb, where, state_->born()});
    }
    void wait_until(Deadline limit, const SourceLocation& where) const {
        if (!wait(limit, where)) throw_timed_out(where);
    }
    [[noreturn]] void throw_timed_out(const SourceLocation& where) const;
    [[noreturn]] void throw_still_runs(const char* what) const;

    HeldState<PendingState<T>, "Pending"> state_;
};

[[noreturn]] void throw_pending_timeout(const SourceLocation& born, const SourceLocation& where);
[[noreturn]] void throw_pending_runs(const SourceLocation& born, const char* what);

template <class T>
class Pending<T>::LvalueAwaiter final : public PendingWait {
public:
    explicit LvalueAwaiter(std::shared_ptr<PendingState<T>> state)
        : PendingWait(state), state_(std::move(state)) {}
    decltype(auto) await_resume() {
        PendingWait::await_resume();
        return std::as_const(state_->look(awaited_at())).value();
    }

private:
    std::shared_ptr<PendingState<T>> state_;
};

template <class T>
class Pending<T>::RvalueAwaiter final : public PendingWait {
public:
    explicit RvalueAwaiter(std::shared_ptr<PendingState<T>> state)
        : PendingWait(state), state_(std::move(state)) {}
    T await_resume() {
        PendingWait::await_resume();
        return state_->take(awaited_at());
    }

private:
    std::shared_ptr<PendingState<T>> state_;
};

template <class T>
class Pending<T>::OutcomeAwaiter final : public PendingWait {
public:
    explicit OutcomeAwaiter(std::shared_ptr<PendingState<T>> state)
        : PendingWait(state), state_(std::move(state)) {}
    OutcomeView await_resume() {
        PendingWait::await_resume();
        return Pending(state_).look_at_outcome();
    }

private:
    std::shared_ptr<PendingState<T>> state_;
};

/// `f()` as a `std::future`, started on the background loop or `on(loop)`.
template <class T>
std::future<T> to_future(Task<T> task) {
    return to_future(std::move(task), on_background());
}
template <class T>
std::future<T> to_future(Task<T> task, StartOn where_to) {
    auto promise = std::make_shared<std::promise<T>>();
    auto future = promise->get_future();
    const auto pending = std::move(task).start(where_to);
    // In the thread that ends it: a future waits for no turn of a loop.
    pending.state()->when_done([promise, pending] {
        if (auto error = pending.exception()) {
            promise->set_exception(std::move(error));
        } else if constexpr (std::is_void_v<T>) {
            promise->set_value();
        } else {
            try {
                promise->set_value(Pending<T>(pending).get());  // moved out: nobody else has this Pending
            } catch (...) {
                promise->set_exception(std::current_exception());  // of the result's own move
            }
        }
    });
    return future;
}

// Implementation

template <class T>
void Pending<T>::throw_timed_out(const SourceLocation& where) const {
    throw_pending_timeout(state_->born(), where);
}
template <class T>
void Pending<T>::throw_still_runs(const char* what) const {
    throw_pending_runs(state_->born(), what);
}

template <class T>
Pending<T> Task<T>::start(StartOn where_to, SourceLocation where) && {
    require();
    auto state = std::make_shared<PendingState<T>>(where_to, std::move(*this), where);
    state->submit();
    return Pending<T>(std::move(state));
}

template <class T>
Pending<T> Task<T>::start(SourceLocation where) && {
    return std::move(*this).start(on_background(), where);
}

template <class T>
Pending<T> TaskHandle<T>::pending() const {
    auto state = std::make_shared<PendingState<T>>(on(loop()), node().root().born(), node().spawned_at());
    node().add_reference();
    state->watch(node());
    return Pending<T>(std::move(state));
}

}  // namespace tandem::inline v1
