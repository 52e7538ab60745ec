#include <tandem/task/task_handle.hpp>

#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;
using Handle1 = TaskHandle<int>;

Task<int> one_after(Duration delay) {
    co_await sleep(delay);
    co_return 1;
}
Task<void> turns(int count) {
    for (int i = 0; i < count; ++i) co_await sleep(0s);
}

}  // namespace

ASYNC_TEST(SemK28, a_callback_that_is_taken_back_in_time_never_runs_and_says_so_once) {
    Lines lines;
    auto handle = create_task(one_after(1ms));
    const auto a = handle.add_done_callback([&](const Handle1&) { lines.push_back("a"); });
    const auto b = handle.add_done_callback([&](const Handle1&) { lines.push_back("b"); });
    EXPECT_NE(a, b);
    EXPECT_TRUE(handle.remove_done_callback(a));
    EXPECT_FALSE(handle.remove_done_callback(a));
    EXPECT_FALSE(handle.remove_done_callback(a + 1'000));
    co_await handle;
    co_await turns(1);

    EXPECT_EQ(lines, Lines{"b"});
    EXPECT_FALSE(handle.remove_done_callback(b));
}

ASYNC_TEST(SemKt2, an_earlier_callback_takes_back_a_later_one_that_is_queued_already) {
    Lines lines;
    std::uint64_t later = 0;
    auto handle = create_task(one_after(1ms));
    handle.on_done([&](const Handle1& ended) {
        lines.push_back(ended.remove_done_callback(later) ? "removed" : "too late");
        lines.push_back(ended.remove_done_callback(later) ? "again" : "once");
    });
    later = handle.on_done([&](const Handle1&) { lines.push_back("never"); });
    handle.on_done([&](const Handle1&) { lines.push_back("third"); });
    co_await handle;
    co_await turns(1);

    EXPECT_EQ(lines, (Lines{"removed", "once", "third"}));
}

ASYNC_TEST(SemKt2, one_added_by_a_callback_runs_a_turn_later_and_one_removes_itself_in_vain) {
    Lines lines;
    std::uint64_t self = 0;
    auto handle = create_task(one_after(1ms));
    self = handle.on_done([&](const Handle1& ended) {
        lines.push_back(ended.remove_done_callback(self) ? "waiting" : "running");
        ended.on_done([&](const Handle1&) { lines.push_back("added"); });
    });
    handle.on_done([&](const Handle1&) { lines.push_back("second"); });
    co_await handle;
    co_await turns(2);

    EXPECT_EQ(lines, (Lines{"running", "second", "added"}));
}

ASYNC_TEST(SemKt2, one_that_is_removed_gives_back_what_it_holds_at_once) {
    const auto held = std::make_shared<int>(1);
    auto handle = create_task(one_after(1ms));
    const auto before = handle.on_done([held](const Handle1&) {});
    EXPECT_EQ(held.use_count(), 2);
    EXPECT_TRUE(handle.remove_done_callback(before));
    EXPECT_EQ(held.use_count(), 1);
    co_await handle;
    const auto after = handle.on_done([held](const Handle1&) {});
    EXPECT_TRUE(handle.remove_done_callback(after));
    EXPECT_EQ(held.use_count(), 1);
    co_await turns(1);
}

TEST(SemK28, callbacks_of_a_task_that_its_loops_end_leaves_behind_are_destroyed) {
    const auto held = std::make_shared<int>(1);
    {
        EventLoop loop;
        auto handle = loop.create_task(one_after(0ms));
        loop.run_until_complete(handle);
        handle.on_done([held](const Handle1&) { ADD_FAILURE() << "the loop never ran again"; });
    }
    EXPECT_EQ(held.use_count(), 1);
}
