// What keeps the public interface clear of the forms that compilers get wrong (sem:Z20-Z44).
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <coroutine>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

using tandem::testing::value_after;

/// Safe to be made in an expression that awaits: braces of it are never destroyed twice.
template <class T>
constexpr bool safe_option = !std::is_aggregate_v<T> || std::is_trivially_destructible_v<T>;

}  // namespace

TEST(SemZ21, option_types_are_trivial_aggregates_or_classes_with_constructors) {
    EXPECT_TRUE(safe_option<TaskOptions>);
    EXPECT_TRUE(safe_option<WaitOptions>);
    EXPECT_TRUE(safe_option<AsCompletedOptions>);
    EXPECT_TRUE(safe_option<RunOptions>);
    EXPECT_TRUE(safe_option<RaceOptions<>>);
    EXPECT_TRUE(safe_option<Deadline>);
}

TEST(SemZ22, tasks_handles_guards_and_awaiters_are_no_aggregates) {
    EXPECT_FALSE(std::is_aggregate_v<Task<int>>);
    EXPECT_FALSE(std::is_aggregate_v<TaskHandle<int>>);
    EXPECT_FALSE(std::is_aggregate_v<MutexGuard>);
    EXPECT_FALSE(std::is_aggregate_v<SemaphorePermits>);
    EXPECT_FALSE(std::is_aggregate_v<decltype(sleep(1s))>);
    EXPECT_FALSE(std::is_aggregate_v<decltype(std::declval<Mutex&>().lock())>);
    EXPECT_FALSE(std::is_aggregate_v<decltype(std::declval<TaskHandle<int>&>().join())>);
}

ASYNC_TEST_REAL_TIME(SemZ20, a_callable_and_its_arguments_take_the_place_of_a_capturing_lambda) {
    const auto add = [](int a, int b) { return a + b; };
    const int in_thread = co_await to_thread(add, 1, 2);
    const auto later = [](int a, std::string text) -> Task<std::string> {
        co_await sleep(0s);
        co_return text + std::to_string(a);
    };
    const std::string in_task = co_await create_task(later, 3, std::string("number "));

    EXPECT_EQ(in_thread, 3);
    EXPECT_EQ(in_task, "number 3");
}

ASYNC_TEST(SemZ24, everything_that_waits_may_be_written_in_two_statements) {
    auto limited = timeout(1s, value_after(1ms, 1));
    auto both = gather(value_after(1ms, 2), value_after(1ms, 3));
    auto first = race(value_after(1h, 4), value_after(1ms, 5));
    auto shielded = shield(value_after(1ms, 6));
    std::vector<TaskHandle<int>> handles{create_task(value_after(1ms, 7))};
    auto waited = wait(std::move(handles), {.timeout = 1s});
    const int a = co_await std::move(limited);
    const auto b = co_await std::move(both);
    const auto c = co_await std::move(first);
    const int d = co_await std::move(shielded);
    const auto e = co_await std::move(waited);

    EXPECT_EQ(a, 1);
    EXPECT_EQ(std::get<0>(b) + std::get<1>(b), 5);
    EXPECT_EQ(c.value, 5);
    EXPECT_EQ(d, 6);
    EXPECT_EQ(e.done.size(), 1u);
}

TEST(SemZ34, a_coroutine_starts_lazily_and_gives_exactly_its_task) {
    using Promise = std::coroutine_traits<Task<int>, Duration, int>::promise_type;
    EXPECT_TRUE((std::is_same_v<decltype(std::declval<Promise&>().initial_suspend()), std::suspend_always>));
    EXPECT_TRUE(noexcept(std::declval<Promise&>().initial_suspend()));
    EXPECT_TRUE(noexcept(std::declval<Promise&>().final_suspend()));
}

namespace {

struct Local {
    Local(Lines& l, const char* n) : lines(l), name(n) {}
    Local(const Local&) = delete;
    Local& operator=(const Local&) = delete;
    ~Local() { lines.push_back(name); }
    Lines& lines;
    const char* name;
};

enum class End { returns, throws, is_cancelled };

Task<void> with_locals(Lines& lines, End end) {
    const Local first(lines, "first");
    co_await sleep(0s);
    {
        const Local second(lines, "second");
        co_await sleep(end == End::is_cancelled ? 1h : 1ms);
        const Local third(lines, "third");
        if (end == End::throws) throw std::domain_error("thrown");
        co_await sleep(0s);
    }
    co_await sleep(0s);
}

}  // namespace

ASYNC_TEST(SemZ41, locals_over_an_await_end_in_reverse_order_once_whichever_way_the_frame_ends) {
    Lines returned;
    Lines thrown;
    Lines cancelled;
    co_await with_locals(returned, End::returns);
    auto throwing = create_task(with_locals(thrown, End::throws));
    const auto outcome = co_await throwing.join();
    auto sleeping = create_task(with_locals(cancelled, End::is_cancelled));
    co_await sleep(1ms);
    sleeping.cancel();
    co_await sleeping.join();

    EXPECT_EQ(returned, (Lines{"third", "second", "first"}));
    EXPECT_FALSE(outcome.has_value());
    EXPECT_EQ(thrown, (Lines{"third", "second", "first"}));
    EXPECT_EQ(cancelled, (Lines{"second", "first"}));
}

namespace {

Task<void> keeps(Local& held, std::string text) {
    const Local inside(held.lines, "inside");
    co_await sleep(0s);
    held.lines.push_back(text);
}

}  // namespace

TEST(SemZ44, a_frame_that_was_never_started_may_be_destroyed) {
    Lines lines;
    {
        Local held(lines, "held");
        const auto task = keeps(held, "a text that is long enough to live on the heap");
    }

    EXPECT_EQ(lines, Lines{"held"});
}
