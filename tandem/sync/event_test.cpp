#include <tandem/sync/event.hpp>

#include <tandem/sync/latch.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Order = std::vector<int>;

Task<void> wait_and_note(Event& event, Order& order, int number) {
    co_await event.wait();
    order.push_back(number);
}

Task<void> down_after(Latch& latch, Duration delay) {
    co_await sleep(delay);
    latch.count_down();
}

Task<void> work(WaitGroup& jobs, Duration delay) {
    co_await sleep(delay);
    jobs.done();
}

}  // namespace

ASYNC_TEST(SemS11, set_wakes_everybody_in_order_even_if_cleared_before_they_run) {
    Event event;
    Order order;
    std::vector<TaskHandle<void>> waiters;
    for (int i = 1; i <= 5; ++i) waiters.push_back(create_task(wait_and_note(event, order, i)));
    co_await checkpoint();
    const auto waiting = event.statistics().tasks_waiting;
    event.set();
    event.clear();
    const bool inline_run = !order.empty();
    for (auto& waiter : waiters) co_await waiter;

    EXPECT_EQ(waiting, 5u);
    EXPECT_FALSE(inline_run);
    EXPECT_FALSE(event.is_set());
    EXPECT_EQ(order, (Order{1, 2, 3, 4, 5}));
}

ASYNC_TEST(SemS11, set_clear_set_in_one_step_lets_old_and_new_waiters_pass) {
    Event event;
    Order order;
    auto old = create_task(wait_and_note(event, order, 1));
    co_await checkpoint();
    event.set();
    event.clear();
    auto between = create_task(wait_and_note(event, order, 2));
    event.set();
    co_await gather(std::move(old), std::move(between));

    EXPECT_EQ(order, (Order{1, 2}));
}

ASYNC_TEST(SemS11, waiting_for_a_set_event_does_not_suspend) {
    Event event;
    event.set();
    const auto turn = this_loop().turns();
    co_await event.wait();

    EXPECT_EQ(this_loop().turns(), turn);
}

ASYNC_TEST(SemS11, one_cancelled_of_five_waiters_leaves_the_line_at_once) {
    Event event;
    Order order;
    std::vector<TaskHandle<void>> waiters;
    for (int i = 1; i <= 5; ++i) waiters.push_back(create_task(wait_and_note(event, order, i)));
    co_await checkpoint();
    waiters[2].cancel();
    const auto waiting = event.statistics().tasks_waiting;
    event.set();
    for (std::size_t i : {0u, 1u, 3u, 4u}) co_await waiters[i];

    EXPECT_EQ(waiting, 4u);
    EXPECT_TRUE(waiters[2].cancelled());
    EXPECT_EQ(order, (Order{1, 2, 4, 5}));
}

ASYNC_TEST(SemS11, an_event_may_go_once_it_was_set) {
    auto event = std::make_unique<Event>();
    Order order;
    auto passing = create_task(wait_and_note(*event, order, 1));
    auto cancelled = create_task(wait_and_note(*event, order, 2));
    co_await checkpoint();
    event->set();
    cancelled.cancel();
    event.reset();
    co_await passing;
    co_await sleep(1ms);

    EXPECT_EQ(order, (Order{1}));
    EXPECT_TRUE(cancelled.cancelled());
}

ASYNC_TEST(SemS16, a_latch_opens_when_all_have_counted_down) {
    Latch latch(3);
    const auto start = this_loop().time();
    const bool open_before = latch.try_wait();
    co_await gather(down_after(latch, 1ms), down_after(latch, 7ms), down_after(latch, 3ms),
                    as_task(latch.wait()));

    EXPECT_FALSE(open_before);
    EXPECT_EQ(this_loop().time() - start, 7ms);
    EXPECT_TRUE(latch.try_wait());
    co_await latch.wait();
    EXPECT_THROW(latch.count_down(), InvalidStateError);
}

ASYNC_TEST(SemS16, a_wait_group_waits_for_what_was_added_meanwhile_and_serves_again) {
    WaitGroup jobs;
    co_await jobs.wait();
    TaskGroup group;
    const auto start = this_loop().time();
    for (const auto delay : {2ms, 9ms}) {
        jobs.add();
        group.create_task(work(jobs, delay));
    }
    this_loop().call_later(5ms, [&] {
        jobs.add();
        group.create_task(work(jobs, 10ms));
    });
    co_await jobs.wait();
    const auto first = this_loop().time() - start;
    jobs.add();
    group.create_task(work(jobs, 1ms));
    co_await jobs.wait();

    EXPECT_EQ(first, 15ms);
    EXPECT_EQ(this_loop().time() - start, 16ms);
    EXPECT_THROW(jobs.done(), InvalidStateError);
    co_await group.join();
}
