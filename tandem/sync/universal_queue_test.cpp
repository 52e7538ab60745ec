#include <tandem/sync/universal_queue.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Item = std::pair<int, int>;  // producer, number

Task<void> produce(UniversalQueue<Item>& queue, int producer, int count) {
    for (int i = 0; i < count; ++i) co_await queue.put(Item(producer, i));
}

Task<void> consume(UniversalQueue<Item>& queue, std::vector<Item>& items) {
    while (auto item = co_await queue.next()) items.push_back(*item);
}

Task<int> get_one(UniversalQueue<int>& queue) { co_return co_await queue.get(); }

}  // namespace

TEST(SemS24, threads_and_two_loops_share_one_queue_and_every_item_arrives_once_in_its_producers_order) {
    constexpr int each = 2'000;
    UniversalQueue<Item> queue(16);
    std::vector<Item> of_loop;
    std::vector<Item> of_other_loop;
    std::vector<Item> of_thread;
    std::thread loop([&] { run(consume(queue, of_loop)); });
    std::thread other_loop([&] { run(consume(queue, of_other_loop)); });
    std::thread consumer([&] {
        while (auto item = queue.next_blocking()) of_thread.push_back(*item);
    });
    std::thread producer_loop([&] { run(produce(queue, 0, each)); });
    std::thread producer([&] {
        for (int i = 0; i < each; ++i) queue.put_blocking(Item(1, i));
    });
    producer_loop.join();
    producer.join();
    queue.shutdown();
    loop.join();
    other_loop.join();
    consumer.join();

    EXPECT_EQ(of_loop.size() + of_other_loop.size() + of_thread.size(), 2u * each);
    for (auto* items : {&of_loop, &of_other_loop, &of_thread}) {
        for (const int producer_number : {0, 1}) {
            int last = -1;
            for (const auto& [from, number] : *items) {
                if (from != producer_number) continue;
                EXPECT_GT(number, last);
                last = number;
            }
        }
    }
}

ASYNC_TEST(SemS24, on_one_loop_it_is_a_queue_first_come_first_served) {
    UniversalQueue<int> queue(1);
    auto first = create_task(get_one(queue));
    auto second = create_task(get_one(queue));
    co_await checkpoint();
    const auto waiting = queue.statistics().getters_waiting;
    queue.put_nowait(1);
    const auto tried = queue.try_get();
    queue.put_nowait(2);
    queue.put_nowait(3);
    EXPECT_THROW(queue.put_nowait(4), QueueFull);
    const auto [a, b] = co_await gather(first, second);

    EXPECT_EQ(waiting, 2u);
    EXPECT_FALSE(tried.has_value());
    EXPECT_EQ(a * 10 + b, 12);
    EXPECT_EQ(queue.get_nowait(), 3);
    EXPECT_THROW(queue.get_nowait(), QueueEmpty);
}

ASYNC_TEST(SemS24, a_cancelled_getter_gives_its_item_back_and_a_cancelled_putter_leaves_none) {
    UniversalQueue<int> queue(1);
    auto getter = create_task(get_one(queue));
    co_await checkpoint();
    queue.put_nowait(1);
    queue.put_nowait(2);
    getter.cancel();
    co_await checkpoint();
    const auto size = queue.qsize();
    const auto put = co_await move_on_after(1ms, queue.put(3));
    const int first = co_await queue.get();
    const int second = co_await queue.get();

    EXPECT_TRUE(getter.cancelled());
    EXPECT_EQ(size, 2u);
    EXPECT_FALSE(put);
    EXPECT_EQ(first * 10 + second, 12);
    EXPECT_TRUE(queue.empty());
}

ASYNC_TEST(SemS24, blocking_calls_on_a_loops_thread_answer_at_once_or_refuse) {
    UniversalQueue<int> queue(1);
    queue.put_blocking(1);
    EXPECT_THROW(queue.put_blocking(2), WouldDeadlock);
    EXPECT_EQ(queue.get_blocking(), 1);
    std::string message;
    try {
        static_cast<void>(queue.get_blocking());
    } catch (const WouldDeadlock& error) {
        message = error.what();
    }
    EXPECT_NE(message.find("universal_queue_test.cpp"), std::string::npos) << message;
    EXPECT_NE(message.find("co_await"), std::string::npos) << message;
    co_return;
}

TEST(SemS24, blocking_calls_have_limits_and_end_at_shutdown) {
    UniversalQueue<int> queue(1);
    EXPECT_THROW(static_cast<void>(queue.get_blocking(5ms)), TimeoutError);
    queue.put_blocking(1);
    EXPECT_THROW(queue.put_blocking(2, 5ms), TimeoutError);
    EXPECT_EQ(queue.statistics().putters_waiting, 0u);
    std::atomic<bool> told = false;
    std::thread putter([&] {
        try {
            queue.put_blocking(3);
        } catch (const QueueShutDown&) {
            told = true;
        }
    });
    while (queue.statistics().putters_waiting == 0) std::this_thread::yield();
    queue.shutdown();
    putter.join();

    EXPECT_TRUE(told);
    EXPECT_EQ(queue.get_blocking(), 1);
    EXPECT_THROW(static_cast<void>(queue.get_blocking()), QueueShutDown);
    EXPECT_FALSE(queue.next_blocking().has_value());
}

TEST(SemS24, getters_cancelled_while_other_threads_put_lose_nothing) {
    constexpr int count = 20'000;
    UniversalQueue<int> queue(8);
    std::thread producer([&] {
        for (int i = 0; i < count; ++i) queue.put_blocking(i);
        queue.shutdown();
    });
    const auto impatient = [](UniversalQueue<int>& from, std::vector<int>& items) -> Task<void> {
        for (;;) {
            auto getting = create_task(get_one(from));
            co_await checkpoint();
            if (!getting.done()) getting.cancel();
            try {
                const int item = co_await getting;
                items.push_back(item);
            } catch (const TaskCancelled&) {
                continue;
            } catch (const QueueShutDown&) {
                co_return;
            }
        }
    };
    std::vector<int> items;
    run(impatient(queue, items));
    producer.join();

    ASSERT_EQ(items.size(), static_cast<std::size_t>(count));
    EXPECT_TRUE(std::is_sorted(items.begin(), items.end()));
}
