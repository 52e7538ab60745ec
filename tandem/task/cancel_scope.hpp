#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>
#include <tandem/loop/timer_heap.hpp>
#include <tandem/task/invoke_task.hpp>
#include <tandem/task/scope_node.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_handle.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace tandem::inline v1 {

/// A scope as a local of the coroutine that implements it: entered on construction, left on destruction, with
/// a deadline that cancels it. For the library; users have `CancelScope`, `timeout`, `shield`.
class ScopeGuard final : public PlainScope, private Timer {
public:
    enum class Shield : std::uint8_t { open, shielded };
    explicit ScopeGuard(Deadline deadline = {}, Shield shield = Shield::open);
    ~ScopeGuard();

    void set_deadline(TimePoint when);
    /// The same, but a point that has passed acts in the next turn, not at the first checkpoint.
    void set_timer(TimePoint when);
    TimePoint deadline() const { return deadline_; }
    /// The deadline was what cancelled it.
    bool expired() const { return expired_; }
    /// `Cancelled` came out: was it meant for this scope alone? If an outer one is cancelled too, it goes on
    /// (sem:C30).
    bool absorbs() const { return requested() && !outer_cancelled(); }

private:
    void due() noexcept override;
    EventLoop& loop_;
    TimePoint deadline_;
    bool expired_ = false;
};

template <class T>
using AbsorbedResult = std::conditional_t<std::is_void_v<T>, bool, std::optional<T>>;

/// A part of a task that can be cancelled on its own: Trio's CancelScope.
///
///     CancelScope scope(5s);
///     auto answer = co_await scope.run(ask(server));   // std::optional: empty if the scope was cancelled
///
/// Errors      entered twice: `InvalidStateError`. What the body throws goes through.
/// Cancelling  level-triggered: every checkpoint inside throws once it is asked for. Absorbed at the border,
/// unless an
///             outer scope is cancelled too.
/// Threads     its loop's.
/// Lifetime    must outlive the `run()` it is used for; may be copied to others who want to cancel it.
class CancelScope {
public:
    explicit CancelScope(Deadline deadline = {}) : state_(std::make_shared<State>()) {
        state_->deadline = deadline;
    }

    /// Runs `task` inside; the value, or nothing if the scope's own cancel ended it (`bool` for void).
    template <class T>
    Task<AbsorbedResult<T>> run(Task<T> task) {
        return run_in(state_, std::move(task));
    }
    template <class F, class... Args>
        requires is_task_v<std::invoke_result_t<F, Args...>>
    auto run(F fn, Args... args) {
        return run(invoke_task(std::move(fn), std::move(args)...));
    }

    /// False if it is over. Before entry: the body is entered cancelled.
    bool cancel(std::string reason = "cancelled by its scope",
                SourceLocation where = SourceLocation::current());
    bool cancel_requested() const { return state_->reason || (state_->guard && state_->guard->requested()); }
    /// The scope's cancel ended the body.
    bool absorbed() const { return state_->absorbed; }
    /// False if it has fired.
    bool set_deadline(Deadline deadline);

private:
    struct State {
        Deadline deadline;
        ScopeGuard* guard = nullptr;  // while entered
        SharedReason reason;          // asked for before entry
        bool entered = false;
        bool absorbed = false;
    };
    static void enter(State& state, ScopeGuard& guard);
    // Static, so that the frame outlives the scope object that it was made by.
    template <class T>
    static Task<AbsorbedResult<T>> run_in(std::shared_ptr<State> state, Task<T> task);
    std::shared_ptr<State> state_;
};

/// Runs `task` in the caller's own task and throws `TimeoutError` if `limit` passed first; the body is
/// cancelled and waited for, so nothing is left running. Its value or error wins if there is one after all
/// (sem:C41-C46).
///
///     auto page = co_await timeout(2s, http::get(url));
template <class T>
Task<T> timeout(Deadline limit, Task<T> task);
template <class T>
Task<T> timeout_at(TimePoint when, Task<T> task) {
    return timeout(Deadline(when), std::move(task));
}
/// For a handle only the wait ends (sem:D44).
template <class T>
Task<T> timeout(Deadline limit, TaskHandle<T> handle);
template <class T>
Task<T> wait_for(Task<T> task, Deadline limit) {
    return timeout(limit, std::move(task));
}

