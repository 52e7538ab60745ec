#pragma once

#include <tandem/task/task.hpp>

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// Calls `fn(args...)` in a frame that owns both for as long as the task runs: lambda captures and
/// temporaries live as long as they are needed (sem:K14).
template <class F, class... Args>
    requires is_task_v<std::invoke_result_t<F&, Args&...>>
auto invoke_task(F fn, Args... args) -> std::invoke_result_t<F&, Args&...> {
    using T = typename std::invoke_result_t<F&, Args&...>::value_type;
    if constexpr (std::is_void_v<T>)
        co_await std::invoke(fn, args...);
    else
        co_return co_await std::invoke(fn, args...);
}
template <class F, class... Args>
    requires(!is_task_v<std::invoke_result_t<F&, Args&...>> && is_task_v<std::invoke_result_t<F, Args...>>)
auto invoke_task(F fn, Args... args) -> std::invoke_result_t<F, Args...> {
    using T = typename std::invoke_result_t<F, Args...>::value_type;
    if constexpr (std::is_void_v<T>)
        co_await std::invoke(std::move(fn), std::move(args)...);
    else
        co_return co_await std::invoke(std::move(fn), std::move(args)...);
}

template <class F, class... Args>
concept TaskFunction = requires(F fn, Args... args) { invoke_task(std::move(fn), std::move(args)...); };

// Declared, never called: what `co_await` of an A gives.
template <class A>
decltype(auto) awaiter_for(A&& awaitable) {
    if constexpr (requires { std::forward<A>(awaitable).awaiter(); })
        return std::forward<A>(awaitable).awaiter();
    else if constexpr (MemberCoAwait<A>)
        return std::forward<A>(awaitable).operator co_await();
    else if constexpr (FreeCoAwait<A>)
        return operator co_await(std::forward<A>(awaitable));
    else
        return std::forward<A>(awaitable);
}
template <class A>
using AwaitResult = decltype(awaiter_for(std::declval<A>()).await_resume());

/// What may stand where a task is wanted: a Task, a handle, or anything else that can be awaited.
template <class A>
concept AnyAwaitable = is_task_v<std::remove_cvref_t<A>> || LibraryAwaiter<A> || ForeignAwaitable<A> ||
                       HasAwaiter<A> || BecomesTask<A>;

/// What others may ask too and can be copied for them: the result of a handle, a Future, a Pending.
template <class A>
concept SharesResult =
    HasAwaiter<A&> && std::is_object_v<AwaitResult<A>> &&
    std::same_as<AwaitResult<A&>, const AwaitResult<A>&> && std::copy_constructible<AwaitResult<A>>;

/// Anything awaitable as a Task. A result that others may ask for too is copied where it can be.
template <class A>
    requires(!is_task_v<A>)
Task<AwaitResult<A>> as_task(A awaitable) {
    if constexpr (SharesResult<A>)
        co_return co_await awaitable;
    else
        co_return co_await std::move(awaitable);
}
template <class T>
Task<T> as_task(Task<T> task) {
    return task;
}

}  // namespace tandem::inline v1
