#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/bridge/caller.hpp>
#include <tandem/bridge/kept_result.hpp>
#include <tandem/task/promise.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/wait.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// How a fiber is made: `in_fiber({.stack = 1024 * 1024}, fn)`.
struct FiberOptions {
    /// Bytes of its stack, at most 8 MiB; pages that are never touched cost nothing. Four times as many under
    /// AddressSanitizer.
    std::size_t stack = std::size_t{256} * 1024;
    /// The C library's `read`, `write`, `recv`, `send`, `accept`, `connect`, `poll`, `select`, `sleep` and
    /// their kin and `getaddrinfo` suspend this fiber instead of blocking the thread, so that third-party
    /// code compiled without tandem waits as the rest does. They fail with ECANCELED once the task is
    /// cancelled. Outside such fibers they are what they were. Needs the library `tandem_hooks`, linked or
    /// preloaded; `InvalidStateError` without it.
    bool hook_blocking_calls = false;
};

template <class F, class... Args>
auto start_fiber(FiberOptions options, F fn, Args... args) -> Task<std::invoke_result_t<F, Args...>>;

/// Runs `fn(args...)`, both kept by value, on a stack of its own on this thread, in the awaiting task: plain,
/// blocking-style code, whose inner `f().get()` suspends the fiber only, while the loop goes on.
///
///     std::string legacy(std::string url) { return page(url).get(); }   // knows nothing of coroutines
///     std::string text = co_await in_fiber(legacy, url);
///
/// The fiber belongs to the awaiting task: the same identity, scopes and task-locals. Between two `.get()`
/// nothing else of this loop runs, also not inside a C library's callback that calls `.get()`.
///
/// Errors      what `fn` throws, the same object; `std::system_error` if no stack can be had.
/// Cancelling  each `.get()` is a checkpoint: it throws `Cancelled`, which unwinds the fiber's stack. While
///             an exception unwinds, `.get()` waits under a shield with the loop's `cleanup_grace()` instead.
///             A fiber that catches `Cancelled` and returns a value is logged.
/// Threads     its loop's. A `std::mutex` held over a `.get()` is held by all tasks of the thread: use
///             `Mutex`. What blocks the thread blocks the loop.
/// Lifetime    owns function and arguments; `std::ref` opts out. The stack is given back when `fn` has ended.
template <class F, class... Args>
    requires std::invocable<F, Args...>
auto in_fiber(F fn, Args... args) {
    return start_fiber(FiberOptions(), std::move(fn), std::move(args)...);
}
template <class F, class... Args>
    requires std::invocable<F, Args...>
auto in_fiber(FiberOptions options, F fn, Args... args) {
    return start_fiber(options, std::move(fn), std::move(args)...);
}

/// From now on a fiber that runs into the guard page below its stack says so before the process ends: whose
/// it is, how large, and the way out. Installs a handler of SIGSEGV, which hands on what is not its own, and
/// a signal stack in every thread that makes fibers. A loop in debug mode calls it.
///
/// Errors      `std::system_error`.
void report_fiber_overflows();

// Implementation

class FiberCore;

/// A fiber as the coroutine that drives it sees it.
class Fiber {
public:
    /// `body` outlives it and throws nothing. Errors: as `in_fiber`.
    template <class Body>
    Fiber(const FiberOptions& options, Body& body)
        : Fiber(options, [](void* it) noexcept { (*static_cast<Body*>(it))(); }, std::addressof(body)) {}
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// Runs it until it asks for a frame to be run, and that frame to its end; whether it has ended.
    class Turn;
    Turn go_on();
    /// It gave a value: tells of a `Cancelled` that it swallowed (sem:F2).
    void gave_value() const;

private:
    Fiber(const FiberOptions& options, void (*body)(void*) noexcept, void* argument);
    static FiberCore& make(const FiberOptions& options, void (*body)(void*) noexcept, void* argument);
    FiberCore& core_;
};

class Fiber::Turn final : public Wait {
public:
    explicit Turn(FiberCore& core) : core_(core) {}
    bool await_ready() noexcept;
    void await_suspend(std::coroutine_handle<>) noexcept;
    bool await_resume() const noexcept;
    bool request_cancel() noexcept override { return false; }
    const char* waiting_for() const noexcept override { return "fiber"; }

private:
    FiberCore& core_;
};

inline Fiber::Turn Fiber::go_on() { return Turn(core_); }

template <class F, class... Args>
auto start_fiber(FiberOptions options, F fn, Args... args) -> Task<std::invoke_result_t<F, Args...>> {
    using R = std::invoke_result_t<F, Args...>;
    static_assert(!is_task_v<std::remove_cvref_t<R>>, "a coroutine needs no fiber: co_await it");
    std::optional<KeptResult<R>> value;
    std::exception_ptr error;
    auto body = [&]() noexcept {
        try {
            if constexpr (std::is_void_v<R>) {
                std::invoke(std::move(fn), std::move(args)...);
            } else if constexpr (std::is_reference_v<R>) {
                R result = std::invoke(std::move(fn), std::move(args)...);
                value.emplace(std::addressof(result));
            } else {
                value.emplace(std::invoke(std::move(fn), std::move(args)...));
            }
        } catch (...) {
            error = std::current_exception();
        }
    };
    {
        Fiber fiber(options, body);
        for (;;) {
            const bool ended = co_await fiber.go_on();
            if (ended) break;
        }
        if (!error) fiber.gave_value();
    }
    if (error) std::rethrow_exception(std::move(error));
    if constexpr (std::is_reference_v<R>)
        co_return static_cast<R>(**value);
    else if constexpr (!std::is_void_v<R>)
        co_return std::move(*value);
}

/// Suspends the fiber that calls, and runs `frame` in its task to its end. With `checkpoint` it throws
/// `Cancelled` instead if the task is cancelled; from the second throw in one step on after a turn (sem:C22,
/// C25).
void run_frame_on_fiber(FiberCore& fiber, PromiseBase& frame, bool checkpoint, const SourceLocation& where);

/// An exception goes through the stack of the fiber that calls.
bool unwinds(const FiberCore& fiber) noexcept;

/// A Task that a fiber waits for; it may also be dropped unstarted.
template <class T>
class FrameOnFiber {
public:
    explicit FrameOnFiber(Task<T> task) : promise_(std::move(task).release()) {}
    ~FrameOnFiber() { promise_.handle().destroy(); }
    FrameOnFiber(const FrameOnFiber&) = delete;
    FrameOnFiber& operator=(const FrameOnFiber&) = delete;

    [[gnu::always_inline]] T run(FiberCore& fiber, bool checkpoint, const SourceLocation& where) {
        run_frame_on_fiber(fiber, promise_, checkpoint, where);
        return promise_.take();
    }

private:
    TaskPromise<T>& promise_;
};

/// While an exception unwinds a wait lasts as long as the grace, and no cancel enters (sem:C27).
template <class T>
[[gnu::noinline]] T get_while_unwinding(FiberCore& fiber, Task<T> task, const SourceLocation& where) {
    return FrameOnFiber<T>(shield(std::move(task), Deadline(cleanup_grace()))).run(fiber, false, where);
}

/// `task.get()` on a fiber: it runs in the fiber's own task (sem:T2).
template <class T>
[[gnu::always_inline]] inline T get_on_fiber(FiberCore& fiber, Task<T>&& task, const SourceLocation& where) {
    if (unwinds(fiber)) [[unlikely]]
        return get_while_unwinding(fiber, std::move(task), where);
    return FrameOnFiber<T>(std::move(task)).run(fiber, true, where);
}

}  // namespace tandem::inline v1
