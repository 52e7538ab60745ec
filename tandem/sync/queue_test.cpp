#include <tandem/sync/queue.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Items = std::vector<int>;

Task<void> get_into(Queue<int>& queue, Items& items, int stamp = 0) {
    const int item = co_await queue.get();
    items.push_back(stamp + item);
}

Task<void> put_all(Queue<int>& queue, Items items) {
    for (const int item : items) co_await queue.put(item);
}

Task<void> work_off(Queue<int>& queue, Items& done, Duration each) {
    for (;;) {
        const int job = co_await queue.get();
        co_await sleep(each);
        done.push_back(job);
        queue.task_done();
    }
}

Task<void> drain(Queue<int>& queue, Items& items) {
    while (auto item = co_await queue.next()) items.push_back(*item);
}

}  // namespace

ASYNC_TEST(SemS17, getters_and_putters_are_served_in_order_of_arrival) {
    Queue<int> queue(1);
    Items items;
    TaskGroup group;
    for (int i = 1; i <= 3; ++i) group.create_task(get_into(queue, items, 10 * i));
    co_await checkpoint();
    for (int i = 1; i <= 5; ++i) group.create_task(put_all(queue, {i}));
    co_await sleep(1ms);
    const auto waiting = queue.statistics().putters_waiting;
    const bool full = queue.full();
    for (int i = 4; i <= 5; ++i) co_await get_into(queue, items, 10 * i);
    co_await group.join();

    EXPECT_EQ(items, (Items{11, 22, 33, 44, 55}));
    EXPECT_EQ(waiting, 1u);
    EXPECT_TRUE(full);
}

