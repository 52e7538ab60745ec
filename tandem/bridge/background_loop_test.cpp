#include <tandem/bridge/background_loop.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<int> value_after(Duration delay, int value) {
    co_await sleep(delay);
    co_return value;
}

std::size_t entries(const char* folder) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
    return count;
}

/// Runs `body` in a child made by fork and exec-less `exit`: its status and how long it took.
std::pair<int, double> exit_of(const std::function<void()>& body) {
    const auto start = std::chrono::steady_clock::now();
    const auto child = ::fork();
    if (child == 0) {
        ::alarm(20);
        body();
        std::exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

}  // namespace

// Forks come first: the parent's background loop must not run yet.
TEST(AAA_SemB43, exit_with_a_sleeping_task_is_quick_and_with_one_that_will_not_end_waits_the_grace_only) {
    ::setenv("TANDEM_EXIT_GRACE", "0.3", 1);
    const auto [quick, quick_time] = exit_of([] { static_cast<void>(value_after(1h, 1).start()); });
    EXPECT_EQ(quick, 0);
    EXPECT_LT(quick_time, 5.0);
    const auto [stuck, stuck_time] = exit_of([] {
        auto pending = shield(value_after(1h, 1)).start();
        std::this_thread::sleep_for(20ms);
    });
    EXPECT_EQ(stuck, 0);
    EXPECT_GE(stuck_time, 0.3);
    EXPECT_LT(stuck_time, 8.0);
    ::unsetenv("TANDEM_EXIT_GRACE");
}

TEST(AAA_SemB45, a_thread_blocked_in_get_while_another_calls_exit_gets_an_error_and_no_hang) {
    const auto [status, time] = exit_of([] {
        std::thread blocked([] {
            try {
                value_after(1h, 1).get();
            } catch (const LoopClosed&) {
                std::_Exit(33);
            }
        });
        blocked.detach();
        std::this_thread::sleep_for(50ms);
        std::atexit([] {});
        std::exit(0);
    });
    EXPECT_TRUE(status == 33 || status == 0) << status;
    EXPECT_LT(time, 8.0);
}

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

TEST(SemB46, start_and_shutdown_three_hundred_times_grow_no_thread_and_no_descriptor) {
    EXPECT_EQ(value_after(0ms, 1).get(), 1);
    shutdown();
    const auto descriptors = entries("/proc/self/fd");
    for (int i = 0; i < 300; ++i) {
        ASSERT_EQ(value_after(0ms, i).get(), i);
        shutdown();
    }
    EXPECT_EQ(entries("/proc/self/fd"), descriptors);
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (entries("/proc/self/task") > 2 && std::chrono::steady_clock::now() < limit)
        std::this_thread::sleep_for(1ms);
    EXPECT_LE(entries("/proc/self/task"), 2U);
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
                } catch (...) {
                    ++others;
                }
            }
        });
    }
    for (int i = 0; i < 200; ++i) {
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

TEST(SemB49, a_forked_child_has_a_background_loop_of_its_own_and_the_parents_goes_on) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    GTEST_SKIP() << "ThreadSanitizer starts no thread in the child of a process with threads";
#endif
#endif
    EXPECT_EQ(value_after(1ms, 1).get(), 1);
    // Without exit handlers: what the parent's loop had allocated has no owner in the child.
    const auto [status, time] = exit_of([] { ::_exit(value_after(1ms, 2).get() == 2 ? 0 : 9); });
    EXPECT_EQ(status, 0);
    EXPECT_LT(time, 10.0);
    EXPECT_EQ(value_after(1ms, 3).get(), 3);
    shutdown();
}
