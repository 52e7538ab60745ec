#include <tandem/base/thread_gate.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

TEST(ThreadGate, opens_for_sixteen_waiters_at_once_and_stays_open) {
    ThreadGate gate;
    std::atomic<int> through = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i) {
        threads.emplace_back([&, i] {
            if (i % 2)
                gate.wait();
            else
                EXPECT_TRUE(gate.wait_for(1h));
            ++through;
        });
    }
    std::this_thread::sleep_for(5ms);
    EXPECT_EQ(through, 0);
    gate.open();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(through, 16);
    EXPECT_TRUE(gate.is_open());
    gate.wait();
    EXPECT_TRUE(gate.wait_for(0ns));
}

TEST(ThreadGate, a_wait_with_a_limit_ends_at_it_and_not_before) {
    ThreadGate gate;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(gate.wait_for(15ms));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 15ms);
    EXPECT_FALSE(gate.wait_for(0ns));
    EXPECT_FALSE(gate.wait_for(-1h));
    EXPECT_FALSE(gate.wait_for(std::chrono::nanoseconds::min()));
}

TEST(ThreadGate, a_waiter_may_destroy_it_as_soon_as_it_is_through) {
    for (int i = 0; i < 5'000; ++i) {
        auto gate = std::make_unique<ThreadGate>();
        std::thread opener([raw = gate.get()] { raw->open(); });
        if (i % 2)
            gate->wait();
        else
            EXPECT_TRUE(gate->wait_for(std::chrono::nanoseconds::max()));
        gate.reset();
        opener.join();
    }
}
