// What a watch tells how often, and what it must not tell.
#include <tandem/inspect/stall_watch.hpp>

#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using inspect::StallRecord;
using inspect::StallWatch;

namespace {

using Clock = std::chrono::steady_clock;

class Records {
public:
    void operator()(const StallRecord& stall) {
        const std::lock_guard lock(mutex_);
        records_.push_back(stall);
    }
    std::vector<StallRecord> all() const {
        const std::lock_guard lock(mutex_);
        return records_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<StallRecord> records_;
};

[[gnu::noinline]] Duration block_for(Duration time) {
    const auto began = Clock::now();
    std::this_thread::sleep_for(time);
    return Clock::now() - began;
}

/// Blocks until so much has been told.
[[gnu::noinline]] std::size_t block_until(const Records& told, std::size_t count) {
    for (const auto began = Clock::now(); told.all().size() < count && Clock::now() < began + 20s;)
        std::this_thread::sleep_for(300ms);
    return told.all().size();
}

Task<std::size_t> step_until(const Records& told, std::size_t count) {
    co_await sleep(1ms);
    co_return block_until(told, count);
}

Task<Duration> step_of(Duration time) {
    co_await sleep(1ms);
    const Duration took = block_for(time);
    co_await sleep(1ms);
    co_return took;
}

Task<void> steps_of(Duration time, const StallWatch& watch, std::uint64_t stalls) {
    for (int i = 0; i < 60 && watch.stalls() < stalls; ++i) co_await step_of(time);
}

std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

}  // namespace

TEST(CreepD2, a_step_above_100_ms_is_a_stall) {
    Records told;
    StallWatch watch({}, std::ref(told));
    EXPECT_GE(run(step_until(told, 1)), 1U);
    EXPECT_GE(told.all().front().lasted, 100ms);
}

TEST(CreepD2, a_step_of_80_ms_is_none) {
    for (int tries = 0; tries < 5; ++tries) {
        Records told;
        StallWatch watch({}, std::ref(told));
        if (run(step_of(80ms)) > 100ms) continue;  // a busy machine made a stall of it
        EXPECT_TRUE(told.all().empty()) << told.all().front().text();
        return;
    }
    GTEST_SKIP() << "a busy machine made stalls of them";
}

TEST(CreepD2, many_short_steps_without_a_pause_are_none) {
    Records told;
    StallWatch watch({.threshold = 50ms}, std::ref(told));
    Duration longest{};
    run([](Duration& most) -> Task<void> {
        const auto until = Clock::now() + 300ms;
        while (Clock::now() < until) {
            const auto began = Clock::now();
            co_await sleep(0ms);
            most = std::max<Duration>(most, Clock::now() - began);
        }
    }(longest));
    if (longest >= 50ms) GTEST_SKIP() << "a busy machine made a stall of it";
    EXPECT_TRUE(told.all().empty()) << told.all().front().text();
}

TEST(CreepD2, a_worker_thread_may_block) {
    Records told;
    StallWatch watch({.threshold = 50ms}, std::ref(told));
    run([]() -> Task<void> { co_await to_thread([] { return block_for(300ms); }); }());
    EXPECT_TRUE(told.all().empty()) << told.all().front().text();
}

TEST(CreepD2, a_process_that_is_stopped_as_a_whole_has_no_stall) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    GTEST_SKIP() << "ThreadSanitizer starts no threads in a child";
#endif
#endif
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        StallWatch watch({}, [](const StallRecord&) {});
        run([](int out) -> Task<void> {
            co_await sleep(100ms);  // the watch has begun
            static_cast<void>(!::write(out, "x", 1));
            timespec end{};
            ::clock_gettime(CLOCK_MONOTONIC, &end);
            end.tv_nsec += 60'000'000;
            if (end.tv_nsec >= 1'000'000'000) {
                end.tv_nsec -= 1'000'000'000;
                ++end.tv_sec;
            }
            while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr) != 0) continue;
            co_await sleep(100ms);
        }(ready[1]));
        ::_exit(static_cast<int>(watch.stalls()));
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::kill(child, SIGSTOP);
    std::this_thread::sleep_for(500ms);
    ::kill(child, SIGCONT);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ::close(ready[0]);
    ::close(ready[1]);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "stalls";
}

