#include <tandem/sync/semaphore.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/sync/capacity_limiter.hpp>
#include <tandem/sync/rate_limiter.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
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

Task<void> acquire_and_note(Semaphore& semaphore, Order& order, int number, std::size_t count = 1) {
    co_await semaphore.acquire(count);
    order.push_back(number);
}

Task<void> count_inside(Semaphore& semaphore, int& inside, int& most) {
    auto permit = co_await semaphore.hold();
    most = std::max(most, ++inside);
    co_await sleep(1ms);
    --inside;
}

Task<void> borrow_and_note(CapacityLimiter& limiter, Order& order, int number, Duration length) {
    auto place = co_await limiter.hold();
    order.push_back(number);
    co_await sleep(length);
}

Task<void> stamp(RateLimiter& limiter, std::vector<Duration>& times, TimePoint start, std::size_t count = 1) {
    co_await limiter.acquire(count);
    times.push_back(this_loop().time() - start);
}

}  // namespace

ASYNC_TEST(SemS13, twelve_workers_with_three_permits_are_never_more_than_three_inside) {
    Semaphore semaphore(3);
    int inside = 0;
    int most = 0;
    TaskGroup group;
    const auto start = this_loop().time();
    for (int i = 0; i < 12; ++i) group.create_task(count_inside(semaphore, inside, most));
    co_await group.join();

    EXPECT_EQ(most, 3);
    EXPECT_EQ(this_loop().time() - start, 4ms);
    EXPECT_EQ(semaphore.value(), 3u);
}

ASYNC_TEST(SemS13, a_large_request_is_not_overtaken_by_small_ones) {
    Semaphore semaphore(2);
    Order order;
    co_await semaphore.acquire();
    auto large = create_task(acquire_and_note(semaphore, order, 2, 2));
    auto small = create_task(acquire_and_note(semaphore, order, 1));
    co_await sleep(1ms);
    const bool tried = semaphore.try_acquire();
    const bool locked = semaphore.locked();
    const bool nobody_yet = order.empty();
    semaphore.release();
    co_await large;
    semaphore.release(2);
    co_await small;

    EXPECT_FALSE(tried);
    EXPECT_TRUE(locked);
    EXPECT_TRUE(nobody_yet);
    EXPECT_EQ(order, (Order{2, 1}));
}

ASYNC_TEST(SemS13, a_large_request_that_is_cancelled_lets_those_behind_it_have_what_is_there) {
    Semaphore semaphore(1);
    Order order;
    auto large = create_task(acquire_and_note(semaphore, order, 5, 5));
    auto small = create_task(acquire_and_note(semaphore, order, 1));
    co_await checkpoint();
    large.cancel();
    co_await timeout(1ms, small);

    EXPECT_EQ(order, (Order{1}));
}

ASYNC_TEST(SemS13, a_permit_that_went_to_a_cancelled_task_goes_to_the_next) {
    Semaphore semaphore(1);
    Order order;
    co_await semaphore.acquire();
    auto first = create_task(acquire_and_note(semaphore, order, 1));
    auto second = create_task(acquire_and_note(semaphore, order, 2));
    co_await checkpoint();
    semaphore.release();
    first.cancel();
    co_await second;

    EXPECT_EQ(order, (Order{2}));
    EXPECT_EQ(semaphore.value(), 0u);
}

ASYNC_TEST(SemS13, permits_are_taken_in_order_of_asking_whoever_releases_when) {
    Semaphore semaphore(0);
    Order order;
    TaskGroup group;
    for (int i = 1; i <= 6; ++i) group.create_task(acquire_and_note(semaphore, order, i));
    co_await checkpoint();
    semaphore.release(2);
    this_loop().call_soon([&] { semaphore.release(); });
    this_loop().call_later(1ms, [&] { semaphore.release(3); });
    co_await group.join();

    EXPECT_EQ(order, (Order{1, 2, 3, 4, 5, 6}));
}

ASYNC_TEST(SemS13, acquiring_releasing_and_cancelling_in_a_loop_never_hangs) {
    Semaphore semaphore(1);
    Order order;
    for (int round = 0; round < 200; ++round) {
        co_await semaphore.acquire();
        auto one = create_task(acquire_and_note(semaphore, order, 1));
        auto two = create_task(acquire_and_note(semaphore, order, 2));
        co_await checkpoint();
        if (round % 2) one.cancel();
        semaphore.release();
        if (round % 3 == 0) one.cancel();
        while (!one.done()) co_await checkpoint();
        if (one.successful()) semaphore.release();
        co_await two;
        semaphore.release();
        TANDEM_CO_ASSERT_EQ(semaphore.value(), 1u);
    }
}

