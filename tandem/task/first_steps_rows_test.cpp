// Rows of first steps: two coroutines at once, and what a loop, a coroutine, a task and a future are.
#include <tandem/task/future.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

Task<void> hello(Lines& lines, std::set<std::thread::id>& threads) {
    lines.push_back("Hello world!");
    threads.insert(std::this_thread::get_id());
    co_await sleep(1s);
    lines.push_back("Hello again!");
    threads.insert(std::this_thread::get_id());
}

ASYNC_TEST(E1, two_that_sleep_a_second_take_one_on_one_thread) {
    Lines lines;
    std::set<std::thread::id> threads;
    const auto begin = this_loop().time();
    std::vector<TaskHandle<void>> tasks;
    for (int i = 0; i < 2; ++i) tasks.push_back(create_task(hello(lines, threads)));
    co_await wait(tasks);

    EXPECT_EQ(this_loop().time() - begin, 1s);
    EXPECT_EQ(lines, (Lines{"Hello world!", "Hello world!", "Hello again!", "Hello again!"}));
    EXPECT_EQ(threads, std::set<std::thread::id>{std::this_thread::get_id()});
}

Task<std::string> wait_for_io(std::string name, Duration length, Lines& lines) {
    lines.push_back("started " + name);
    co_await sleep(length);
    lines.push_back("finished " + name);
    co_return name;
}

ASYNC_TEST(F1, three_waits_that_begin_in_one_order_end_in_another_and_give_their_results_in_the_first) {
    Lines lines;
    auto a = create_task(wait_for_io("a", 2s, lines));
    auto b = create_task(wait_for_io("b", 3s, lines));
    auto c = create_task(wait_for_io("c", 1s, lines));
    const auto results = co_await gather(a, b, c);

    EXPECT_EQ(lines,
              (Lines{"started a", "started b", "started c", "finished c", "finished a", "finished b"}));
    EXPECT_EQ(results, std::tuple("a", "b", "c"));
}

ASYNC_TEST(F1, callbacks_of_tasks_come_in_the_order_in_which_they_end) {
    Lines lines;
    Lines called;
    std::vector<TaskHandle<std::string>> tasks;
    for (const auto& [name, length] : {std::pair("a", 2s), std::pair("b", 3s), std::pair("c", 1s)}) {
        tasks.push_back(create_task(wait_for_io(name, length, lines)));
        tasks.back().add_done_callback(
            [&called](const TaskHandle<std::string>& task) { called.push_back(task.result()); });
    }
    co_await wait(tasks);
    co_await checkpoint();

    EXPECT_EQ(called, (Lines{"c", "a", "b"}));
}

ASYNC_TEST(F1, a_future_is_a_result_that_a_callback_brings) {
    Future<int> future;
    this_loop().call_later(1s, [future] { future.set_result(42); });
    const bool before = future.done();
    const int value = co_await future;

    EXPECT_FALSE(before);
    EXPECT_EQ(value, 42);
}

}  // namespace
}  // namespace tandem
