// Rows of the reading list that show the loop and its tasks at work, without a network.
#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<void> foo(Lines& lines) {
    lines.push_back("Running in foo");
    co_await sleep(0s);
    lines.push_back("Explicit context switch to foo again");
}
Task<void> bar(Lines& lines) {
    lines.push_back("Explicit context to bar");
    co_await sleep(0s);
    lines.push_back("Implicit context switch back to bar");
}

Task<void> stamped(Lines& lines, std::string name, Duration length, TimePoint start) {
    const auto now = [&] { return std::to_string((this_loop().time() - start) / 100ms); };
    lines.push_back(name + " started at " + now());
    co_await sleep(length);
    lines.push_back(name + " ended at " + now());
}

Task<int> id_after(int id, Duration delay) {
    co_await sleep(delay);
    co_return id;
}

Task<int> fails_after(Duration delay) {
    co_await sleep(delay);
    throw std::runtime_error("failed");
}

Task<std::string> post(int number) {
    co_await sleep(std::chrono::milliseconds(10 * (6 - number)));
    if (number == 2) throw std::invalid_argument("bad post");
    if (number == 4) throw TimeoutError("slow post");
    co_return "post " + std::to_string(number);
}

/// M7's class, as its Python original.
class OneShot {
public:
    OneShot(Duration delay, std::function<void(Duration)> callback)
        : task_(create_task(wait_and_call(delay, std::move(callback)))) {}
    void cancel() { task_.cancel(); }

private:
    static Task<void> wait_and_call(Duration delay, std::function<void(Duration)> callback) {
        co_await sleep(delay);
        callback(delay);
    }
    TaskHandle<void> task_;
};

}  // namespace

ASYNC_TEST(G1, two_coroutines_switch_at_sleep_zero) {
    Lines lines;
    co_await gather(foo(lines), bar(lines));

    EXPECT_EQ(lines, (Lines{"Running in foo", "Explicit context to bar",
                            "Explicit context switch to foo again", "Implicit context switch back to bar"}));
}

ASYNC_TEST(G2, three_coroutines_of_two_two_and_one_second) {
    Lines lines;
    const auto start = this_loop().time();
    co_await gather(stamped(lines, "gr1", 2s, start), stamped(lines, "gr2", 2s, start),
                    stamped(lines, "gr3", 1s, start));

    EXPECT_EQ(lines, (Lines{"gr1 started at 0", "gr2 started at 0", "gr3 started at 0", "gr3 ended at 10",
                            "gr1 ended at 20", "gr2 ended at 20"}));
}

