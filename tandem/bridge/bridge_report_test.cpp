#include <tandem/bridge/bridge_report.hpp>

#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<int> later(Duration time) {
    co_await sleep(time);
    co_return 1;
}
Task<int> at_once() { co_return 1; }

std::optional<BridgeSite> site_at(unsigned line) {
    for (const auto& site : bridge_report()) {
        if (site.where.line() == line && std::string(site.where.file_name()) == __FILE__) return site;
    }
    return std::nullopt;
}

struct Called {
    int sum = 0;
    unsigned line = 0;
};
void calls(Called& called, int times, Duration time) {
    for (int i = 0; i < times; ++i) {
        called.line = __LINE__ + 1;
        called.sum += later(time).get();
    }
}

// Not the last thing that they do, or they would be left before it.
[[gnu::noinline]] unsigned innermost(int& value) {
    value += at_once().get();
    const unsigned line = __LINE__ - 1;
    asm volatile("" ::: "memory");
    return line;
}
[[gnu::noinline]] unsigned middle(int& value) {
    const unsigned line = innermost(value);
    asm volatile("" ::: "memory");
    return line;
}
[[gnu::noinline]] unsigned outermost(int& value) {
    const unsigned line = middle(value);
    asm volatile("" ::: "memory");
    return line;
}

}  // namespace

TEST(CreepD16, a_call_site_is_reported_with_its_calls_and_how_long_they_blocked) {
    Called called;
    calls(called, 3, 20ms);
    auto site = site_at(called.line);
    ASSERT_TRUE(site);
    EXPECT_EQ(site->calls, 3U);
    // On a busy machine a result may be there before its thread comes to sleep.
    std::uint64_t more = 0;
    for (; more < 50 && site->longest < 15ms; ++more) {
        calls(called, 1, 20ms);
        site = site_at(called.line);
    }
    EXPECT_EQ(site->calls, 3U + more);
    EXPECT_GE(site->longest, 15ms);
    EXPECT_LE(site->longest, site->blocked);
    EXPECT_NE(bridge_report_text().find(site->text() + "\n"), std::string::npos);
}

TEST(CreepD16, the_sentence_has_numbers_and_nothing_else) {
    BridgeSite site{.verb = "get()", .where = SourceLocation::current()};
    site.calls = 1204;
    site.blocked = 3100ms;
    site.longest = 42ms;
    site.functions_above = 14;
    EXPECT_EQ(site.text(),
              std::string("get() at ") + __FILE__ + ":" + std::to_string(site.where.line()) +
                  ": 1204 calls, 3.1 s blocked, longest 42 ms; 14 functions above it stay plain");
}

TEST(CreepD16, an_awaited_call_is_none) {
    const auto before = bridge_report().size();
    EXPECT_EQ(run([]() -> Task<int> { co_return co_await later(1ms); }()), 1);
    for (const auto& site : bridge_report()) EXPECT_STRNE(site.verb, "co_await");
    EXPECT_EQ(bridge_report().size(), before);
}

TEST(CreepD16, a_result_that_is_there_blocks_nobody) {
    auto pending = later(0ms).start();
    while (!pending.done()) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(pending.get(), 1);
    EXPECT_FALSE(site_at(__LINE__ - 1));
}

TEST(CreepD16, counts_the_functions_that_stay_plain_from_the_one_with_the_call_outwards) {
    int value = 0;
    const unsigned line = outermost(value);
    std::size_t here = 0;
    {
        value += at_once().get();
        const auto site = site_at(__LINE__ - 1);
        ASSERT_TRUE(site);
        here = site->functions_above;
    }
    const auto site = site_at(line);
    ASSERT_TRUE(site);
    EXPECT_GE(here, 1U);  // this test, and whoever calls it
    EXPECT_EQ(site->functions_above, here + 3);
}

TEST(CreepD16, sums_up_over_threads_that_live_and_have_ended) {
    Called called;
    calls(called, 2, 1ms);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([] {
            Called mine;
            calls(mine, 5, 1ms);
        });
    }
    const auto before = site_at(called.line)->calls;
    for (auto& thread : threads) thread.join();
    const auto after = site_at(called.line)->calls;
    EXPECT_GE(before, 2U);
    EXPECT_GE(after, 22U);
    EXPECT_EQ(called.sum, 2);
}

TEST(CreepD16, a_place_keeps_its_counts_when_others_need_its_slot) {
    Called called;
    calls(called, 1, 1ms);
    const auto before = site_at(called.line)->calls;
    // More places than a thread has slots.
    const auto many = []<std::size_t... each>(std::index_sequence<each...>) {
        int sum = 0;
        ((sum += [](std::integral_constant<std::size_t, each>) { return at_once().get(); }(
                     std::integral_constant<std::size_t, each>{})),
         ...);
        return sum;
    };
    EXPECT_EQ(many(std::make_index_sequence<200>{}), 200);
    EXPECT_EQ(site_at(called.line)->calls, before);
    calls(called, 1, 1ms);
    EXPECT_EQ(site_at(called.line)->calls, before + 1);
}

TEST(CreepD16, workers_and_fibers_are_counted_where_they_call) {
    unsigned in_worker = 0;
    unsigned in_fiber_line = 0;
    run([](unsigned& worker, unsigned& fiber) -> Task<void> {
        const auto on_thread = [&worker] {
            worker = __LINE__ + 1;
            EXPECT_EQ(later(200ms).get(), 1);
        };
        const auto on_fiber = [&fiber] {
            fiber = __LINE__ + 1;
            EXPECT_EQ(later(20ms).get(), 1);
        };
        co_await to_thread(on_thread);
        co_await in_fiber(on_fiber);
    }(in_worker, in_fiber_line));
    const auto worker = site_at(in_worker);
    const auto fiber = site_at(in_fiber_line);
    ASSERT_TRUE(worker);
    ASSERT_TRUE(fiber);
    EXPECT_EQ(worker->calls, 1U);
    EXPECT_GT(worker->blocked, 0ms);
    EXPECT_EQ(fiber->calls, 1U);
    EXPECT_EQ(fiber->blocked, 0ms);  // its thread went on
}
