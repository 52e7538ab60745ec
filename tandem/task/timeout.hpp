#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>
#include <tandem/task/invoke_task.hpp>
#include <tandem/task/scope_guard.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_handle.hpp>

#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

template <class T>
using AbsorbedResult = std::conditional_t<std::is_void_v<T>, bool, std::optional<T>>;

/// Runs `task` in the caller's own task and throws `TimeoutError` if `limit` passed first; the body is
/// cancelled and waited for, so nothing is left running. Its value or error wins if there is one after all
/// (sem:C41-C46). No limit is a plain await; with no time left it is not even started.
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
Task<T> timeout_at(TimePoint when, TaskHandle<T> handle) {
    return timeout(Deadline(when), std::move(handle));
}
/// For anything else that can be awaited: a single wait like `queue.get()`, a Future, a Pending, a
/// Completion.
template <AnyAwaitable A>
auto timeout(Deadline limit, A awaitable) {
    return timeout(limit, as_task(std::move(awaitable)));
}
template <AnyAwaitable A>
auto timeout_at(TimePoint when, A awaitable) {
    return timeout(Deadline(when), as_task(std::move(awaitable)));
}
/// asyncio's name and order of arguments.
template <class T>
Task<T> wait_for(Task<T> task, Deadline limit) {
    return timeout(limit, std::move(task));
}
template <class T>
Task<T> wait_for(TaskHandle<T> handle, Deadline limit) {
    return timeout(limit, std::move(handle));
}
template <AnyAwaitable A>
auto wait_for(A awaitable, Deadline limit) {
    return timeout(limit, as_task(std::move(awaitable)));
}

/// The same, giving nothing instead of throwing (`bool` for void): Trio's move_on_after.
///
///     std::string text = (co_await move_on_after(1s, ask(server))).value_or("cached response");
template <class T>
Task<AbsorbedResult<T>> move_on_after(Deadline limit, Task<T> task);
template <AnyAwaitable A>
auto move_on_after(Deadline limit, A awaitable) {
    return move_on_after(limit, as_task(std::move(awaitable)));
}
template <class T>
Task<AbsorbedResult<T>> move_on_at(TimePoint when, Task<T> task) {
    return move_on_after(Deadline(when), std::move(task));
}

/// A time limit for any number of awaits, which can be looked at and moved while it runs: asyncio's Timeout.
///
///     Timeout limit(5s);
///     co_await limit.run(talk, std::ref(limit));   // talk() may call limit.reschedule(...)
///
/// Errors      `run()` throws `TimeoutError`, or the type given by `error<E>()`, if the limit ended the body.
///             Run twice, or outside a task: `InvalidStateError`.
/// Cancelling  an outer cancel goes through as `Cancelled`.
/// Threads     its loop's.
/// Lifetime    must outlive its `run()`.
class Timeout {
public:
    explicit Timeout(Deadline limit = {}) : limit_(limit) {}
    Timeout(const Timeout&) = delete;
    Timeout& operator=(const Timeout&) = delete;

    /// What is thrown instead of `TimeoutError`: `E(std::string)` if there is one, else `E()`.
    template <class E>
    Timeout& error() {
        throw_ = [](const std::string& text) {
            if constexpr (std::is_constructible_v<E, const std::string&>)
                throw E(text);
            else
                throw E();
        };
        return *this;
    }
    /// Runs the body under the limit, which counts from here unless `start()` or `stop()` came first.
    template <class T>
    Task<T> run(Task<T> task);
    template <class F, class... Args>
        requires TaskFunction<F, Args...>
    auto run(F fn, Args... args) {
        return run(invoke_task(std::move(fn), std::move(args)...));
    }

    /// Counts the limit from now on, before or inside `run()`.
    void start();
    /// Lets time pass without end, until `start()` or `reschedule()`.
    void stop();
    /// When it will expire; `TimePoint::max()` for never and as long as it does not count.
    TimePoint when() const;
    /// Another limit, counted from now. False if it has expired or the body has ended.
    bool reschedule(Deadline limit);
    /// It ended the body, or is about to.
    bool expired() const { return guard_ ? guard_->expired() : expired_; }

private:
    class Inside;
    void set(TimePoint when);
    [[noreturn]] void throw_expired(const SourceLocation& born, bool started) const;

    Deadline limit_;
    std::optional<TimePoint> when_;  // none until it counts
    ScopeGuard* guard_ = nullptr;    // while it runs
    bool entered_ = false;
    bool expired_ = false;
    void (*throw_)(const std::string&) = nullptr;
};

// Implementation

/// What `timeout` says; `started`: the body was cancelled and has ended, else it never began.
std::string timeout_text(Deadline limit, const SourceLocation& born, bool started);
[[noreturn]] void throw_timeout(Deadline limit, const SourceLocation& born, bool started = true);

/// The stay of one body inside a `Timeout`.
class Timeout::Inside {
public:
    explicit Inside(Timeout& owner);
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ScopeGuard guard;

private:
    Timeout& owner_;
};

template <class T>
Task<T> timeout(Deadline limit, Task<T> task) {
    const auto born = task.born();
    if (limit.leaves_no_time()) throw_timeout(limit, born, false);  // sem:C43
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
    if (!finished && limit.leaves_no_time()) throw_timeout(limit, born, false);
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
Task<AbsorbedResult<T>> move_on_after(Deadline limit, Task<T> task) {
    ScopeGuard guard(limit);
    if (limit.leaves_no_time()) co_return AbsorbedResult<T>();
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
    co_return AbsorbedResult<T>();
}

template <class T>
Task<T> Timeout::run(Task<T> task) {
    const auto born = task.born();
    {
        Inside inside(*this);
        if (limit_.leaves_no_time() && inside.guard.expired()) throw_expired(born, false);
        try {
            if constexpr (std::is_void_v<T>) {
                co_await std::move(task);
                co_return;
            } else {
                co_return co_await std::move(task);
            }
        } catch (const Cancelled&) {
            if (!inside.guard.absorbs() || !inside.guard.expired()) throw;
        }
    }
    throw_expired(born, true);
}

}  // namespace tandem::inline v1
