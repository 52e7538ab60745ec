#include <tandem/base/errors.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<std::string> got(Queue<int>& queue) {
    try {
        const int item = co_await queue.get();
        co_return std::to_string(item);
    } catch (const QueueShutDown&) {
    }
    co_return "shut down";
}

Task<std::string> put(Queue<int>& queue, int item) {
    try {
        co_await queue.put(item);
        co_return "put";
    } catch (const QueueShutDown&) {
    }
    co_return "shut down";
}

Task<std::string> joined(Queue<int>& queue) {
    co_await queue.join();
    co_return "joined";
}

std::string now(const TaskHandle<std::string>& task) { return task.done() ? task.result() : "waits"; }

/// What a queue is when it is shut down, and what comes of everybody.
struct Case {
    int items;  // of 2 there is room for
    int getters;
    int putters;
    std::vector<ShutDown> calls;
    std::string expected_getters;
    std::string expected_putters;
    std::string expected_join;
    std::size_t left;
};

constexpr auto plain = ShutDown::draining;
constexpr auto at_once = ShutDown::immediate;

const Case cases[] = {
    {0, 0, 0, {plain}, "", "", "joined", 0},
    {0, 0, 0, {at_once}, "", "", "joined", 0},
    {0, 0, 0, {plain, plain}, "", "", "joined", 0},
    {0, 1, 0, {plain}, "shut down ", "", "joined", 0},
    {0, 1, 0, {at_once}, "shut down ", "", "joined", 0},
    {0, 3, 0, {plain}, "shut down shut down shut down ", "", "joined", 0},
    {0, 3, 0, {at_once}, "shut down shut down shut down ", "", "joined", 0},
    {0, 2, 0, {plain, at_once}, "shut down shut down ", "", "joined", 0},
    {0, 2, 0, {at_once, plain}, "shut down shut down ", "", "joined", 0},
    {1, 0, 0, {plain}, "", "", "waits", 1},
    {1, 0, 0, {at_once}, "", "", "joined", 0},
    {1, 0, 0, {plain, plain}, "", "", "waits", 1},
    {1, 0, 0, {plain, at_once}, "", "", "joined", 0},
    {1, 0, 0, {at_once, plain}, "", "", "joined", 0},
    {2, 0, 0, {plain}, "", "", "waits", 2},
    {2, 0, 0, {at_once}, "", "", "joined", 0},
    {2, 0, 1, {plain}, "", "shut down ", "waits", 2},
    {2, 0, 1, {at_once}, "", "shut down ", "joined", 0},
    {2, 0, 3, {plain}, "", "shut down shut down shut down ", "waits", 2},
    {2, 0, 3, {at_once}, "", "shut down shut down shut down ", "joined", 0},
    {2, 0, 2, {plain, plain}, "", "shut down shut down ", "waits", 2},
    {2, 0, 2, {plain, at_once}, "", "shut down shut down ", "joined", 0},
    {2, 0, 2, {at_once, plain}, "", "shut down shut down ", "joined", 0},
    {2, 0, 1, {at_once, at_once}, "", "shut down ", "joined", 0},
    {0, 1, 0, {at_once, at_once}, "shut down ", "", "joined", 0},
};

}  // namespace

ASYNC_TEST(SemS19, whoever_waits_is_told_and_what_is_there_is_drained_or_dropped) {
    int number = 0;
    for (const Case& c : cases) {
        Queue<int> queue(2);
        for (int i = 0; i < c.items; ++i) queue.put_nowait(i);
        std::vector<TaskHandle<std::string>> getters;
        std::vector<TaskHandle<std::string>> putters;
        for (int i = 0; i < c.getters; ++i) getters.push_back(create_task(got(queue)));
        for (int i = 0; i < c.putters; ++i) putters.push_back(create_task(put(queue, 10 + i)));
        auto join = create_task(joined(queue));
        co_await sleep(1ms);
        for (const auto call : c.calls) queue.shutdown(call);
        co_await sleep(1ms);
        std::string of_getters;
        std::string of_putters;
        for (const auto& getter : getters) of_getters += now(getter) + " ";
        for (const auto& putter : putters) of_putters += now(putter) + " ";

        EXPECT_EQ(of_getters, c.expected_getters) << "case " << number;
        EXPECT_EQ(of_putters, c.expected_putters) << "case " << number;
        EXPECT_EQ(now(join), c.expected_join) << "case " << number;
        EXPECT_EQ(queue.qsize(), c.left) << "case " << number;
        const auto late_put = co_await put(queue, 99);
        EXPECT_EQ(late_put, "shut down") << "case " << number;
        EXPECT_THROW(queue.put_nowait(99), QueueShutDown) << "case " << number;
        for (std::size_t i = 0; i < c.left; ++i) {
            const auto drained = co_await got(queue);
            EXPECT_EQ(drained, std::to_string(i)) << "case " << number;
            queue.task_done();
        }
        const auto after = co_await got(queue);
        EXPECT_EQ(after, "shut down") << "case " << number;
        EXPECT_THROW(queue.get_nowait(), QueueShutDown) << "case " << number;
        co_await join;
        ++number;
    }
    EXPECT_EQ(number, 25);
}

ASYNC_TEST(SemS19, an_item_on_its_way_to_a_getter_arrives_in_spite_of_shutdown) {
    Queue<int> queue;
    auto getter = create_task(got(queue));
    co_await checkpoint();
    queue.put_nowait(7);
    queue.shutdown(ShutDown::immediate);
    const std::string text = co_await getter;

    EXPECT_EQ(text, "7");
    EXPECT_EQ(queue.statistics().unfinished, 1u);
}