ASYNC_TEST(SemS17, the_calls_without_waiting_answer_at_once) {
    Queue<int> queue(2);
    EXPECT_THROW(queue.get_nowait(), QueueEmpty);
    EXPECT_FALSE(queue.try_get().has_value());
    queue.put_nowait(1);
    EXPECT_TRUE(queue.try_put(2));
    EXPECT_FALSE(queue.try_put(3));
    EXPECT_THROW(queue.put_nowait(3), QueueFull);
    EXPECT_EQ(queue.qsize(), 2u);
    EXPECT_TRUE(queue.full());
    EXPECT_EQ(queue.maxsize(), 2u);
    EXPECT_EQ(queue.get_nowait(), 1);
    EXPECT_EQ(queue.try_get(), 2);
    EXPECT_TRUE(queue.empty());
    Queue<int> unbounded;
    for (int i = 0; i < 1'000; ++i) unbounded.put_nowait(i);
    EXPECT_FALSE(unbounded.full());
    EXPECT_EQ(unbounded.maxsize(), 0u);
    co_return;
}

ASYNC_TEST(SemS17, items_may_be_move_only_and_come_out_once_in_order) {
    Queue<std::unique_ptr<int>> queue(3);
    const auto producer = [](Queue<std::unique_ptr<int>>& out) -> Task<void> {
        for (int i = 0; i < 100; ++i) co_await out.put(std::make_unique<int>(i));
        out.shutdown();
    };
    auto task = create_task(producer(queue));
    Items items;
    while (auto item = co_await queue.next()) items.push_back(**item);
    co_await task;

    TANDEM_CO_ASSERT_EQ(items.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(items[static_cast<std::size_t>(i)], i);
}

ASYNC_TEST(SemS2, a_queue_lets_no_newcomer_have_the_item_of_a_getter_that_was_served) {
    Queue<int> queue;
    Items items;
    auto getter = create_task(get_into(queue, items));
    co_await checkpoint();
    queue.put_nowait(1);
    const auto tried = queue.try_get();
    queue.put_nowait(2);
    const auto second = queue.try_get();
    co_await getter;

    EXPECT_FALSE(tried.has_value());
    EXPECT_EQ(second, 2);
    EXPECT_EQ(items, (Items{1}));
}

ASYNC_TEST(SemS18, join_passes_when_every_item_is_done_and_at_once_before_any_put) {
    Queue<int> queue;
    co_await queue.join();
    EXPECT_THROW(queue.task_done(), InvalidStateError);
    Items done;
    auto one = create_task(work_off(queue, done, 2ms));
    auto two = create_task(work_off(queue, done, 2ms));
    const auto start = this_loop().time();
    for (int i = 0; i < 24; ++i) queue.put_nowait(i);
    co_await gather(as_task(queue.join()), as_task(queue.join()));

    EXPECT_EQ(this_loop().time() - start, 24ms);
    EXPECT_EQ(done.size(), 24u);
    EXPECT_EQ(queue.statistics().unfinished, 0u);
    one.cancel();
    two.cancel();
    co_await sleep(1ms);
}

ASYNC_TEST(SemS20, the_smallest_comes_first_and_equals_in_the_order_of_putting) {
    using Job = std::pair<int, std::string>;
    struct ByNumber {
        bool operator()(const Job& a, const Job& b) const { return a.first < b.first; }
    };
    PriorityQueue<Job, ByNumber> queue;
    for (const auto& job : std::vector<Job>{{2, "b"}, {1, "x"}, {2, "a"}, {1, "y"}, {3, "z"}, {2, "c"}})
        queue.put_nowait(job);
    std::string names;
    while (!queue.empty()) names += queue.get_nowait().second;
    EXPECT_EQ(names, "xybacz");

    LifoQueue<int> stack;
    for (int i = 0; i < 4; ++i) stack.put_nowait(i);
    Items items;
    while (!stack.empty()) items.push_back(stack.get_nowait());
    EXPECT_EQ(items, (Items{3, 2, 1, 0}));
    co_return;
}

ASYNC_TEST(SemS21, items_of_cancelled_getters_go_to_those_behind_them_in_order) {
    Queue<int> queue;
    Items items;
    std::vector<TaskHandle<void>> getters;
    for (int i = 1; i <= 4; ++i) getters.push_back(create_task(get_into(queue, items, 10 * i)));
    co_await checkpoint();
    for (int i = 1; i <= 3; ++i) queue.put_nowait(i);
    getters[0].cancel();
    getters[2].cancel();
    co_await sleep(1ms);

    EXPECT_EQ(items, (Items{21, 42}));
    EXPECT_EQ(queue.try_get(), 3);
    EXPECT_EQ(queue.statistics().getters_waiting, 0u);
}

ASYNC_TEST(SemS21, when_every_served_getter_is_cancelled_the_items_stand_as_before) {
    Queue<int> queue(3);
    Items items;
    std::vector<TaskHandle<void>> getters;
    for (int i = 1; i <= 3; ++i) getters.push_back(create_task(get_into(queue, items)));
    co_await checkpoint();
    for (int i = 1; i <= 3; ++i) queue.put_nowait(i);
    const bool full_while_on_their_way = queue.full();
    for (auto& getter : getters) getter.cancel();
    co_await sleep(1ms);
    const auto size = queue.qsize();
    for (int i = 0; i < 3; ++i) co_await get_into(queue, items);

    EXPECT_TRUE(full_while_on_their_way);
    EXPECT_EQ(size, 3u);
    EXPECT_EQ(items, (Items{1, 2, 3}));
}

ASYNC_TEST(SemS21, a_putter_cancelled_before_its_item_was_accepted_leaves_none_and_after_it_stands) {
    Queue<int> queue(1);
    Items items;
    queue.put_nowait(1);
    auto early = create_task(put_all(queue, {2}));
    auto late = create_task(put_all(queue, {3, 4}));
    co_await checkpoint();
    early.cancel();
    co_await get_into(queue, items);
    late.cancel();  // its 3 was accepted just now
    co_await sleep(1ms);
    co_await get_into(queue, items);

    EXPECT_TRUE(early.cancelled());
    EXPECT_TRUE(late.cancelled());
    EXPECT_EQ(items, (Items{1, 3}));
    EXPECT_TRUE(queue.empty());
}

ASYNC_TEST(SemS21, a_get_under_a_timeout_that_races_with_a_put_loses_nothing) {
    Queue<int> queue;
    int got = 0;
    int missed = 0;
    for (int round = 0; round < 2'000; ++round) {
        this_loop().call_later(1ms, [&queue, round] { queue.put_nowait(round); });
        const auto item = co_await move_on_after(1ms, queue.get());
        if (item) {
            ++got;
        } else {
            ++missed;
            const int late = co_await queue.get();
            TANDEM_CO_ASSERT_EQ(late, round);
        }
    }
    EXPECT_EQ(got + missed, 2'000);
    EXPECT_TRUE(queue.empty());
}

ASYNC_TEST(SemS22, a_loop_over_a_queue_ends_at_shutdown_with_all_items) {
    Queue<int> queue(2);
    Items items;
    auto reader = create_task(drain(queue, items));
    const Items all{1, 2, 3, 4, 5};
    co_await put_all(queue, all);
    queue.shutdown();
    co_await reader;

    EXPECT_EQ(items, (Items{1, 2, 3, 4, 5}));
}
