// Each primitive in the situations that broke others (sem:St1-St13).
#include <tandem/base/errors.hpp>
#include <tandem/sync/capacity_limiter.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/sync/condition.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/sync/universal_queue.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Order = std::vector<int>;

Task<void> lock_and_note(Mutex& mutex, Order& order, int number) {
    auto guard = co_await mutex.lock();
    order.push_back(number);
    co_await sleep(1ms);
}
Task<void> get_and_note(Queue<int>& queue, Order& order, int number) {
    const int item = co_await queue.get();
    order.push_back(10 * number + item);
}
Task<void> keep_guard(MutexGuard guard, Mutex& mutex, bool& locked_inside) {
    co_await sleep(1ms);
    locked_inside = guard.owns_lock() && mutex.locked();
}

}  // namespace

ASYNC_TEST(SemSt1, a_release_and_a_cancel_of_the_first_waiter_in_one_turn_in_both_orders) {
    for (const bool cancel_first : {true, false}) {
        Mutex mutex;
        Order order;
        static_cast<void>(mutex.try_lock());
        std::vector<TaskHandle<void>> waiters;
        for (int i = 0; i < 4; ++i) waiters.push_back(create_task(lock_and_note(mutex, order, i)));
        co_await sleep(1ms);
        if (cancel_first) waiters[0].cancel();
        mutex.unlock();
        if (!cancel_first) waiters[0].cancel();
        for (auto& waiter : waiters) co_await waiter.join();
        waiters[1].cancel();  // has ended
        this_loop().call_later(1ms, [&mutex] { mutex.unlock(); });
        co_await mutex.acquire();
        co_await lock_and_note(mutex, order, 9);  // given back by the callback

        EXPECT_TRUE(waiters[0].cancelled()) << cancel_first;
        EXPECT_EQ(order, (Order{1, 2, 3, 9})) << cancel_first;
        EXPECT_FALSE(mutex.locked()) << cancel_first;
    }
}

ASYNC_TEST(SemSt2, try_lock_fails_between_hand_over_and_resumption_and_a_guard_may_move_into_a_task) {
    Mutex mutex;
    Order order;
    bool locked_inside = false;
    static_cast<void>(mutex.try_lock());
    auto waiter = create_task(lock_and_note(mutex, order, 1));
    co_await sleep(1ms);
    mutex.unlock();
    const bool overtook = mutex.try_lock();
    co_await waiter;
    auto guard = co_await mutex.lock();
    auto keeper = create_task(keep_guard(std::move(guard), mutex, locked_inside));
    const bool owns = guard.owns_lock();
    co_await keeper;

    EXPECT_FALSE(overtook);
    EXPECT_EQ(order, Order{1});
    EXPECT_FALSE(owns);
    EXPECT_TRUE(locked_inside);
    EXPECT_FALSE(mutex.locked());
}

ASYNC_TEST(SemSt3, set_clear_set_in_one_step_lets_all_five_pass_but_the_cancelled_one) {
    Event event;
    int passed = 0;
    const auto pass = [&]() -> Task<void> {
        co_await event.wait();
        ++passed;
    };
    std::vector<TaskHandle<void>> waiters;
    for (int i = 0; i < 5; ++i) waiters.push_back(create_task(pass()));
    co_await sleep(1ms);
    waiters[2].cancel();
    event.set();
    event.clear();
    event.set();
    event.clear();
    for (auto& waiter : waiters) co_await waiter.join();

    EXPECT_EQ(passed, 4);
    EXPECT_TRUE(waiters[2].cancelled());
    EXPECT_FALSE(event.is_set());
}

ASYNC_TEST(SemSt4, of_five_consumers_one_is_cancelled_after_its_notification_which_the_next_gets) {
    Mutex mutex;
    Condition condition(mutex);
    Order order;
    const auto consume = [&](int number) -> Task<void> {
        auto guard = co_await mutex.lock();
        co_await condition.wait();
        order.push_back(number);
    };
    std::vector<TaskHandle<void>> consumers;
    for (int i = 0; i < 5; ++i) consumers.push_back(create_task(consume(i)));
    co_await sleep(1ms);
    {
        auto guard = co_await mutex.lock();
        condition.notify(2);
        consumers[0].cancel();  // re-acquiring the contested lock
    }
    co_await sleep(1ms);
    const Order of_two = order;
    {
        auto guard = co_await mutex.lock();
        condition.notify_all();
    }
    for (auto& consumer : consumers) co_await consumer.join();

    EXPECT_EQ(of_two, (Order{1, 2}));
    EXPECT_EQ(order, (Order{1, 2, 3, 4}));
}

