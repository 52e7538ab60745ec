#include <tandem/sync/condition.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/sync/barrier.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Order = std::vector<int>;

Task<void> consume(Condition& condition, Order& order, int number) {
    auto guard = co_await condition.mutex().lock();
    co_await condition.wait();
    order.push_back(number);
}

Task<void> note_if_locked(Condition& condition, bool& locked) {
    auto guard = co_await condition.mutex().lock();
    try {
        co_await condition.wait();
    } catch (const Cancelled&) {
        locked = condition.mutex().locked() && guard.owns_lock();
        throw;
    }
}

Task<void> notify_one(Condition& condition) {
    auto guard = co_await condition.mutex().lock();
    condition.notify();
}

Task<void> wait_for_two(Condition& condition, const int& value, Order& order) {
    auto guard = co_await condition.mutex().lock();
    co_await condition.wait([&value] { return value == 2; });
    order.push_back(value);
}

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

ASYNC_TEST(SemS12, five_consumers_are_notified_one_then_two_then_all_in_order) {
    Mutex mutex;
    Condition condition(mutex);
    Order order;
    std::vector<std::size_t> after;
    TaskGroup group;
    for (int i = 0; i < 5; ++i) group.create_task(consume(condition, order, i));
    co_await sleep(1ms);
    for (const std::size_t count : {1u, 2u, 100u}) {
        {
            auto guard = co_await mutex.lock();
            condition.notify(count);
        }
        co_await sleep(1ms);
        after.push_back(order.size());
    }
    co_await group.join();

    EXPECT_EQ(order, (Order{0, 1, 2, 3, 4}));
    EXPECT_EQ(after, (std::vector<std::size_t>{1, 3, 5}));
}

ASYNC_TEST(SemS12, a_cancelled_wait_takes_the_contested_lock_again_before_it_throws) {
    Mutex mutex;
    Condition condition(mutex);
    bool locked = false;
    auto waiter = create_task(note_if_locked(condition, locked));
    co_await sleep(1ms);
    {
        auto guard = co_await mutex.lock();
        waiter.cancel();
        co_await sleep(10ms);
        EXPECT_FALSE(waiter.done());
    }
    co_await sleep(0s);
    co_await checkpoint();

    EXPECT_TRUE(waiter.cancelled());
    EXPECT_TRUE(locked);
    EXPECT_FALSE(mutex.locked());
}

ASYNC_TEST(SemS12, a_notification_that_a_cancelled_task_got_goes_to_the_next) {
    for (const int moment : {0, 1, 2}) {
        Mutex mutex;
        Condition condition(mutex);
        Order order;
        auto first = create_task(consume(condition, order, 1));
        auto second = create_task(consume(condition, order, 2));
        co_await sleep(1ms);
        {
            auto guard = co_await mutex.lock();
            condition.notify();
            if (moment == 0) first.cancel();  // in line for the lock
            if (moment == 1) {
                co_await sleep(1ms);
                first.cancel();
            }
        }
        if (moment == 2) first.cancel();  // has the lock, has not run
        co_await timeout(1ms, second);

        EXPECT_TRUE(first.cancelled()) << moment;
        EXPECT_EQ(order, (Order{2})) << moment;
        EXPECT_FALSE(mutex.locked()) << moment;
    }
}

ASYNC_TEST(SemS12, waiting_or_notifying_without_the_lock_throws_and_names_the_way_out) {
    Mutex mutex;
    Condition condition(mutex);
    std::string message;
    try {
        co_await condition.wait();
    } catch (const InvalidStateError& error) {
        message = error.what();
    }

    EXPECT_NE(message.find("condition_test.cpp"), std::string::npos) << message;
    EXPECT_NE(message.find("co_await mutex.lock()"), std::string::npos) << message;
    EXPECT_THROW(condition.notify(), InvalidStateError);
    EXPECT_THROW(condition.notify_all(), InvalidStateError);
}

ASYNC_TEST(SemS12, wait_with_a_predicate_goes_on_only_when_it_holds) {
    Mutex mutex;
    Condition condition(mutex);
    Order order;
    int value = 0;
    auto waiter = create_task(wait_for_two(condition, value, order));
    for (int i = 0; i < 2; ++i) {
        co_await sleep(1ms);
        auto guard = co_await mutex.lock();
        ++value;
        condition.notify_all();
    }
    co_await waiter;
    co_await wait_for_two(condition, value, order);

    EXPECT_EQ(order, (Order{2, 2}));
}

ASYNC_TEST(SemS12, a_timeout_inside_the_locked_region_leaves_the_lock_to_its_guard) {
    Mutex mutex;
    Condition condition(mutex);
    bool timed_out = false;
    {
        auto guard = co_await mutex.lock();
        try {
            co_await timeout(5ms, condition.wait());
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(mutex.locked());
    }
    EXPECT_TRUE(timed_out);
    EXPECT_FALSE(mutex.locked());
    co_await notify_one(condition);
}

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
