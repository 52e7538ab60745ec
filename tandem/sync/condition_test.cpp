#include <tandem/sync/condition.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

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
