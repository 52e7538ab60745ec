#pragma once

#include <tandem/base/outcome.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/invoke_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>

#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace tandem::inline v1 {

/// Children whose first failure, or first cancelled member, ends the others.
class GatherGroup final : public FailFastGroup {
public:
    /// Throws what is to be thrown once all have ended: the first failure, or the caller's `Cancelled`.
    void conclude();
    /// In a catch block: a child could not be started, so the others end and this is the failure.
    void could_not_start();

private:
    bool cancelled_child_fails() const override { return true; }
};

/// Children that are left alone whatever the others do.
class OutcomeGroup final : public ChildGroup {
public:
    void conclude();
    void could_not_start();

private:
    void child_ended(TaskNode&) noexcept override {}
    std::exception_ptr not_started_;
};

/// Throws `Cancelled` for the innermost scope of the running task.
[[noreturn]] void throw_cancelled_here();

/// A handle given to an owner: cancelling the await cancels the task and joins it.
template <class T>
Task<T> own(TaskHandle<T> handle) {
    bool asked = false;
    try {
        co_await handle.join_only();
    } catch (const Cancelled&) {
        asked = true;
    }
    if (asked) {
        handle.cancel("its owner was cancelled");
        {
            ScopeGuard guard(Deadline(), ScopeGuard::Shield::shielded);
            co_await handle.join_only();
        }
        if (handle.cancelled()) throw_cancelled_here();  // by us: no failure of its own
    }
    if constexpr (std::is_void_v<T>)
        handle.take_result();
    else
        co_return handle.share_result();
}

template <class T>
Task<T> to_child(Task<T> task) {
    return task;
}
/// Errors      `WrongLoop` for a task of another loop than the running one's that has not ended (sem:G4).
void require_own_loop(const TaskNode& handed_over);

template <class T>
Task<T> to_child(TaskHandle<T> handle) {
    require_own_loop(handle.node());
    return own(std::move(handle));
}
template <class T>
std::vector<Task<T>> to_children(std::vector<TaskHandle<T>> handles) {
    std::vector<Task<T>> tasks;
    tasks.reserve(handles.size());
    for (auto& handle : handles) tasks.push_back(to_child(std::move(handle)));
    return tasks;
}
template <AnyAwaitable A>
auto to_child(A awaitable) {
    return as_task(std::move(awaitable));
}

template <class T>
using VoidToMonostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
template <class A>
using ChildValue = typename decltype(to_child(std::declval<A>()))::value_type;

template <class T>
VoidToMonostate<T> take_value(TaskHandle<T>& handle) {
    if constexpr (std::is_void_v<T>) {
        handle.take_result();
        return {};
    } else {
        return handle.take_result();
    }
}

/// In the order of the arguments. What has been started stays so when a later one throws.
template <std::size_t... Is, class... Ts>
void start_in(ChildGroup& group, std::tuple<TaskHandle<Ts>...>& handles, const SourceLocation& where,
              std::index_sequence<Is...>, Task<Ts>&... tasks) {
    ((std::get<Is>(handles) = group.spawn(std::move(tasks), {}, where)), ...);
}
template <class T>
void start_in(ChildGroup& group, std::vector<TaskHandle<T>>& handles, std::vector<Task<T>>& tasks) {
    handles.reserve(tasks.size());
    for (auto& task : tasks) handles.push_back(group.spawn(std::move(task), {}, SourceLocation::current()));
}

template <class... Ts>
Task<std::tuple<VoidToMonostate<Ts>...>> gather_tasks(SourceLocation where, Task<Ts>... tasks) {
    GatherGroup group;
    std::tuple<TaskHandle<Ts>...> handles;
    try {
        start_in(group, handles, where, std::index_sequence_for<Ts...>(), tasks...);
    } catch (...) {
        group.could_not_start();
    }
    co_await group.join_children();
    group.conclude();
    co_return std::apply(
        [](auto&... handle) { return std::tuple<VoidToMonostate<Ts>...>{take_value(handle)...}; }, handles);
}

/// Runs all at once and gives their values in the order of the arguments, as a tuple, or a vector for a
/// vector. Takes Tasks, handles (which are handed over) and any awaitable.
///
///     auto both = co_await gather(page(a), page(b));
///     auto [x, y] = run(gather(page(a), page(b)));
///
/// Errors      the first failure cancels the others, waits until each has ended, and is thrown (DEV1).
/// Cancelling  all children are cancelled and joined, then `Cancelled`.
/// Threads     the loop that runs.
/// Lifetime    nothing is left running, in no case.
template <AnyAwaitable... As>
auto gather(As... tasks) -> Task<std::tuple<VoidToMonostate<ChildValue<As>>...>> {
    return gather_tasks(SourceLocation::current(), to_child(std::move(tasks))...);
}

template <class T>
using GatheredVector = std::conditional_t<std::is_void_v<T>, void, std::vector<T>>;

template <class T>
Task<GatheredVector<T>> gather(std::vector<Task<T>> tasks) {
    GatherGroup group;
    std::vector<TaskHandle<T>> handles;
    try {
        start_in(group, handles, tasks);
    } catch (...) {
        group.could_not_start();
    }
    co_await group.join_children();
    group.conclude();
    if constexpr (!std::is_void_v<T>) {
        std::vector<T> values;
        values.reserve(handles.size());
        for (auto& handle : handles) values.push_back(handle.take_result());
        co_return values;
    }
}
template <class T>
Task<GatheredVector<T>> gather(std::vector<TaskHandle<T>> handles) {
    return gather(to_children(std::move(handles)));
}

/// The same, letting every child finish: a vector of outcomes (a tuple for different types), nothing is
/// cancelled by a failure and nothing thrown for one. asyncio's `return_exceptions=True`.
template <class T>
Task<std::vector<Outcome<T>>> gather_results(std::vector<Task<T>> tasks) {
    OutcomeGroup group;
    std::vector<TaskHandle<T>> handles;
    try {
        start_in(group, handles, tasks);
    } catch (...) {
        group.could_not_start();
    }
    co_await group.join_children();
    group.conclude();
    std::vector<Outcome<T>> outcomes;
    outcomes.reserve(handles.size());
    for (auto& handle : handles) outcomes.push_back(handle.take_outcome());
    co_return outcomes;
}

template <class T>
Task<std::vector<Outcome<T>>> gather_results(std::vector<TaskHandle<T>> handles) {
    return gather_results(to_children(std::move(handles)));
}

template <class... Ts>
Task<std::tuple<Outcome<Ts>...>> gather_results_of(SourceLocation where, Task<Ts>... tasks) {
    OutcomeGroup group;
    std::tuple<TaskHandle<Ts>...> handles;
    try {
        start_in(group, handles, where, std::index_sequence_for<Ts...>(), tasks...);
    } catch (...) {
        group.could_not_start();
    }
    co_await group.join_children();
    group.conclude();
    co_return std::apply([](auto&... handle) { return std::tuple<Outcome<Ts>...>{handle.take_outcome()...}; },
                         handles);
}
template <AnyAwaitable... As>
auto gather_results(As... tasks) -> Task<std::tuple<Outcome<ChildValue<As>>...>> {
    return gather_results_of(SourceLocation::current(), to_child(std::move(tasks))...);
}

}  // namespace tandem::inline v1