ASYNC_TEST(SemSt5, twelve_workers_share_three_permits_while_some_are_cancelled_before_they_are_woken) {
    Semaphore permits(3);
    int inside = 0;
    int most = 0;
    int done = 0;
    const auto work = [&]() -> Task<void> {
        auto permit = co_await permits.hold();
        most = std::max(most, ++inside);
        co_await sleep(2ms);
        --inside;
        ++done;
    };
    std::vector<TaskHandle<void>> workers;
    for (int i = 0; i < 12; ++i) workers.push_back(create_task(work()));
    co_await sleep(1ms);
    for (const std::size_t i : {4u, 7u, 11u}) workers[i].cancel();
    for (auto& worker : workers) co_await worker.join();

    EXPECT_EQ(most, 3);
    EXPECT_EQ(done, 9);
    EXPECT_EQ(permits.value(), 3u);
}

ASYNC_TEST(SemSt7, readers_that_are_dropped_lose_no_item_and_served_ones_keep_theirs) {
    Queue<int> queue;
    Order order;
    std::vector<TaskHandle<void>> readers;
    for (int i = 0; i < 6; ++i) readers.push_back(create_task(get_and_note(queue, order, i)));
    co_await sleep(1ms);
    for (const std::size_t i : {0u, 3u, 4u}) readers[i].cancel();  // while they wait
    for (int item = 1; item <= 3; ++item) queue.put_nowait(int(item));
    readers[1].cancel();  // served, not resumed
    const auto waiting = queue.statistics().getters_waiting;
    for (int i : {0, 1, 2, 3, 4}) co_await readers[static_cast<std::size_t>(i)].join();
    co_await readers[5].join();

    EXPECT_EQ(waiting, 0u);
    EXPECT_TRUE(readers[1].cancelled());
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order.size(), 2u);
    const auto left = queue.try_get();
    EXPECT_TRUE(left.has_value());
    EXPECT_EQ(order[0] % 10 + order[1] % 10 + left.value_or(0), 6);
}

ASYNC_TEST(SemSt8, two_workers_share_twenty_four_jobs_and_several_joiners_pass_when_all_are_done) {
    Queue<int> jobs(3);
    std::vector<int> done;
    const auto work = [&]() -> Task<void> {
        for (;;) {
            const int job = co_await jobs.get();
            if (job < 0) break;  // the sentinel
            co_await sleep(1ms);
            done.push_back(job);
            jobs.task_done();
        }
        jobs.task_done();
    };
    TaskGroup group;
    for (int i = 0; i < 2; ++i) group.create_task(work());
    for (int job = 0; job < 24; ++job) co_await jobs.put(int(job));
    for (int i = 0; i < 2; ++i) co_await jobs.put(-1);
    const auto joiner = [&]() -> Task<std::size_t> {
        co_await jobs.join();
        co_return done.size();
    };
    auto first = create_task(joiner());
    auto second = create_task(joiner());
    co_await group.join();
    const std::size_t seen = co_await first;
    const std::size_t seen_too = co_await second;
    bool timed_out = false;
    try {
        co_await timeout(1s, jobs.get());
    } catch (const TimeoutError&) {
        timed_out = true;
    }

    EXPECT_EQ(seen + seen_too, 48u);
    std::sort(done.begin(), done.end());
    EXPECT_EQ(std::unique(done.begin(), done.end()) - done.begin(), 24);
    EXPECT_TRUE(timed_out);
}

ASYNC_TEST(SemSt9, an_immediate_shutdown_of_a_full_queue_sends_putters_and_joiners_on_their_way) {
    Queue<int> queue(1);
    queue.put_nowait(1);
    const auto put = [&]() -> Task<std::string> {
        std::string end = "put";
        try {
            co_await queue.put(2);
        } catch (const QueueShutDown&) {
            end = "shut down";
        }
        co_return end;
    };
    const auto join = [&]() -> Task<std::string> {
        co_await queue.join();
        co_return "joined";
    };
    auto putter = create_task(put());
    auto joiner = create_task(join());
    co_await sleep(1ms);
    queue.shutdown();
    const bool joined_early = joiner.done();
    queue.shutdown(ShutDown::immediate);
    const std::string of_putter = co_await putter;
    const std::string of_joiner = co_await joiner;

    EXPECT_FALSE(joined_early);
    EXPECT_EQ(of_putter, "shut down");
    EXPECT_EQ(of_joiner, "joined");
    EXPECT_TRUE(queue.empty());
}