/// The same, giving nothing instead of throwing.
template <class T>
Task<AbsorbedResult<T>> move_on_after(Deadline limit, Task<T> task) {
    return CancelScope(limit).run(std::move(task));
}

/// Runs `task` to its end, whatever is asked of the caller meanwhile; a request that came is delivered at the
/// first checkpoint after it (sem:C50, DEV7).
template <class T>
Task<T> shield(Task<T> task);

/// Runs `body`, then always `cleanup`: after success, failure or cancel, in a shield with a grace deadline.
/// The body's error stays the error; a failing cleanup is nested into it (sem:C53).
template <class T>
Task<T> with_finally(Task<T> body, Task<void> cleanup, Deadline grace = std::chrono::seconds(5));

// Implementation

[[noreturn]] void throw_timeout(Deadline limit, const SourceLocation& born);
[[noreturn]] void throw_body_and_cleanup(std::exception_ptr body, std::exception_ptr cleanup);
[[noreturn]] void throw_cleanup_timed_out(std::exception_ptr body);
TimePoint now_of_loop();

template <class T>
Task<AbsorbedResult<T>> CancelScope::run_in(std::shared_ptr<State> state, Task<T> task) {
    ScopeGuard guard(state->deadline);
    enter(*state, guard);
    struct Leave {
        explicit Leave(State& s) : state(s) {}
        ~Leave() { state.guard = nullptr; }
        State& state;
    } leave(*state);
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(task);
            co_return true;
        } else {
            T value = co_await std::move(task);
            co_return AbsorbedResult<T>(std::move(value));
        }
    } catch (const Cancelled&) {
        if (!guard.absorbs()) throw;
    }
    state->absorbed = true;
    co_return AbsorbedResult<T>();
}

template <class T>
Task<T> timeout(Deadline limit, Task<T> task) {
    const auto born = task.born();
    if (limit.leaves_no_time()) throw_timeout(limit, born);  // the work is not started (sem:C43)
    ScopeGuard guard(limit);
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(task);
            co_return;
        } else {
            co_return co_await std::move(task);
        }
    } catch (const Cancelled&) {
        if (!guard.absorbs() || !guard.expired()) throw;
    }
    throw_timeout(limit, born);
}

template <class T>
Task<T> timeout(Deadline limit, TaskHandle<T> handle) {
    const auto born = handle.spawned_at();
    const bool finished = handle.done();
    if (!finished && limit.leaves_no_time()) throw_timeout(limit, born);
    ScopeGuard guard(finished ? Deadline() : limit);
    try {
        if constexpr (std::is_void_v<T>) {
            co_await handle;
            co_return;
        } else {
            co_return co_await handle;
        }
    } catch (const Cancelled&) {
        if (!guard.absorbs() || !guard.expired()) throw;
    }
    throw_timeout(limit, born);
}

template <class T>
Task<T> shield(Task<T> task) {
    ScopeGuard guard(Deadline(), ScopeGuard::Shield::shielded);
    if constexpr (std::is_void_v<T>)
        co_await std::move(task);
    else
        co_return co_await std::move(task);
}

template <class T>
Task<T> with_finally(Task<T> body, Task<void> cleanup, Deadline grace) {
    std::exception_ptr error;
    std::exception_ptr cleanup_error;
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> value;
    try {
        if constexpr (std::is_void_v<T>)
            co_await std::move(body);
        else
            value.emplace(co_await std::move(body));
    } catch (...) {
        error = std::current_exception();
    }
    bool grace_over = false;
    {
        ScopeGuard guard(grace, ScopeGuard::Shield::shielded);
        try {
            co_await std::move(cleanup);
        } catch (const Cancelled&) {
            grace_over = guard.expired();
            if (!grace_over) cleanup_error = std::current_exception();
        } catch (...) {
            cleanup_error = std::current_exception();
        }
    }
    if (grace_over) throw_cleanup_timed_out(error);
    if (cleanup_error) throw_body_and_cleanup(error, cleanup_error);
    if (error) std::rethrow_exception(error);
    if constexpr (!std::is_void_v<T>) co_return std::move(*value);
}

}  // namespace tandem::inline v1
