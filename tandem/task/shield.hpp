#pragma once

#include <tandem/base/time.hpp>
#include <tandem/task/scope_guard.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>

#include <exception>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// Runs `task` to its end, whatever is asked of the caller meanwhile; a request that came is delivered at the
/// first checkpoint after it (sem:C50, DEV7). A shield that holds a request back for 5 s is reported.
template <class T>
Task<T> shield(Task<T> task);
/// For a single wait, like `mutex.lock()`.
template <LibraryAwaiter A>
auto shield(A wait) {
    return shield(as_task(std::move(wait)));
}
/// The same with a limit of its own: what has not ended by then is cancelled, and `TimeoutError` thrown.
template <class T>
Task<T> shield(Task<T> task, Deadline limit);
/// A started task needs no shield: this is `co_await handle`, whose cancel ends only the wait.
template <class T>
Task<T> shield(TaskHandle<T> handle);

/// Runs `body`, then always `cleanup`: after success, failure or cancel, in a shield with a grace deadline,
/// by default the one of the loop (`set_cleanup_grace`, 5 s). The body's error stays the error and a failing
/// cleanup is attached to it (`attached_errors`); if the body had none, the cleanup's is thrown. A cleanup
/// that outstays its grace is cancelled, told to the loop, and a `TimeoutError` (sem:C53).
///
///     co_await with_finally(talk(stream), stream.close());
template <class T>
Task<T> with_finally(Task<T> body, Task<void> cleanup, std::optional<Deadline> grace = {});

/// How long cleanups of the running loop may take where nothing else is said.
void set_cleanup_grace(Duration grace);
Duration cleanup_grace();

// Implementation

/// Whether a coroutine born there is one of this file's, which are no checkpoints (sem:C20): for callers that
/// look for a cancel before they start one.
inline bool is_no_checkpoint(const SourceLocation& born) noexcept {
    return std::string_view(born.file_name()).ends_with("tandem/task/shield.hpp");
}

/// Runs a cleanup in its shield. Null if it went well, else what is to be told of it.
Task<std::exception_ptr> run_cleanup(Task<void> cleanup, std::optional<Deadline> grace);
/// The body's error with the cleanup's attached, or the cleanup's. One of them is not null.
[[noreturn]] void throw_body_and_cleanup(std::exception_ptr body, std::exception_ptr cleanup);

template <class T>
Task<T> shield(Task<T> task) {
    ScopeGuard guard(Deadline(), ScopeGuard::Shield::shielded);
    if constexpr (std::is_void_v<T>)
        co_await std::move(task);
    else
        co_return co_await std::move(task);
}

template <class T>
Task<T> shield(Task<T> task, Deadline limit) {
    return shield(timeout(limit, std::move(task)));
}

template <class T>
Task<T> shield(TaskHandle<T> handle) {
    co_await handle.join_only();
    if constexpr (std::is_void_v<T>)
        handle.take_result();
    else
        co_return handle.share_result();
}

template <class T>
Task<T> with_finally(Task<T> body, Task<void> cleanup, std::optional<Deadline> grace) {
    std::exception_ptr error;
    std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> value;
    try {
        if constexpr (std::is_void_v<T>)
            co_await std::move(body);
        else
            value.emplace(co_await std::move(body));
    } catch (...) {
        error = std::current_exception();
    }
    const std::exception_ptr cleanup_error = co_await run_cleanup(std::move(cleanup), grace);
    if (error || cleanup_error) throw_body_and_cleanup(error, cleanup_error);
    if constexpr (!std::is_void_v<T>) co_return std::move(*value);
}

}  // namespace tandem::inline v1