TEST(StallWatch, tells_a_stall_again_when_it_is_twice_as_long) {
    Records told;
    StallWatch watch({.threshold = 40ms}, std::ref(told));
    run(step_until(told, 3));
    const auto records = told.all();
    ASSERT_GE(records.size(), 3U);
    EXPECT_EQ(watch.stalls(), records.size());
    EXPECT_FALSE(records[0].again);
    for (std::size_t i = 1; i < records.size(); ++i) {
        EXPECT_TRUE(records[i].again);
        EXPECT_GE(records[i].lasted, 2 * records[i - 1].lasted);
    }
}

TEST(StallWatch, prints_five_of_a_loop_in_a_minute_and_counts_the_rest) {
    ::testing::internal::CaptureStderr();
    std::uint64_t stalls = 0;
    {
        StallWatch watch({.threshold = 10ms});
        run(steps_of(60ms, watch, 8));
        stalls = watch.stalls();
    }
    const auto text = ::testing::internal::GetCapturedStderr();
    EXPECT_GT(stalls, 5U);
    EXPECT_EQ(count_of(text, "tandem D2 stall: loop "), 5U) << text;
    EXPECT_EQ(count_of(text, "\n  fix: await tandem's own call, or co_await to_thread(...)\n"), 5U) << text;
}

TEST(StallWatch, sleeps_while_all_loops_do_and_wakes_with_them) {
    Records told;
    EventLoop loop;
    StallWatch watch({}, std::ref(told));
    std::thread runs([&] { loop.run_forever(); });
    bool asleep = false;
    for (int i = 0; i < 40 && !asleep; ++i) {
        const auto before = watch.looks();
        std::this_thread::sleep_for(300ms);
        asleep = watch.looks() == before;
    }
    EXPECT_TRUE(asleep);
    loop.call_soon_threadsafe([&] { block_until(told, 1); });
    loop.call_soon_threadsafe([&] { loop.stop(); });
    runs.join();
    ASSERT_GE(told.all().size(), 1U);
    EXPECT_EQ(told.all().front().task, 0U);  // a callback
    EXPECT_NE(told.all().front().function.find("block_until"), std::string::npos)
        << told.all().front().text();
}

TEST(StallWatch, knows_the_task_and_the_stack_of_a_fiber) {
    Records told;
    StallWatch watch({}, std::ref(told));
    run([](Records& records) -> Task<void> {
        const auto body = [&records] { return block_until(records, 1); };
        co_await in_fiber(body);
    }(told));
    ASSERT_GE(told.all().size(), 1U);
    const auto stall = told.all().front();
    EXPECT_NE(stall.function.find("block_until"), std::string::npos) << stall.text();
    EXPECT_NE(stall.task, 0U);
    EXPECT_FALSE(stall.await_path.empty());
}

TEST(StallWatch, watches_loops_that_plain_code_uses) {
    Records told;
    StallWatch watch({}, std::ref(told));
    ASSERT_GE(step_until(told, 1).get(), 1U);
    const auto stall = told.all().front();
    ASSERT_EQ(stall.await_path.size(), 1U);
    EXPECT_NE(stall.text().find("step_until"), std::string::npos);
}

TEST(StallWatch, goes_on_when_its_handler_throws) {
    ::testing::internal::CaptureStderr();
    {
        StallWatch watch({.threshold = 20ms}, [](const StallRecord&) { throw std::runtime_error("no log"); });
        run(steps_of(150ms, watch, 2));
        EXPECT_GE(watch.stalls(), 2U);
    }
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("no log"), std::string::npos);
}
