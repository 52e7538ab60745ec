#include <tandem/task/wait_handles.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::value_after;

Task<int> fails_after(Duration delay) {
    co_await sleep(delay);
    throw std::domain_error("failed");
}

std::vector<TaskHandle<int>> started(std::initializer_list<int> milliseconds) {
    std::vector<TaskHandle<int>> handles;
    for (const int ms : milliseconds)
        handles.push_back(create_task(value_after(std::chrono::milliseconds(ms), ms)));
    return handles;
}

std::vector<int> values(const std::vector<TaskHandle<int>>& handles) {
    std::vector<int> all;
    for (const auto& handle : handles) all.push_back(handle.result());
    return all;
}

}  // namespace

ASYNC_TEST(SemG20, done_is_in_order_of_completion_and_pending_in_order_of_the_arguments) {
    auto handles = started({50, 3, 40, 1, 2});
    const auto start = this_loop().time();
    auto result = co_await wait(handles, {.timeout = 10ms});

    EXPECT_EQ(values(result.done), (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(this_loop().time() - start, 10ms);
    TANDEM_CO_ASSERT_EQ(result.pending.size(), 2U);
    EXPECT_TRUE(result.pending[0] == handles[0] && result.pending[1] == handles[2]);
    co_await wait(handles);
}

ASYNC_TEST(SemG21, first_completed_and_first_exception_return_when_they_say) {
    auto handles = started({30, 10, 20});
    const auto start = this_loop().time();
    auto first = co_await wait(handles, {.return_when = FIRST_COMPLETED});
    EXPECT_EQ(values(first.done), std::vector<int>{10});
    EXPECT_EQ(this_loop().time() - start, 10ms);

    auto mixed = handles;
    mixed.push_back(create_task(fails_after(5ms)));
    mixed.push_back(create_task(value_after(1h, 1)));
    auto cancelled = create_task(value_after(1h, 2));
    mixed.push_back(cancelled);
    this_loop().call_later(1ms, [cancelled] { cancelled.cancel(); });
    auto failed = co_await wait(mixed, {.return_when = FIRST_EXCEPTION});
    EXPECT_EQ(this_loop().time() - start, 15ms);
    EXPECT_EQ(failed.done.size(), 3U);

    auto again = co_await wait(mixed, {.timeout = 100ms, .return_when = FIRST_EXCEPTION});
    EXPECT_EQ(this_loop().time() - start, 15ms);
    EXPECT_EQ(again.done.size(), 3U);
    mixed[4].cancel();
    co_await wait(mixed);
    for (auto& handle : mixed) static_cast<void>(co_await handle.join());
}

ASYNC_TEST(SemG21, everything_done_at_the_moment_of_return_is_in_done) {
    auto handles = started({5, 5, 5});
    auto result = co_await wait(handles, {.return_when = FIRST_COMPLETED});

    EXPECT_EQ(result.done.size(), 3U);
    EXPECT_TRUE(result.pending.empty());
}

ASYNC_TEST(SemG22, a_cancelled_wait_cancels_nobody) {
    auto handles = started({20, 30});
    const auto watcher = [](std::vector<TaskHandle<int>> watched) -> Task<void> { co_await wait(watched); };
    auto watching = create_task(watcher(handles));
    co_await sleep(1ms);
    watching.cancel();
    auto end = co_await watching.join();
    const bool unharmed = !handles[0].done() && !handles[1].done();
    auto all = co_await wait(handles);

    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(unharmed);
    EXPECT_EQ(values(all.done), (std::vector<int>{20, 30}));
}

ASYNC_TEST(SemG22, a_wait_without_time_gives_the_others_one_turn) {
    std::vector<TaskHandle<int>> handles;
    handles.push_back(create_task([]() -> Task<int> { co_return 1; }()));
    handles.push_back(create_task(value_after(1ms, 2)));

    auto result = co_await wait(handles, {.timeout = 0s});

    EXPECT_EQ(values(result.done), std::vector<int>{1});
    EXPECT_EQ(result.pending.size(), 1U);
    co_await handles[1];
}

ASYNC_TEST(SemG22, a_zero_timeout_looks_and_does_not_wait) {
    auto handles = started({1, 50});
    co_await sleep(2ms);
    auto result = co_await wait(handles, {.timeout = 0s});

    EXPECT_EQ(values(result.done), std::vector<int>{1});
    EXPECT_EQ(result.pending.size(), 1U);
    co_await wait(handles);
}

ASYNC_TEST(SemG23, duplicates_collapse_also_among_fifty_thousand_and_none_is_refused) {
    auto handles = started({3, 1});
    handles.push_back(handles[0]);
    auto result = co_await wait(handles);
    EXPECT_EQ(values(result.done), (std::vector<int>{1, 3}));

    std::vector<TaskHandle<int>> many;
    for (int i = 0; i < 50'000; ++i) many.push_back(create_task(value_after(Duration(i % 7), i)));
    auto all = co_await wait(many);
    EXPECT_EQ(all.done.size(), 50'000U);

    bool refused = false;
    try {
        co_await wait(std::vector<TaskHandle<int>>());
    } catch (const std::invalid_argument&) {
        refused = true;
    }
    EXPECT_TRUE(refused);
}

ASYNC_TEST(SemG30, children_come_in_order_of_completion_each_once_and_failures_too) {
    std::vector<Task<int>> tasks;
    tasks.push_back(value_after(30ms, 30));
    tasks.push_back(fails_after(20ms));
    tasks.push_back(value_after(10ms, 10));
    tasks.push_back(value_after(30ms, 31));
    std::vector<std::string> order;
    auto done = as_completed(std::move(tasks));
    while (auto handle = co_await done.next())
        order.push_back(handle->exception() ? "error" : std::to_string(handle->result()));
    const auto after_the_end = co_await done.next();

    EXPECT_EQ(order, (std::vector<std::string>{"10", "error", "30", "31"}));
    EXPECT_FALSE(after_the_end.has_value());
}

ASYNC_TEST(SemG31, past_the_timeout_next_throws_and_cancels_nothing) {
    int finished = 0;
    const auto counts = [](Duration delay, int& count) -> Task<int> {
        co_await sleep(delay);
        co_return ++count;
    };
    std::vector<Task<int>> tasks;
    tasks.push_back(counts(5ms, finished));
    tasks.push_back(counts(50ms, finished));
    auto done = as_completed(std::move(tasks), 20ms);
    auto first = co_await done.next();
    bool timed_out = false;
    try {
        co_await done.next();
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    co_await sleep(100ms);

    EXPECT_TRUE(first.has_value());
    EXPECT_TRUE(timed_out);
    EXPECT_EQ(finished, 2);
}

ASYNC_TEST(SemG32, a_cancelled_next_loses_no_child) {
    // The timeout of each next() falls into the turn in which a child ends.
    constexpr int count = 200;
    std::vector<Task<int>> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back(value_after(1ms * (i + 1), i));
    auto done = as_completed(std::move(tasks));
    std::vector<int> seen;
    int timeouts = 0;
    for (;;) {
        auto got = co_await as_result(timeout(1ms, done.next()));
        if (!got.has_value()) {
            ++timeouts;
            continue;
        }
        if (!got.value()) break;
        seen.push_back(got.value()->result());
    }

    TANDEM_CO_ASSERT_EQ(seen.size(), static_cast<std::size_t>(count));
    int wrong = 0;
    for (int i = 0; i < count; ++i) wrong += seen[static_cast<std::size_t>(i)] != i;
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(timeouts, 0);
}

ASYNC_TEST(SemG33, it_may_be_filled_while_it_runs) {
    std::vector<Task<int>> tasks;
    tasks.push_back(value_after(1ms, 3));
    auto done = as_completed(std::move(tasks));
    int sum = 0;
    while (auto handle = co_await done.next()) {
        const int value = handle->result();
        sum += value;
        if (value > 0) done.add(value_after(1ms, value - 1));
    }

    EXPECT_EQ(sum, 6);
}

ASYNC_TEST(SemG34, leaving_early_cancels_the_children_and_the_task_ends_after_them) {
    std::vector<std::string> lines;
    const auto child = [](Duration delay, std::vector<std::string>& out) -> Task<int> {
        try {
            co_await sleep(delay);
        } catch (const Cancelled&) {
            out.push_back("cancelled");
        }
        co_await shield(value_after(5ms, 0));
        out.push_back("child ended");
        co_return 1;
    };
    const auto leaves = [](auto fn, std::vector<std::string>& out) -> Task<void> {
        std::vector<Task<int>> tasks;
        tasks.push_back(value_after(1ms, 1));
        tasks.push_back(fn(1h, out));
        auto done = as_completed(std::move(tasks));
        co_await done.next();
    };
    auto handle = create_task(leaves(child, lines));
    co_await handle;
    lines.push_back("task ended");

    EXPECT_EQ(lines, (std::vector<std::string>{"cancelled", "child ended", "task ended"}));
}

ASYNC_TEST(SemG34, a_used_task_among_the_tasks_is_refused_and_the_started_ones_end) {
    const auto body = []() -> Task<void> {
        auto used = value_after(0ms, 1);
        co_await std::move(used);
        std::vector<Task<int>> tasks;
        tasks.push_back(value_after(1h, 1));
        tasks.push_back(std::move(used));
        auto done = as_completed(std::move(tasks));
        co_await done.next();
    };
    auto handle = create_task(body());
    auto end = co_await handle.join();

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<InvalidStateError>());
}