ASYNC_TEST(SemSt10, closing_many_clones_while_the_other_side_waits_ends_it_once) {
    auto channel = Channel<int>(0);
    std::vector<Sender<int>> clones(20, channel.sender);
    const auto drain = [](Receiver<int> receiver) -> Task<int> {
        int sum = 0;
        while (auto item = co_await receiver.receive()) sum += *item;
        co_return sum;
    };
    auto receiver = create_task(drain(std::move(channel.receiver)));
    for (auto& clone : clones) co_await clone.send(1);
    const auto statistics = channel.sender.statistics();
    clones.clear();
    co_await sleep(1ms);
    const bool ended_early = receiver.done();
    {
        const auto last = std::move(channel.sender);
    }
    const int sum = co_await receiver;

    EXPECT_EQ(statistics.open_senders, 21u);
    EXPECT_FALSE(ended_early);
    EXPECT_EQ(sum, 20);
}

ASYNC_TEST_REAL_TIME(SemSt11, a_universal_queue_carries_items_from_threads_to_tasks_and_back) {
    UniversalQueue<int> there(2);
    UniversalQueue<int> back;
    constexpr int count = 300;
    std::thread thread([&] {
        for (int i = 0; i < count; ++i) there.put_blocking(int(i));
        long long sum = 0;
        for (int i = 0; i < count; ++i) sum += back.get_blocking();
        back.put_blocking(static_cast<int>(sum));
    });
    for (int i = 0; i < count; ++i) {
        const int item = co_await there.get();
        co_await back.put(item + 1);
    }
    auto cancelled =
        create_task([](UniversalQueue<int>& queue) -> Task<void> { co_await queue.get(); }, std::ref(there));
    co_await sleep(1ms);
    cancelled.cancel();
    co_await cancelled.join();
    thread.join();
    const auto sum = back.try_get();

    EXPECT_TRUE(cancelled.cancelled());
    EXPECT_EQ(sum, count * (count + 1) / 2);
}

ASYNC_TEST(SemSt12, a_place_is_given_back_by_its_borrower_only_and_a_lowered_total_waits) {
    CapacityLimiter limiter(2);
    const int one = 0;
    const int two = 0;
    const int three = 0;
    co_await limiter.acquire_on_behalf_of(Borrower(&one));
    co_await limiter.acquire_on_behalf_of(Borrower(&two));
    std::string refused;
    try {
        limiter.release_on_behalf_of(Borrower(&three));
    } catch (const InvalidStateError& error) {
        refused = error.what();
    }
    const auto borrow = [&]() -> Task<void> { co_await limiter.acquire_on_behalf_of(Borrower(&three)); };
    auto third = create_task(borrow());
    co_await sleep(1ms);
    limiter.set_total(1);
    limiter.release_on_behalf_of(Borrower(&one));
    co_await sleep(1ms);
    const bool too_early = third.done();
    limiter.release_on_behalf_of(Borrower(&two));
    co_await third;

    EXPECT_NE(refused.find("CapacityLimiter"), std::string::npos) << refused;
    EXPECT_FALSE(too_early);
    EXPECT_EQ(limiter.borrowed(), 1u);
}

ASYNC_TEST(SemSt13, a_semaphore_and_a_timer_are_a_rate_limit_and_a_full_queue_is_back_pressure) {
    Semaphore tokens(2);
    std::vector<Duration> moments;
    const auto start = this_loop().time();
    for (int i = 0; i < 6; ++i) {
        co_await tokens.acquire();
        moments.push_back(this_loop().time() - start);
        this_loop().call_later(100ms, [&tokens] { tokens.release(); });
    }
    co_await sleep(1s);
    Queue<int> mailbox(1);
    int sent = 0;
    const auto send = [&]() -> Task<void> {
        for (; sent < 3; ++sent) co_await mailbox.put(1);
    };
    auto sender = create_task(send());
    co_await sleep(1ms);
    const int before = sent;
    const bool full = mailbox.full();
    co_await mailbox.get();
    co_await mailbox.get();
    co_await sender;

    EXPECT_EQ(moments, (std::vector<Duration>{0ms, 0ms, 100ms, 100ms, 200ms, 200ms}));
    EXPECT_EQ(before, 1);
    EXPECT_TRUE(full);
}
