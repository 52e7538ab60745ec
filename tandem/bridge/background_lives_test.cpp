#include <tandem/bridge/background_loop.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/forked_internal.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/bars.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>
#include <system_error>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::value_after;

Task<std::thread::id> thread_of_steps(bool& one) {
    const auto first = std::this_thread::get_id();
    for (int i = 0; i < 3; ++i) {
        co_await sleep(0ms);
        one = one && std::this_thread::get_id() == first;
    }
    co_return first;
}

template <class F>
void in_thread(F fn) {
    std::thread(std::move(fn)).join();
}

/// So many background loops, for one test.
struct Loops {
    explicit Loops(std::size_t count) {
        shutdown();
        set_background_loops(count);
    }
    ~Loops() {
        shutdown();
        set_background_loops(1);
    }
};

}  // namespace

TEST(SemB40, threads_are_given_the_background_loops_in_turn_and_keep_theirs) {
    const Loops three(3);
    std::vector<EventLoop*> given(6);
    for (auto& loop : given) {
        in_thread([&] {
            loop = &background_loop();
            EXPECT_EQ(value_after(0ms, 1).start().get(), 1);
            EXPECT_EQ(&value_after(0ms, 1).start().loop(), loop);
        });
    }
    EXPECT_EQ(std::set<EventLoop*>(given.begin(), given.end()).size(), 3U);
    EXPECT_TRUE(std::equal(given.begin(), given.begin() + 3, given.begin() + 3));
}

TEST(SemB40, a_loop_with_fewer_live_tasks_is_given_first) {
    const Loops two(2);
    EventLoop& mine = background_loop();
    for (int i = 0; i < 3; ++i) static_cast<void>(value_after(1h, 1).start());
    EXPECT_EQ(value_after(1ms, 1).get(), 1);
    for (int i = 0; i < 3; ++i) in_thread([&] { EXPECT_NE(&background_loop(), &mine); });
}

TEST(SemB40, what_a_task_of_a_background_loop_starts_goes_to_its_own_loop) {
    const Loops two(2);
    const auto start_another = []() -> Task<EventLoop*> {
        auto other = value_after(0ms, 1).start();
        EventLoop* const loop = &other.loop();
        co_return loop;
    };
    EXPECT_EQ(start_another().get(), &background_loop());
}

TEST(SemB40, their_number_is_set_before_the_first_use_or_after_a_shutdown) {
    shutdown();
    EXPECT_THROW(set_background_loops(0), std::invalid_argument);
    EXPECT_EQ(value_after(0ms, 1).get(), 1);
    EXPECT_THROW(set_background_loops(2), InvalidStateError);
    shutdown();
    EXPECT_NO_THROW(set_background_loops(1));
}

