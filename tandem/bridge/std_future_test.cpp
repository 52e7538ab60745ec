// Futures of the standard library, waited for from everywhere.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/std_future.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

std::future<int> in_a_while(int value, std::chrono::milliseconds delay = 20ms) {
    return std::async(std::launch::async, [value, delay] {
        std::this_thread::sleep_for(delay);
        return value;
    });
}

}  // namespace

TEST(SemB8, plain_code_waits) {
    auto future = in_a_while(3);
    EXPECT_EQ(tandem::get(future), 3);
    EXPECT_FALSE(future.valid());
    EXPECT_EQ(tandem::get(in_a_while(4)), 4);
    const std::shared_future<int> shared = in_a_while(5).share();
    EXPECT_EQ(&tandem::get(shared), &shared.get());
}

TEST(SemB8, a_worker_waits) {
    const auto wait = [] {
        auto future = in_a_while(3);
        return tandem::get(future);
    };
    EXPECT_EQ(run(to_thread(wait)), 3);
}

ASYNC_TEST_REAL_TIME(SemB8, a_worker_leaves_the_wait_when_the_task_that_awaits_its_job_is_cancelled) {
    std::promise<int> promise;
    auto future = promise.get_future();
    std::atomic<int> cancelled = 0;
    const auto wait_once = [&] {
        try {
            static_cast<void>(tandem::get(future));
        } catch (const Cancelled&) {
            ++cancelled;
            throw;
        }
    };
    auto waiting = create_task(to_thread(wait_once));
    co_await sleep(10ms);
    waiting.cancel();
    const auto start = std::chrono::steady_clock::now();
    const auto end = co_await waiting.join();
    EXPECT_TRUE(end.cancelled());
    EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
    EXPECT_EQ(cancelled, 1);
    EXPECT_TRUE(future.valid());
    promise.set_value(1);
    EXPECT_EQ(future.get(), 1);
}

TEST(SemB8, deferred_work_runs_in_the_worker_that_asks_for_it) {
    const auto asks = [] {
        auto future = std::async(std::launch::deferred, [] { return std::this_thread::get_id(); });
        return tandem::get(future) == std::this_thread::get_id();
    };
    EXPECT_TRUE(run(to_thread(asks)));
}

ASYNC_TEST_REAL_TIME(SemB8, a_fiber_is_suspended_and_the_loop_goes_on) {
    int ticks = 0;
    auto ticker = create_task([](int& count) -> Task<void> {
        for (;;) {
            co_await sleep(5ms);
            ++count;
        }
    }(ticks));
    const auto wait = [] {
        const std::shared_future<int> shared = in_a_while(5, 50ms).share();
        return tandem::get(in_a_while(4, 50ms)) + tandem::get(shared);
    };
    const int sum = co_await in_fiber(wait);
    ticker.cancel();
    co_await ticker.join();
    EXPECT_EQ(sum, 9);
    EXPECT_GE(ticks, 5);
}

ASYNC_TEST_REAL_TIME(SemB8, a_cancelled_fiber_leaves_the_wait_at_once) {
    std::promise<int> promise;
    auto future = promise.get_future();
    const auto wait = [&future] { return tandem::get(future); };
    auto waiting = create_task(in_fiber(wait));
    co_await sleep(10ms);
    waiting.cancel();
    const auto end = co_await waiting.join();
    EXPECT_TRUE(end.cancelled());
    promise.set_value(1);
}

TEST(SemB8, on_a_loops_thread_it_is_refused_and_left_as_it_was) {
    std::promise<int> promise;
    auto future = promise.get_future();
    const auto blocks = [](std::future<int>& waited) -> Task<int> { co_return tandem::get(waited); };
    try {
        static_cast<void>(run(blocks(future)));
        FAIL() << "it blocked";
    } catch (const WouldDeadlock& error) {
        EXPECT_NE(std::string(error.what()).find("get(std::future)"), std::string::npos) << error.what();
    }
    EXPECT_TRUE(future.valid());
    promise.set_value(6);
    EXPECT_EQ(run(blocks(future)), 6);  // ready: nothing to wait for
}

TEST(SemB8, deferred_work_is_not_run_on_a_loops_thread) {
    auto future = std::async(std::launch::deferred, [] { return std::this_thread::get_id(); });
    const auto blocks = [](std::future<std::thread::id>& waited) -> Task<std::thread::id> {
        co_return tandem::get(waited);
    };
    EXPECT_THROW(static_cast<void>(run(blocks(future))), WouldDeadlock);
    EXPECT_NE(run(wrap_future(std::move(future))), std::this_thread::get_id());
}

ASYNC_TEST_REAL_TIME(SemB8, a_coroutine_awaits_it_while_the_loop_goes_on) {
    int ticks = 0;
    auto ticker = create_task([](int& count) -> Task<void> {
        for (;;) {
            co_await sleep(5ms);
            ++count;
        }
    }(ticks));
    const int value = co_await wrap_future(in_a_while(7, 100ms));
    ticker.cancel();
    co_await ticker.join();
    EXPECT_EQ(value, 7);
    EXPECT_GE(ticks, 5);
}

ASYNC_TEST_REAL_TIME(SemB8, its_error_arrives_as_the_same_object) {
    const auto thrown = std::make_exception_ptr(std::domain_error("no"));
    std::promise<void> promise;
    auto waiting = create_task(wrap_future(promise.get_future()));
    co_await sleep(5ms);
    promise.set_exception(thrown);
    auto end = co_await waiting.join();
    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.exception(), thrown);
}

ASYNC_TEST_REAL_TIME(SemB8, a_cancelled_await_leaves_the_future_to_itself) {
    std::promise<std::shared_ptr<int>> promise;
    auto value = std::make_shared<int>(5);
    auto waiting = create_task(wrap_future(promise.get_future()));
    co_await sleep(5ms);
    waiting.cancel();
    const auto end = co_await waiting.join();
    EXPECT_TRUE(end.cancelled());
    promise.set_value(value);
    for (int i = 0; i < 500; ++i) {
        if (value.use_count() == 2) break;  // ours and the promise's: the waiting thread has let go
        co_await sleep(1ms);
    }
}

ASYNC_TEST_REAL_TIME(SemB8, more_futures_than_workers_do_not_lock_each_other_out) {
    std::vector<std::promise<int>> promises(60);
    std::vector<TaskHandle<int>> waiting;
    for (auto& each : promises) waiting.push_back(create_task(wrap_future(each.get_future())));
    co_await sleep(5ms);
    const int meanwhile = co_await to_thread([] { return 1; });
    for (auto& each : promises) each.set_value(2);
    int sum = 0;
    for (auto& each : waiting) sum += co_await each;
    EXPECT_EQ(meanwhile, 1);
    EXPECT_EQ(sum, 120);
}

ASYNC_TEST_REAL_TIME(SemB8, a_shared_future_is_awaited_by_many) {
    std::promise<std::string> promise;
    const auto shared = promise.get_future().share();
    auto first = create_task(wrap_future(shared));
    auto second = create_task(wrap_future(shared));
    co_await sleep(5ms);
    promise.set_value("both");
    const std::string one = co_await first;
    const std::string other = co_await second;
    EXPECT_EQ(one + other, "bothboth");
}
