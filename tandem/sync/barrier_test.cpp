#include <tandem/sync/barrier.hpp>

#include <tandem/task/as_result.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Order = std::vector<int>;

Task<std::size_t> arrive(Barrier& barrier) { co_return co_await barrier.wait(); }

Task<void> rounds(Barrier& barrier, int count, Order& order, int number) {
    for (int round = 0; round < count; ++round) {
        co_await barrier.wait();
        order.push_back(10 * round + number);
        co_await checkpoint();
    }
}

std::string end_of(const TaskHandle<std::size_t>& handle) {
    if (!handle.done()) return "waiting";
    if (handle.cancelled()) return "cancelled";
    try {
        return std::to_string(handle.result());
    } catch (const BrokenBarrierError&) {
        return "broken";
    }
}

}  // namespace

ASYNC_TEST(SemS14, places_are_those_of_arrival_one_each_per_round) {
    Barrier barrier(3);
    for (int round = 0; round < 3; ++round) {
        const auto [a, b, c] = co_await gather(arrive(barrier), arrive(barrier), arrive(barrier));
        EXPECT_EQ((std::vector<std::size_t>{a, b, c}), (std::vector<std::size_t>{0, 1, 2}));
    }
    EXPECT_EQ(barrier.n_waiting(), 0u);
    EXPECT_EQ(barrier.parties(), 3u);
}

ASYNC_TEST(SemS14, a_round_ends_for_all_before_the_next_one_ends_for_any) {
    Barrier barrier(3);
    Order order;
    co_await gather(rounds(barrier, 4, order, 0), rounds(barrier, 4, order, 1), rounds(barrier, 4, order, 2));
    const auto by_round = [](int a, int b) { return a / 10 < b / 10; };

    EXPECT_EQ(order.size(), 12u);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end(), by_round));
}

ASYNC_TEST(SemS14, newcomers_wait_while_it_drains) {
    Barrier barrier(2);
    auto first = create_task(arrive(barrier));
    co_await checkpoint();
    const auto place = co_await barrier.wait();
    const auto state = barrier.statistics().state;
    auto third = create_task(arrive(barrier));
    auto fourth = create_task(arrive(barrier));
    const auto waiting_while_draining = barrier.n_waiting();
    co_await gather(first, third, fourth);

    EXPECT_EQ(place, 1u);
    EXPECT_EQ(state, Barrier::State::draining);
    EXPECT_EQ(waiting_while_draining, 0u);
    EXPECT_EQ(first.result() + third.result() + fourth.result(), 0u + 0u + 1u);
}

ASYNC_TEST(SemS14, more_tasks_than_parties_pass_in_groups_and_the_rest_waits) {
    Barrier barrier(2);
    std::vector<TaskHandle<std::size_t>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(create_task(arrive(barrier)));
    co_await sleep(1ms);
    std::vector<std::string> ends;
    for (const auto& task : tasks) ends.push_back(end_of(task));
    const auto waiting = barrier.n_waiting();
    barrier.reset();
    co_await sleep(1ms);

    EXPECT_EQ(ends, (std::vector<std::string>{"0", "1", "0", "1", "waiting"}));
    EXPECT_EQ(waiting, 1u);
    EXPECT_EQ(end_of(tasks[4]), "broken");
}

ASYNC_TEST(SemS14, reset_sends_away_who_fills_and_the_barrier_serves_again) {
    Barrier barrier(3);
    auto first = create_task(arrive(barrier));
    auto second = create_task(arrive(barrier));
    co_await checkpoint();
    barrier.reset();
    co_await sleep(1ms);
    const bool broken = barrier.broken();
    const auto [a, b, c] = co_await gather(arrive(barrier), arrive(barrier), arrive(barrier));

    EXPECT_EQ(end_of(first), "broken");
    EXPECT_EQ(end_of(second), "broken");
    EXPECT_FALSE(broken);
    EXPECT_EQ(a + b + c, 3u);
}

ASYNC_TEST(SemS14, reset_while_it_drains_breaks_nobody) {
    Barrier barrier(2);
    auto first = create_task(arrive(barrier));
    co_await checkpoint();
    co_await barrier.wait();
    barrier.reset();
    co_await first;

    EXPECT_EQ(end_of(first), "0");
}

ASYNC_TEST(SemS14, abort_breaks_now_and_later_until_reset) {
    Barrier barrier(2);
    auto first = create_task(arrive(barrier));
    co_await checkpoint();
    barrier.abort();
    co_await sleep(1ms);
    const auto later = co_await as_result(arrive(barrier));
    const bool broken = barrier.broken();
    barrier.reset();
    const auto [a, b] = co_await gather(arrive(barrier), arrive(barrier));

    EXPECT_EQ(end_of(first), "broken");
    EXPECT_FALSE(later.has_value());
    EXPECT_TRUE(broken);
    EXPECT_EQ(a + b, 1u);
}

ASYNC_TEST(SemS14, who_is_cancelled_while_it_fills_just_leaves) {
    Barrier barrier(2);
    auto first = create_task(arrive(barrier));
    co_await checkpoint();
    first.cancel();
    const auto waiting = barrier.n_waiting();
    const auto [a, b] = co_await gather(arrive(barrier), arrive(barrier));

    EXPECT_EQ(waiting, 0u);
    EXPECT_EQ(end_of(first), "cancelled");
    EXPECT_EQ(a * 10 + b, 1u);
}

ASYNC_TEST(SemS14, who_is_cancelled_once_let_through_holds_nobody_up) {
    Barrier barrier(2);
    auto first = create_task(arrive(barrier));
    co_await checkpoint();
    co_await barrier.wait();
    first.cancel();
    const auto [a, b] = co_await gather(arrive(barrier), arrive(barrier));

    EXPECT_EQ(end_of(first), "cancelled");
    EXPECT_EQ(a * 10 + b, 1u);
    EXPECT_THROW(Barrier(0), std::invalid_argument);
}
