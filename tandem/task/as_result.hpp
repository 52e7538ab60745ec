#pragma once

#include <tandem/base/outcome.hpp>
#include <tandem/task/invoke_task.hpp>
#include <tandem/task/task.hpp>

#include <exception>
#include <utility>

namespace tandem::inline v1 {

/// Any await as a value: what it threw is in the `Outcome`, where failing is part of the plan.
///
///     auto page = co_await as_result(http::get(url));
///     if (!page.has_value()) log(page.error().what());
///
/// Errors      none of the task's; the caller's own `Cancelled` goes through, so do `Interrupted` and
/// `SystemExit`.
template <class T>
Task<Outcome<T>> as_result(Task<T> task) {
    std::exception_ptr error;
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(task);
            co_return Outcome<T>(std::in_place);
        } else if constexpr (std::is_reference_v<T>) {
            T value = co_await std::move(task);
            co_return Outcome<T>(std::in_place, std::addressof(value));
        } else {
            T value = co_await std::move(task);
            co_return Outcome<T>(std::in_place, std::move(value));
        }
    } catch (const Cancelled&) {
        throw;
    } catch (const Interrupted&) {
        throw;
    } catch (const SystemExit&) {
        throw;
    } catch (const TaskCancelled& cancelled) {
        co_return Outcome<T>(cancelled);
    } catch (...) {
        error = std::current_exception();
    }
    co_return Outcome<T>(Error(error));
}
template <class A>
    requires(!is_task_v<A>)
auto as_result(A awaitable) {
    return as_result(as_task(std::move(awaitable)));
}

}  // namespace tandem::inline v1
