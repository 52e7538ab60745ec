// What a call costs in wake-ups, in allocations, and in idle CPU: counted, not timed.
#include <tandem/base/adaptive_spin.hpp>
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/testing/bars.hpp>
#include <tandem/testing/processor_time.hpp>

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<int> value(int result) { co_return result; }

/// How often this thread gave up its CPU to wait.
long sleeps_of_this_thread() {
    rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    return used.ru_nvcsw;
}
Task<long> sleeps_of_the_loops_thread() { co_return sleeps_of_this_thread(); }

}  // namespace

TEST(RB22, a_call_costs_at_most_one_wake_up_each_way_and_a_ready_one_none) {
    constexpr int calls = 300;
    static_cast<void>(value(1).get());
    const long loop_before = sleeps_of_the_loops_thread().get();
    const long before = sleeps_of_this_thread();
    for (int i = 0; i < calls; ++i) static_cast<void>(value(i).get());
    const long after = sleeps_of_this_thread();
    const long loop_after = sleeps_of_the_loops_thread().get();
    EXPECT_LE(after - before, calls + calls / 10);
    EXPECT_LE(loop_after - loop_before, calls + calls / 10);

    auto done = value(1).start();
    done.wait();
    const long at_rest = sleeps_of_this_thread();
    for (int i = 0; i < calls; ++i) static_cast<void>(done.get());
    EXPECT_EQ(sleeps_of_this_thread(), at_rest);
}

TEST(RB22, sixty_four_callers_at_once_are_all_answered) {
    std::vector<std::thread> callers;
    std::atomic<int> wrong = 0;
    for (int t = 0; t < 64; ++t) {
        callers.emplace_back([&, t] {
            for (int i = 0; i < 50; ++i) wrong += value(t * 50 + i).get() != t * 50 + i;
        });
    }
    for (auto& caller : callers) caller.join();
    EXPECT_EQ(wrong, 0);
}

TEST(AdaptiveSpin, an_idle_background_loop_uses_no_cpu) {
    for (int i = 0; i < 100; ++i) static_cast<void>(value(i).get());  // looking pays now, if ever
    std::this_thread::sleep_for(5ms);
    const Duration before = tandem::testing::processor_time_of_process();
    std::this_thread::sleep_for(std::chrono::milliseconds(tandem::testing::bar(500, 10'000)));
    const Duration used = tandem::testing::processor_time_of_process() - before;
    EXPECT_LT(used, 5ms);
    std::printf("%.2f ms of CPU\n", 1e-6 * static_cast<double>(used.count()));
}

TEST(AdaptiveSpin, it_looks_only_after_short_sleeps_and_gives_up_where_that_does_not_pay) {
    AdaptiveSpin spin;
    int looks = 0;
    const auto never = [&looks] {
        ++looks;
        return false;
    };
    EXPECT_FALSE(spin.look_for(never));
    EXPECT_EQ(looks, 0);
    spin.woke_up(spin.falls_asleep());
    if (usable_cpus() == 1) {
        EXPECT_FALSE(spin.pays());
        return;
    }
    EXPECT_TRUE(spin.pays());
    EXPECT_TRUE(spin.look_for([] { return true; }));
    EXPECT_FALSE(spin.look_for(never));
    EXPECT_FALSE(spin.look_for(never));
    EXPECT_GT(looks, 0);
    EXPECT_FALSE(spin.pays());
    // Each time it failed it waits for twice as many short sleeps.
    for (int sleeps : {2, 4, 8}) {
        for (int i = 0; i < sleeps; ++i) {
            EXPECT_FALSE(spin.pays());
            spin.woke_up(spin.falls_asleep());
        }
        EXPECT_TRUE(spin.pays());
        spin.look_for(never);
        spin.look_for(never);
    }
}

TEST(AdaptiveSpin, a_long_sleep_is_no_reason_to_look) {
    AdaptiveSpin spin;
    const auto asleep = spin.falls_asleep();
    std::this_thread::sleep_for(2ms);
    spin.woke_up(asleep);
    EXPECT_FALSE(spin.pays());
}
