#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/task/async_generator.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/invoke_task.hpp>
#include <tandem/task/task.hpp>

#include <functional>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// Has `Task<X> enter()` and `Task<void> exit()`: Python's asynchronous context manager.
template <class M>
concept ContextManager = requires(M& manager) {
    { manager.enter().awaiter() };
    { manager.exit().awaiter() };
};

/// Enters `manager`, runs `body` with what that gave, and always leaves: Python's `async with`.
///
///     co_await async_with(AsyncContext(), [](Connection& c) -> Task<void> { ... });
///
/// Leaving runs in a shield with a grace deadline, as every cleanup (sem:C53). If entering fails, neither
/// runs.
template <ContextManager M, class F>
auto async_with(M manager, F body)
    -> std::invoke_result_t<F, typename decltype(std::declval<M&>().enter())::value_type>;

/// The same with a generator that yields once: what stands before the `co_yield` enters, what stands after it
/// leaves, and runs also when the body fails; the body's error is then thrown on. Python's
/// `asynccontextmanager`.
///
/// Errors      `InvalidStateError` if the generator yields not once.
template <class T, class F>
std::invoke_result_t<F, T> async_with(AsyncGenerator<T> manager, F body);

// Implementation

[[noreturn]] void throw_did_not_yield();
[[noreturn]] void throw_yielded_twice();

template <class T>
Task<void> leave_context(AsyncGenerator<T>& manager) {
    const auto more = co_await manager.next();
    if (more) throw_yielded_twice();
}

template <ContextManager M, class F>
auto async_with(M manager, F body)
    -> std::invoke_result_t<F, typename decltype(std::declval<M&>().enter())::value_type> {
    using Result =
        typename std::invoke_result_t<F, typename decltype(manager.enter())::value_type>::value_type;
    using Entered = typename decltype(manager.enter())::value_type;
    Entered entered = co_await manager.enter();
    auto work = with_finally(std::invoke(body, std::forward<Entered>(entered)), manager.exit());
    if constexpr (std::is_void_v<Result>)
        co_await std::move(work);
    else
        co_return co_await std::move(work);
}

template <class T, class F>
std::invoke_result_t<F, T> async_with(AsyncGenerator<T> manager, F body) {
    using Result = typename std::invoke_result_t<F, T>::value_type;
    auto entered = co_await manager.next();
    if (!entered) throw_did_not_yield();
    auto work = with_finally(std::invoke(body, std::move(*entered)), leave_context(manager));
    if constexpr (std::is_void_v<Result>)
        co_await std::move(work);
    else
        co_return co_await std::move(work);
}

}  // namespace tandem::inline v1
