#pragma once

#include <tandem/base/time.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race_group.hpp>
#include <tandem/task/task_handle.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace tandem::inline v1 {

/// The default of `RaceOptions::on_late`: a late value is destroyed.
struct DropLate {};

/// How the arms of a race are started, and what becomes of a value that came too late.
///
///     auto first = co_await race(RaceOptions().shuffle().on_late(give_back), a(), b());
template <class OnLate = DropLate>
class RaceOptions {
public:
    RaceOptions() {}
    RaceOptions(RaceOrder order, OnLate on_late) : order_(order), on_late_(std::move(on_late)) {}

    /// Starts the arms in a random order, so that none of them starves; the same one for the same seed.
    RaceOptions shuffle() const { return RaceOptions(RaceOrder::random(), on_late_); }
    RaceOptions shuffle(std::uint64_t seed) const { return RaceOptions(RaceOrder::seeded(seed), on_late_); }
    /// Gets each value that a loser finished with, once all have ended: `fn(value)` or `fn(index, value)`.
    template <class F>
    RaceOptions<F> on_late(F fn) const {
        return RaceOptions<F>(order_, std::move(fn));
    }

    const RaceOrder& order() const { return order_; }
    template <class T>
    void give_late(std::size_t index, T value) {
        if constexpr (std::is_invocable_v<OnLate&, T>)
            on_late_(std::move(value));
        else if constexpr (std::is_invocable_v<OnLate&, std::size_t, T>)
            on_late_(index, std::move(value));
    }

private:
    RaceOrder order_;
    OnLate on_late_{};
};

/// The arm that decided, counted from 0 in the order of the arguments, and its value.
template <class T>
struct RaceResult {
    RaceResult(std::size_t i, T v) : index(i), value(std::move(v)) {}
    std::size_t index;
    T value;
};

template <class... Ts>
struct RaceValueOf {
    using type = std::variant<VoidToMonostate<Ts>...>;
};
template <class T, class... Ts>
    requires(std::is_same_v<T, Ts> && ...)
struct RaceValueOf<T, Ts...> {
    using type = VoidToMonostate<T>;
};
/// The arms' type if they have one in common, else a variant with the index of the arm.
template <class... Ts>
using RaceValue = typename RaceValueOf<Ts...>::type;

template <class O, class... Ts>
Task<RaceResult<RaceValue<Ts...>>> race_tasks(RaceGroup::Decides decides, RaceOptions<O> options,
                                              SourceLocation where, Task<Ts>... arms);
template <class O, class T>
Task<RaceResult<VoidToMonostate<T>>> race_vector(RaceGroup::Decides decides, RaceOptions<O> options,
                                                 std::vector<Task<T>> arms);

/// The first of several to end decides, by its value or its error: `{index, value}`. The others are cancelled
/// and joined before it returns, so nothing is left running. Takes Tasks, handles (which are handed over),
/// any awaitable, or a vector.
///
///     auto first = co_await race(mirror(a), mirror(b));
///     use(first.value, first.index);
///
/// Errors      the first to end if it failed. Errors of losers are told as `suppressed`.
/// `std::invalid_argument`
///             without arms.
/// Cancelling  all arms are cancelled and joined, then `Cancelled`. What a loser waited for and got too late
///             goes back where that is possible; values that ended late go to `RaceOptions::on_late`.
/// Threads     the loop that runs.
/// Lifetime    an arm that ends in its first step keeps later ones from starting.
template <AnyAwaitable... As>
    requires(sizeof...(As) > 0)
auto race(As... arms) -> Task<RaceResult<RaceValue<ChildValue<As>...>>> {
    return race_tasks(RaceGroup::Decides::first_end, RaceOptions<>(), SourceLocation::current(),
                      to_child(std::move(arms))...);
}
template <class O, AnyAwaitable... As>
    requires(sizeof...(As) > 0)
auto race(RaceOptions<O> options, As... arms) -> Task<RaceResult<RaceValue<ChildValue<As>...>>> {
    return race_tasks(RaceGroup::Decides::first_end, std::move(options), SourceLocation::current(),
                      to_child(std::move(arms))...);
}
template <class T, class O = DropLate>
auto race(std::vector<Task<T>> arms, RaceOptions<O> options = {}) {
    return race_vector(RaceGroup::Decides::first_end, std::move(options), std::move(arms));
}
template <class T, class O = DropLate>
auto race(std::vector<TaskHandle<T>> arms, RaceOptions<O> options = {}) {
    return race(to_children(std::move(arms)), std::move(options));
}

/// The first to succeed decides. If none does: `ExceptionGroup` with every error in the order of the
/// arguments.
///
///     auto page = co_await any_of(page(cache), page(origin));
template <AnyAwaitable... As>
    requires(sizeof...(As) > 0)
auto any_of(As... arms) -> Task<RaceResult<RaceValue<ChildValue<As>...>>> {
    return race_tasks(RaceGroup::Decides::first_success, RaceOptions<>(), SourceLocation::current(),
                      to_child(std::move(arms))...);
}
template <class O, AnyAwaitable... As>
    requires(sizeof...(As) > 0)
auto any_of(RaceOptions<O> options, As... arms) -> Task<RaceResult<RaceValue<ChildValue<As>...>>> {
    return race_tasks(RaceGroup::Decides::first_success, std::move(options), SourceLocation::current(),
                      to_child(std::move(arms))...);
}
template <class T, class O = DropLate>
auto any_of(std::vector<Task<T>> arms, RaceOptions<O> options = {}) {
    return race_vector(RaceGroup::Decides::first_success, std::move(options), std::move(arms));
}
template <class T, class O = DropLate>
auto any_of(std::vector<TaskHandle<T>> arms, RaceOptions<O> options = {}) {
    return any_of(to_children(std::move(arms)), std::move(options));
}

