// The asyncio part of pysheeet, "Python asyncio cheatsheet", spelling by spelling.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<std::string> fetch_data(std::string id, Duration delay) {
    co_await sleep(delay);
    co_return "data " + id;
}
Task<std::string> fail(std::string id, Duration delay) {
    co_await sleep(delay);
    throw std::invalid_argument("failed " + id);
}

Task<std::string> hello() {
    co_await sleep(1s);
    co_return "Hello";
}
Task<void> long_running(Lines& lines) {
    try {
        co_await sleep(10s);
        lines.push_back("done");
    } catch (const Cancelled&) {
        lines.push_back("cancelled");
        throw;
    }
}

}  // namespace

TEST(U25m, run_drives_a_coroutine_to_its_value) {
    VirtualTime time;
    EXPECT_EQ(run(hello(), {.time = &time}), "Hello");
}

ASYNC_TEST(U25m, tasks_that_were_created_run_side_by_side) {
    const auto start = this_loop().time();
    auto one = create_task(fetch_data("1", 2s), {.name = "one"});
    auto two = create_task(fetch_data("2", 1s));
    const std::string first = co_await one;
    const std::string second = co_await two;

    EXPECT_EQ(first + ", " + second, "data 1, data 2");
    EXPECT_EQ(this_loop().time() - start, 2s);
    EXPECT_EQ(one.name(), "one");
}

ASYNC_TEST(U25m, gather_gives_results_in_the_order_of_its_arguments) {
    const auto start = this_loop().time();
    const auto [a, b, c] = co_await gather(fetch_data("a", 3s), fetch_data("b", 1s), fetch_data("c", 2s));

    EXPECT_EQ(a + ", " + b + ", " + c, "data a, data b, data c");
    EXPECT_EQ(this_loop().time() - start, 3s);
}

ASYNC_TEST(U25m, gather_with_exceptions_as_results_gives_all_of_them) {
    const auto results = co_await gather_results(fetch_data("a", 1s), fail("b", 500ms), fetch_data("c", 2s));

    EXPECT_EQ(std::get<0>(results).value(), "data a");
    TANDEM_CO_ASSERT_TRUE(std::get<1>(results).has_error());
    EXPECT_TRUE(std::get<1>(results).error().is<std::invalid_argument>());
    EXPECT_EQ(std::get<2>(results).value(), "data c");
}

ASYNC_TEST(U25m, a_wait_with_a_timeout_gives_up_and_cancels) {
    const auto start = this_loop().time();
    Lines lines;
    const auto late = co_await as_result(timeout(1s, long_running(lines)));

    TANDEM_CO_ASSERT_TRUE(late.has_error());
    EXPECT_TRUE(late.error().is<TimeoutError>());
    EXPECT_EQ(lines, Lines{"cancelled"});
    EXPECT_EQ(this_loop().time() - start, 1s);
}

ASYNC_TEST(U25m, a_wait_for_the_first_leaves_the_others_pending) {
    std::vector<TaskHandle<std::string>> tasks;
    for (int seconds = 3; seconds >= 1; --seconds)
        tasks.push_back(create_task(fetch_data(std::to_string(seconds), std::chrono::seconds(seconds))));
    WaitOptions first;
    first.return_when = FIRST_COMPLETED;
    auto [done, pending] = co_await wait(tasks, first);
    for (const auto& task : pending) task.cancel();
    for (const auto& task : pending) co_await task.join_only();

    TANDEM_CO_ASSERT_EQ(done.size(), 1U);
    EXPECT_EQ(done[0].result(), "data 1");
    TANDEM_CO_ASSERT_EQ(pending.size(), 2U);
    EXPECT_TRUE(pending[0].cancelled() && pending[1].cancelled());
}

ASYNC_TEST(U25m, an_exception_is_caught_where_the_task_is_awaited) {
    auto task = create_task(fail("alone", 1s));
    std::string caught;
    try {
        co_await task;
    } catch (const std::invalid_argument& error) {
        caught = error.what();
    }

    EXPECT_EQ(caught, "failed alone");
    EXPECT_TRUE(task.done());
}

ASYNC_TEST(U25m, a_cancelled_task_sees_it_and_who_joins_it_hears_of_it) {
    Lines lines;
    auto task = create_task(long_running(lines));
    co_await sleep(1s);
    task.cancel();
    try {
        co_await task;
    } catch (const TaskCancelled&) {
        lines.push_back("main: it was cancelled");
    }

    EXPECT_EQ(lines, (Lines{"cancelled", "main: it was cancelled"}));
}