ASYNC_TEST(SemS13, asking_a_bounded_semaphore_for_more_than_it_ever_has_is_an_error_and_no_wait_for_ever) {
    BoundedSemaphore two(2);
    std::string text;
    try {
        co_await two.acquire(3);
    } catch (const std::invalid_argument& error) {
        text = error.what();
    }
    EXPECT_NE(text.find("acquire(3) of a BoundedSemaphore"), std::string::npos) << text;
    co_await two.acquire(2);
    EXPECT_TRUE(two.locked());
}

ASYNC_TEST(SemS13, a_bounded_semaphore_refuses_a_release_too_many_and_stays_as_it_was) {
    BoundedSemaphore semaphore(2);
    co_await semaphore.acquire();
    EXPECT_THROW(semaphore.release(2), InvalidStateError);
    EXPECT_EQ(semaphore.value(), 1u);
    semaphore.release();
    EXPECT_THROW(static_cast<Semaphore&>(semaphore).release(), InvalidStateError);
    EXPECT_EQ(semaphore.value(), 2u);
}

ASYNC_TEST(SemS15, places_go_to_borrowers_in_order_and_each_is_known) {
    CapacityLimiter limiter(1);
    Order order;
    TaskGroup group;
    for (int i = 1; i <= 3; ++i) group.create_task(borrow_and_note(limiter, order, i, 1ms));
    co_await checkpoint();
    const auto during = limiter.statistics();
    const bool tried = limiter.try_acquire();
    co_await group.join();

    EXPECT_EQ(order, (Order{1, 2, 3}));
    EXPECT_FALSE(tried);
    EXPECT_EQ(during.borrowed, 1u);
    EXPECT_EQ(during.tasks_waiting, 2u);
    EXPECT_EQ(limiter.borrowed(), 0u);
}

ASYNC_TEST(SemS15, only_the_borrower_gives_back_and_nobody_borrows_twice) {
    CapacityLimiter limiter(2);
    int thing = 0;
    co_await limiter.acquire_on_behalf_of(Borrower(&thing));
    EXPECT_THROW(limiter.release(), InvalidStateError);
    std::string message;
    try {
        co_await limiter.acquire_on_behalf_of(Borrower(&thing));
    } catch (const InvalidStateError& error) {
        message = error.what();
    }
    co_await limiter.acquire();
    limiter.release_on_behalf_of(Borrower(&thing));
    limiter.release();

    EXPECT_NE(message.find("second place"), std::string::npos) << message;
    EXPECT_EQ(limiter.available(), 2u);
}

ASYNC_TEST(SemS15, a_total_below_what_is_borrowed_takes_nothing_away_and_gives_nothing) {
    CapacityLimiter limiter(2);
    Order order;
    auto first = create_task(borrow_and_note(limiter, order, 1, 2ms));
    auto second = create_task(borrow_and_note(limiter, order, 2, 4ms));
    co_await checkpoint();
    limiter.set_total(1);
    auto third = create_task(borrow_and_note(limiter, order, 3, 1ms));
    const auto start = this_loop().time();
    co_await sleep(3ms);
    const auto while_full = limiter.available();
    const auto waiting = limiter.statistics().tasks_waiting;
    co_await third;

    EXPECT_EQ(while_full, 0u);
    EXPECT_EQ(waiting, 1u);
    EXPECT_EQ(order, (Order{1, 2, 3}));
    EXPECT_EQ(this_loop().time() - start, 5ms);
    limiter.set_total(3);
    EXPECT_EQ(limiter.available(), 3u);
    co_await gather(std::move(first), std::move(second));
}

ASYNC_TEST(RateLimiter, a_full_bucket_serves_at_once_and_then_one_per_interval_in_order) {
    RateLimiter limiter(2, 1s);
    std::vector<Duration> times;
    const auto start = this_loop().time();
    TaskGroup group;
    for (int i = 0; i < 5; ++i) group.create_task(stamp(limiter, times, start));
    co_await group.join();
    co_await sleep(10s);
    co_await stamp(limiter, times, start, 2);

    EXPECT_EQ(times, (std::vector<Duration>{0s, 0s, 500ms, 1s, 1500ms, 11500ms}));
}

ASYNC_TEST(RateLimiter, a_cancelled_waiter_spends_nothing_and_those_behind_move_up) {
    RateLimiter limiter(1, 1s);
    std::vector<Duration> times;
    const auto start = this_loop().time();
    co_await limiter.acquire();
    auto first = create_task(stamp(limiter, times, start));
    auto second = create_task(stamp(limiter, times, start));
    co_await sleep(200ms);
    first.cancel();
    co_await second;

    EXPECT_EQ(times, (std::vector<Duration>{1s}));
    EXPECT_THROW(static_cast<void>(limiter.acquire(2)), std::invalid_argument);
    EXPECT_THROW(RateLimiter(0, 1s), std::invalid_argument);
}