template <class F>
using ArmValue = typename std::invoke_result_t<F&>::value_type;

/// Starts one arm after the other, the next when the one before has failed or after `delay`. The first
/// success decides; if all fail, `ExceptionGroup`. Happy eyeballs, for anything.
///
///     auto connection = co_await staggered_race(std::move(attempts), 250ms);
template <class F, class O = DropLate>
    requires is_task_v<std::invoke_result_t<F&>>
Task<RaceResult<VoidToMonostate<ArmValue<F>>>> staggered_race(std::vector<F> arms, Deadline delay,
                                                              RaceOptions<O> options = {});

// Implementation

template <class O, class T>
void give_if_late(RaceGroup& group, RaceOptions<O>& options, std::size_t index, TaskHandle<T>& handle) {
    if (!handle || &handle.node() == group.winner() || !handle.successful()) return;
    try {
        options.give_late(index, take_value(handle));
    } catch (...) {
        group.late_failed(std::current_exception());
    }
}

template <class O, std::size_t... Is, class... Ts>
void start_arms(RaceGroup& group, const RaceOptions<O>& options, std::tuple<TaskHandle<Ts>...>& handles,
                const SourceLocation& where, std::index_sequence<Is...>, Task<Ts>&... arms) {
    try {
        for (const std::size_t next : options.order().of(sizeof...(Ts))) {
            ((Is == next ? void(std::get<Is>(handles) = group.spawn(std::move(arms), {}, where)) : void()),
             ...);
        }
    } catch (...) {
        group.could_not_start();
    }
}

template <class R, class O, std::size_t... Is, class... Ts>
R conclude_arms(RaceGroup& group, RaceOptions<O>& options, std::tuple<TaskHandle<Ts>...>& handles,
                std::index_sequence<Is...>) {
    using Value = decltype(R::value);
    const std::array<const TaskNode*, sizeof...(Is)> arms{
        (std::get<Is>(handles) ? &std::get<Is>(handles).node() : nullptr)...};
    (give_if_late(group, options, Is, std::get<Is>(handles)), ...);
    const std::size_t index = group.conclude(arms);
    std::optional<R> result;
    const auto take = [&]<std::size_t I>(std::integral_constant<std::size_t, I>) {
        if (I != index) return;
        if constexpr ((std::is_same_v<Value, VoidToMonostate<Ts>> && ...))
            result.emplace(index, take_value(std::get<I>(handles)));
        else
            result.emplace(index, Value(std::in_place_index<I>, take_value(std::get<I>(handles))));
    };
    (take(std::integral_constant<std::size_t, Is>()), ...);
    return std::move(*result);
}

template <class O, class... Ts>
Task<RaceResult<RaceValue<Ts...>>> race_tasks(RaceGroup::Decides decides, RaceOptions<O> options,
                                              SourceLocation where, Task<Ts>... arms) {
    RaceGroup group(decides);
    std::tuple<TaskHandle<Ts>...> handles;
    start_arms(group, options, handles, where, std::index_sequence_for<Ts...>(), arms...);
    co_await group.join_children();
    co_return conclude_arms<RaceResult<RaceValue<Ts...>>>(group, options, handles,
                                                          std::index_sequence_for<Ts...>());
}

template <class T, class O>
RaceResult<VoidToMonostate<T>> conclude_arms(RaceGroup& group, RaceOptions<O>& options,
                                             std::vector<TaskHandle<T>>& handles) {
    std::vector<const TaskNode*> arms;
    for (std::size_t i = 0; i < handles.size(); ++i) {
        arms.push_back(handles[i] ? &handles[i].node() : nullptr);
        give_if_late(group, options, i, handles[i]);
    }
    const std::size_t index = group.conclude(arms);
    return RaceResult<VoidToMonostate<T>>(index, take_value(handles[index]));
}

template <class O, class T>
Task<RaceResult<VoidToMonostate<T>>> race_vector(RaceGroup::Decides decides, RaceOptions<O> options,
                                                 std::vector<Task<T>> arms) {
    refuse_empty_race(arms.size());
    RaceGroup group(decides);
    std::vector<TaskHandle<T>> handles(arms.size());
    try {
        for (const std::size_t next : options.order().of(arms.size()))
            handles[next] = group.spawn(std::move(arms[next]), {}, SourceLocation::current());
    } catch (...) {
        group.could_not_start();
    }
    co_await group.join_children();
    co_return conclude_arms(group, options, handles);
}

template <class F, class O>
    requires is_task_v<std::invoke_result_t<F&>>
Task<RaceResult<VoidToMonostate<ArmValue<F>>>> staggered_race(std::vector<F> arms, Deadline delay,
                                                              RaceOptions<O> options) {
    refuse_empty_race(arms.size());
    RaceGroup group(RaceGroup::Decides::first_success);
    std::vector<TaskHandle<ArmValue<F>>> handles(arms.size());
    const std::vector<std::size_t> order = options.order().of(arms.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
        TaskHandle<ArmValue<F>>& handle = handles[order[i]];
        try {
            handle = group.spawn(invoke_task(std::move(arms[order[i]])), {}, SourceLocation::current());
        } catch (...) {
            group.could_not_start();
        }
        if (i + 1 == order.size() || group.cancelled()) break;
        co_await group.pause(handle.node(), delay);
        if (group.cancelled()) break;
    }
    co_await group.join_children();
    co_return conclude_arms(group, options, handles);
}

}  // namespace tandem::inline v1
