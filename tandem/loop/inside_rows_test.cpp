// Rows of a loop's inside: one turn, its handles, what wakes it.
#include <tandem/backend/backend.hpp>
#include <tandem/loop/event_loop.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

TEST(L1, a_callback_runs_in_the_turn_after_the_one_that_added_it) {
    EventLoop loop;
    std::vector<std::uint64_t> turns;
    loop.call_soon([&] {
        turns.push_back(loop.turns());
        loop.call_soon([&] {
            turns.push_back(loop.turns());
            loop.stop();
        });
    });
    loop.run_forever();
    ASSERT_EQ(turns.size(), 2U);
    EXPECT_EQ(turns[1], turns[0] + 1);
}

TEST(L2, what_is_cancelled_before_its_turn_never_runs_and_twice_is_harmless) {
    EventLoop loop;
    int runs = 0;
    auto soon = loop.call_soon([&] { ++runs; });
    auto later = loop.call_later(1ms, [&] { ++runs; });
    for (int i = 0; i < 2; ++i) {
        soon.cancel();
        later.cancel();
    }
    loop.call_later(2ms, [&] { loop.stop(); });
    loop.run_forever();
    EXPECT_EQ(runs, 0);
    EXPECT_TRUE(soon.cancelled());
    EXPECT_TRUE(later.cancelled());
}

TEST(L3, another_thread_wakes_a_sleeping_loop_within_a_millisecond) {
    using Clock = std::chrono::steady_clock;
    EventLoop loop;
    std::vector<Clock::duration> delays;
    std::jthread thread([&] {
        for (int i = 0; i < 50; ++i) {
            std::this_thread::sleep_for(2ms);
            loop.call_soon_threadsafe([&, sent = Clock::now()] { delays.push_back(Clock::now() - sent); });
        }
        loop.stop_threadsafe();
    });
    loop.run_forever();
    thread.join();
    ASSERT_GE(delays.size(), 49U);
    EXPECT_LT(*std::min_element(delays.begin(), delays.end()), 1ms);
}

TEST(L3, the_poller_can_be_replaced) {
    for (const auto choice : {BackendChoice::automatic, BackendChoice::epoll, BackendChoice::sim}) {
        EventLoop loop({.backend = choice});
        std::string order;
        loop.call_later(10ms, [&] {
            order += "timer ";
            loop.stop();
        });
        loop.call_soon([&] { order += "soon "; });
        loop.run_forever();
        EXPECT_EQ(order, "soon timer ") << loop.backend_name();
    }
}
