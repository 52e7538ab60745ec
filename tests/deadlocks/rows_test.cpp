// Row R-B5: a wait on a thread that the awaited work needs is refused at once, however long the way.
#include "knot.hpp"

#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run_on.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

using deadlocks::Hop;
using deadlocks::How;
using deadlocks::tie;
using namespace tandem;
using namespace std::chrono_literals;

namespace {

void expect_refused(const std::vector<Hop>& ring) {
    const auto ending = tie(ring);
    EXPECT_EQ(ending.refused, 1) << ending.text;
    EXPECT_EQ(ending.parties_over, static_cast<int>(ring.size()));
    EXPECT_GE(ending.hops, ring.size());
    for (const char* part :
         {"closes a cycle", "thread worker-", "Task-", "co_await f()", "in_fiber", "to_thread"})
        EXPECT_NE(ending.text.find(part), std::string::npos) << part << " is not in: " << ending.text;
}

using tandem::testing::value_after;

}  // namespace

TEST(RB5, a_wait_through_two_loops_and_two_threads_is_refused) {
    expect_refused({{How::worker_get, 0}, {How::worker_get, 1}});
}
TEST(RB5, a_wait_through_three_loops_and_three_threads_is_refused) {
    expect_refused({{How::worker_get, 0}, {How::worker_get, 1}, {How::worker_get, 2}});
}
TEST(RB5, a_wait_through_four_loops_and_four_threads_is_refused) {
    expect_refused({{How::worker_get, 0}, {How::worker_get, 1}, {How::worker_get, 2}, {How::worker_get, 3}});
}

// The nightly tests run a hundred thousand.
TEST(RB5, random_waits_without_a_cycle_raise_no_alarm) {
    deadlocks::LoopThread first;
    deadlocks::LoopThread second;
    EventLoop* const loops[] = {&first.loop(), &second.loop()};
    std::atomic<int> alarms = 0;
    std::atomic<int> waits = 0;
    // A wait goes only from a lower level to a higher one, so that no two wait for each other.
    struct Level {
        static Task<int> wait(int level, std::uint32_t draw, EventLoop* const* all, std::atomic<int>& count) {
            ++count;
            if (level == 6) co_return co_await value_after(std::chrono::microseconds(draw % 300), 1);
            const std::uint32_t next = draw * 1664525 + 1013904223;
            EventLoop& loop = *all[(draw >> 20) % 2];
            switch ((draw >> 8) % 5) {
                case 0: {
                    auto pending = wait(level + 1, next, all, count).start(on(loop));
                    co_return co_await pending;
                }
                case 1: {
                    auto pending = wait(level + 1, next, all, count).start(on(loop));
                    const auto get = [pending] { return pending.get(); };
                    co_return co_await to_thread(get);
                }
                case 2: {
                    const auto ask = [level, next, all, &count] {
                        return wait(level + 1, next, all, count).get();
                    };
                    co_return co_await to_thread(ask);
                }
                case 3:
                    co_return co_await run_on(loop, wait(level + 1, next, all, count));
                default: {
                    auto task = create_task(wait(level + 1, next, all, count));
                    co_return co_await task;
                }
            }
        }
    };
    std::vector<std::thread> threads;
    for (std::uint32_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            std::mt19937 random(t);
            for (int i = 0; i < 40; ++i) {
                try {
                    Level::wait(0, static_cast<std::uint32_t>(random()), loops, waits).get();
                } catch (const WouldDeadlock&) {
                    ++alarms;
                }
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(alarms, 0);
    EXPECT_EQ(waits, 4 * 40 * 7);
}