TEST(SemB40, a_start_that_fails_is_told_to_the_starter_and_the_next_call_tries_again) {
    if (under_address_sanitizer) GTEST_SKIP() << "which needs descriptors of its own";
    shutdown();
    const auto threads = threads_now();
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{3, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
    EXPECT_THROW(value_after(0ms, 1).get(), std::system_error);  // no descriptor for its backend
    ::setrlimit(RLIMIT_NOFILE, &before);

    pthread_attr_t usual;
    pthread_attr_t huge;
    ::pthread_getattr_default_np(&usual);
    ::pthread_attr_init(&huge);
    ::pthread_attr_setstacksize(&huge, std::size_t{1} << 46);
    ::pthread_setattr_default_np(&huge);
    const auto descriptors = descriptors_now();
    EXPECT_THROW(value_after(0ms, 1).get(), std::system_error);  // no thread
    EXPECT_EQ(descriptors_now(), descriptors);
    ::pthread_setattr_default_np(&usual);
    ::pthread_attr_destroy(&usual);
    ::pthread_attr_destroy(&huge);

    EXPECT_EQ(threads_now(), threads);
    EXPECT_EQ(value_after(0ms, 1).get(), 1);
}

TEST(SemB40, named_ones_are_started_on_demand_and_stopped_alone) {
    shutdown();
    EventLoop& disk = background_loop("disk");
    EXPECT_EQ(&background_loop("disk"), &disk);
    EXPECT_NE(&background_loop("net"), &disk);
    EXPECT_NE(&background_loop(), &disk);
    auto on_disk = value_after(1h, 1).start(on(disk));
    auto on_net = value_after(1h, 1).start(on_background("net"));
    EXPECT_TRUE(stop_background_loop("disk"));
    EXPECT_FALSE(stop_background_loop("disk"));
    EXPECT_THROW(on_disk.get(), LoopClosed);
    EXPECT_FALSE(on_net.done());
    EXPECT_EQ(value_after(0ms, 5).start(on_background("disk")).get(), 5);  // another one
    shutdown();
    EXPECT_TRUE(on_net.done());
    EXPECT_FALSE(stop_background_loop("net"));
}

TEST(SemB42, meanwhile_new_work_is_refused_and_afterwards_it_is_taken) {
    shutdown();
    auto refused = LoopClosedReason::failed;
    const auto submits_more = [](LoopClosedReason& reason) -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            try {
                value_after(0ms, 1).start();
            } catch (const LoopClosed& error) {
                reason = error.reason();
            }
            throw;
        }
    };
    auto pending = submits_more(refused).start();
    EXPECT_EQ(value_after(1ms, 1).get(), 1);
    shutdown();
    EXPECT_TRUE(pending.done());
    EXPECT_EQ(refused, LoopClosedReason::exited);
    EXPECT_EQ(value_after(0ms, 1).get(), 1);
}

TEST(SemB46, one_thousand_lives_grow_no_thread_no_descriptor_and_no_memory) {
    const auto resident = [] {
        long pages = 0;
        if (FILE* file = std::fopen("/proc/self/statm", "r")) {
            if (std::fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
            std::fclose(file);
        }
        return pages * 4;  // KiB
    };
    const auto lives = [](int count) {
        for (int i = 0; i < count; ++i) {
            EXPECT_EQ(value_after(0ms, i).get(), i);
            shutdown();
        }
    };
    lives(100);
    const auto threads = threads_now();
    const auto descriptors = descriptors_now();
    const auto before = resident();
    lives(1'000);
    EXPECT_EQ(descriptors_now(), descriptors);
    EXPECT_EQ(threads_now(), threads);
    // Sanitizers keep what was freed.
    EXPECT_LT(resident() - before, threads_in_children && !under_address_sanitizer ? 4'096 : 131'072);
}

TEST(RB19, the_first_use_from_a_loop_waits_for_no_thread_to_start) {
    const auto first_use = []() -> Task<double> {
        const auto start = std::chrono::steady_clock::now();
        auto pending = value_after(0ms, 1).start();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        co_await pending.awaiter();
        co_return took.count();
    };
    double best = 1;
    for (int i = 0; i < 20 && best >= 0.001; ++i) {
        shutdown();
        best = std::min(best, run(first_use()));
    }
    EXPECT_LT(best, 0.001);
}

TEST(RB24, eight_loops_share_the_calls_of_eight_threads_and_a_task_stays_on_its_own) {
    static const int calls = static_cast<int>(tandem::testing::bar(20'000, 100'000) / 8);
    const Loops eight(8);
    std::vector<std::map<std::thread::id, int>> seen(8);
    std::atomic<bool> on_one_thread = true;
    std::vector<std::thread> callers;
    for (auto& mine : seen) {
        callers.emplace_back([&] {
            bool one = true;
            for (int i = 0; i < calls; ++i) ++mine[thread_of_steps(one).get()];
            if (!one) on_one_thread = false;
        });
    }
    for (auto& caller : callers) caller.join();
    std::map<std::thread::id, int> share;
    for (const auto& mine : seen) {
        EXPECT_EQ(mine.size(), 1U);
        for (const auto& [thread, count] : mine) share[thread] += count;
    }
    EXPECT_TRUE(on_one_thread);
    EXPECT_EQ(share.size(), 8U);
    for (const auto& [thread, count] : share) EXPECT_NEAR(count, calls, calls / 5);
}