ASYNC_TEST(G3, nine_tasks_end_in_the_order_of_their_sleeps_and_one_by_one_in_their_own) {
    std::mt19937 random(20261122);
    std::vector<Duration> lengths;
    for (int i = 0; i < 9; ++i) lengths.push_back(std::chrono::microseconds(random() % 2'001));
    std::vector<int> expected(9);
    std::iota(expected.begin(), expected.end(), 0);
    std::sort(expected.begin(), expected.end(), [&](int a, int b) {
        return std::pair(lengths[static_cast<std::size_t>(a)], a) <
               std::pair(lengths[static_cast<std::size_t>(b)], b);
    });
    std::vector<int> one_by_one;
    for (int i = 0; i < 9; ++i)
        one_by_one.push_back(co_await id_after(i, lengths[static_cast<std::size_t>(i)]));
    std::vector<int> at_once;
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 9; ++i) tasks.push_back(id_after(i, lengths[static_cast<std::size_t>(i)]));
    auto done = as_completed(std::move(tasks));
    while (auto handle = co_await done.next()) at_once.push_back(handle->result());

    EXPECT_TRUE(std::is_sorted(one_by_one.begin(), one_by_one.end()));
    EXPECT_EQ(at_once, expected);
}

ASYNC_TEST(H11, gather_results_gives_values_and_both_kinds_of_errors_in_post_order) {
    std::vector<Task<std::string>> posts;
    for (int number = 1; number <= 5; ++number) posts.push_back(post(number));
    auto results = co_await gather_results(std::move(posts));

    TANDEM_CO_ASSERT_EQ(results.size(), 5U);
    EXPECT_EQ(results[0].value(), "post 1");
    EXPECT_TRUE(results[1].error().is<std::invalid_argument>());
    EXPECT_EQ(results[2].value(), "post 3");
    EXPECT_TRUE(results[3].error().is<TimeoutError>());
    EXPECT_EQ(results[4].value(), "post 5");
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
}

ASYNC_TEST_REAL_TIME(M1, a_blocking_sleep_stops_the_others_and_an_awaited_one_does_not) {
    const auto ticks_during = [](bool blocking) -> Task<int> {
        int ticks = 0;
        const auto ticker = [](int& count) -> Task<void> {
            for (;;) {
                co_await sleep(2ms);
                ++count;
            }
        };
        auto running = create_task(ticker(ticks));
        if (blocking)
            std::this_thread::sleep_for(50ms);
        else
            co_await sleep(50ms);
        const int counted = ticks;
        running.cancel();
        co_await running.join();
        co_return counted;
    };
    const int blocked = co_await ticks_during(true);
    const int awaited = co_await ticks_during(false);

    EXPECT_EQ(blocked, 0);
    EXPECT_GE(awaited, 5);
}

ASYNC_TEST(M2, done_callbacks_get_their_bound_arguments_in_order_of_registration) {
    Lines lines;
    auto handle = create_task(id_after(7, 1ms));
    for (const std::string bound : {"a", "b", "c"}) {
        handle.add_done_callback([&lines, bound](const TaskHandle<int>& done) {
            lines.push_back(bound + std::to_string(done.result()));
        });
    }
    co_await sleep(5ms);

    EXPECT_EQ(lines, (Lines{"a7", "b7", "c7"}));
}

ASYNC_TEST(M3, gather_takes_coroutines_and_started_tasks_in_the_time_of_the_longest) {
    const auto start = this_loop().time();
    auto started = create_task(id_after(2, 4s));
    auto results = co_await gather(id_after(1, 2s), started, id_after(3, 1s));

    EXPECT_EQ(results, std::make_tuple(1, 2, 3));
    EXPECT_EQ(this_loop().time() - start, 4s);
}

TEST(M4, run_until_complete_and_run_forever_with_a_stop_end_at_the_same_second) {
    const auto both = []() -> Task<void> { co_await gather(id_after(1, 1s), id_after(2, 3s)); };
    VirtualTime until_time;
    EventLoop until(EventLoopOptions{.time = &until_time});
    const auto until_start = until_time.now();
    until.run_until_complete(both());

    VirtualTime forever_time;
    EventLoop forever(EventLoopOptions{.time = &forever_time});
    const auto forever_start = forever_time.now();
    forever.create_task(both()).add_done_callback([&](const TaskHandle<void>&) { forever.stop(); });
    forever.run_forever();

    EXPECT_EQ(until_time.now() - until_start, 3s);
    EXPECT_EQ(forever_time.now() - forever_start, 3s);
}

TEST(M5, a_closed_loop_says_so_and_a_running_one_cannot_be_closed) {
    EventLoop loop;
    std::string running;
    loop.call_soon([&] {
        try {
            loop.close();
        } catch (const InvalidStateError& error) {
            running = error.what();
        }
        loop.stop();
    });
    loop.run_forever();
    loop.close();
    loop.close();

    EXPECT_NE(running.find("cannot close a running event loop"), std::string::npos) << running;
    try {
        loop.run_until_complete(id_after(1, 1ms));
        FAIL() << "a closed loop ran";
    } catch (const LoopClosed& error) {
        EXPECT_NE(std::string(error.what()).find("event loop is closed"), std::string::npos) << error.what();
        EXPECT_EQ(error.reason(), LoopClosedReason::closed);
    }
    EXPECT_THROW(loop.call_soon([] {}), LoopClosed);
    EXPECT_THROW(loop.call_soon_threadsafe([] {}), LoopClosed);
}

ASYNC_TEST(M6, gather_gives_values_and_wait_gives_done_and_pending) {
    auto values = co_await gather(id_after(1, 3ms), id_after(2, 1ms));
    std::vector<TaskHandle<int>> handles;
    handles.push_back(create_task(id_after(1, 3ms)));
    handles.push_back(create_task(id_after(2, 1ms)));
    auto waited = co_await wait(handles);
    Lines order;
    for (auto& handle : waited.done) order.push_back(std::to_string(handle.result()));

    EXPECT_EQ(values, std::make_tuple(1, 2));
    EXPECT_EQ(order, (Lines{"2", "1"}));
    EXPECT_TRUE(waited.pending.empty());
}

ASYNC_TEST(M6, a_failure_ends_the_others_in_gather_and_nobody_in_wait) {
    bool thrown = false;
    try {
        co_await gather(id_after(1, 1h), fails_after(1ms));
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
    std::vector<TaskHandle<int>> handles;
    handles.push_back(create_task(id_after(1, 1h)));
    handles.push_back(create_task(fails_after(1ms)));
    auto waited = co_await wait(handles, {.return_when = FIRST_EXCEPTION});

    EXPECT_TRUE(thrown);
    TANDEM_CO_ASSERT_EQ(waited.done.size(), 1U);
    TANDEM_CO_ASSERT_EQ(waited.pending.size(), 1U);
    EXPECT_NE(waited.done[0].exception(), nullptr);
    EXPECT_FALSE(handles[0].done());
    handles[0].cancel();
    co_await handles[0].join();
}

ASYNC_TEST(M7, a_timer_class_calls_back_with_its_delay_when_it_has_passed) {
    std::vector<std::pair<Duration, Duration>> calls;
    const auto start = this_loop().time();
    const OneShot quick(2s, [&](Duration x) { calls.emplace_back(x, this_loop().time() - start); });
    OneShot called_off(1s, [&](Duration x) { calls.emplace_back(x, Duration(0)); });
    called_off.cancel();
    co_await sleep(5s);

    EXPECT_EQ(calls, (std::vector<std::pair<Duration, Duration>>{{2s, 2s}}));
}

ASYNC_TEST(S2c, a_time_of_the_loop_is_none_of_the_wall_clock_which_may_go_on_or_back) {
    static_assert(!std::is_convertible_v<std::chrono::system_clock::time_point, TimePoint>);
    std::vector<int> order;
    const TimePoint now = this_loop().time();
    this_loop().call_at(now + 200ms, [&] { order.push_back(1); });
    this_loop().call_at(now + 100ms, [&] { order.push_back(2); });
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(this_loop().time(), now);
    co_await sleep(200ms);
    EXPECT_EQ(order, (std::vector<int>{2, 1}));
    EXPECT_EQ(this_loop().time() - now, 200ms);
}
