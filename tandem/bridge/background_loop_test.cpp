#include <tandem/bridge/background_loop.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::value_after;

}  // namespace

TEST(SemB40, the_first_use_from_sixteen_threads_starts_one_loop) {
    shutdown();
    std::vector<std::thread> threads;
    std::vector<EventLoop*> seen(16);
    for (std::size_t i = 0; i < seen.size(); ++i)
        threads.emplace_back([&, i] { seen[i] = &background_loop(); });
    for (auto& thread : threads) thread.join();
    for (auto* loop : seen) EXPECT_EQ(loop, seen[0]);
}

TEST(SemB42, shutdown_is_idempotent_ends_what_runs_and_the_next_use_starts_anew) {
    auto running = value_after(1h, 1).start();
    shutdown();
    shutdown();
    EXPECT_TRUE(running.done());
    EXPECT_THROW(running.get(), LoopClosed);
    EXPECT_EQ(value_after(1ms, 2).get(), 2);
}

TEST(SemB42, shutdown_on_the_background_loops_own_thread_throws) {
    const auto body = []() -> Task<bool> {
        bool refused = false;
        try {
            shutdown();
        } catch (const WouldDeadlock&) {
            refused = true;
        }
        co_return refused;
    };
    EXPECT_TRUE(body().get());
    EXPECT_EQ(value_after(1ms, 2).get(), 2);
}

TEST(SemB46, gets_that_race_with_shutdown_end_with_a_value_or_loop_closed) {
    std::atomic<bool> over = false;
    std::atomic<int> others = 0;
    std::atomic<int> values = 0;
    std::vector<std::thread> users;
    for (int t = 0; t < 4; ++t) {
        users.emplace_back([&] {
            while (!over) {
                try {
                    values += value_after(0ms, 1).get();
                } catch (const LoopClosed&) {
                    std::this_thread::yield();
                } catch (...) {
                    ++others;
                }
            }
        });
    }
    for (int i = 0; i < 50; ++i) {
        shutdown();
        std::this_thread::sleep_for(500us);
    }
    over = true;
    for (auto& user : users) user.join();
    EXPECT_EQ(others, 0);
    EXPECT_GT(values, 0);
}

TEST(SemB46, a_blocked_background_loop_leaves_the_callers_own_loop_on_time) {
    background_loop().call_soon_threadsafe([] { std::this_thread::sleep_for(300ms); });
    const auto ticks = []() -> Task<int> {
        int late = 0;
        for (int i = 0; i < 20; ++i) {
            const auto due = this_loop().time() + 10ms;
            co_await sleep_until(due);
            if (this_loop().time() - due > 150ms) ++late;
        }
        co_return late;
    };
    EXPECT_EQ(run(ticks()), 0);
}

TEST(SemL34, exit_with_in_a_task_of_the_background_loop_reaches_the_getter_and_the_loop_goes_on) {
    background_loop().call_soon_threadsafe(
        [] { this_loop().set_exception_handler([](EventLoop&, const ErrorContext&) {}); });
    const auto exits = []() -> Task<int> {
        co_await sleep(1ms);
        exit_with(5);
        co_return 0;
    };
    int code = 0;
    try {
        exits().get();
    } catch (const SystemExit& request) {
        code = request.code();
    }
    EXPECT_EQ(code, 5);
    EXPECT_EQ(value_after(1ms, 2).get(), 2);
}
