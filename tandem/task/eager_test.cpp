#include <tandem/task/task_handle.hpp>

#include <tandem/loop/context.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

TaskOptions eager(std::string_view name = {}) {
    TaskOptions options;
    options.name = name;
    options.eager_start = true;
    return options;
}

Task<int> seven() { co_return 7; }
Task<void> fails() {
    throw std::runtime_error("at once");
    co_return;
}
Task<std::string> my_name() { co_return current_task()->name; }

ContextVar<int> level("level", 0);

Task<int> leaves(int depth) {
    if (depth == 0) co_return 1;
    std::vector<Task<int>> children;
    for (int i = 0; i < 5; ++i) children.push_back(leaves(depth - 1));
    const std::vector<int> counts = co_await gather(std::move(children));
    int sum = 0;
    for (const int count : counts) sum += count;
    co_return sum;
}

Task<void> nest(int depth, int& deepest) {
    deepest = std::max(deepest, depth);
    if (depth == 200) co_return;
    create_task(nest(depth + 1, deepest), eager());
}

}  // namespace

ASYNC_TEST(SemK17, a_child_that_never_suspends_is_done_when_create_task_returns) {
    const auto scheduled = TaskDomain::of(this_loop()).scheduled();
    auto child = create_task(seven(), eager());

    EXPECT_TRUE(child.done());
    EXPECT_EQ(child.result(), 7);
    EXPECT_EQ(TaskDomain::of(this_loop()).scheduled(), scheduled);
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
    co_return;
}

ASYNC_TEST(SemK17, the_current_task_is_the_child_inside_and_the_creator_after) {
    const auto before = current_task()->id;
    auto child = create_task(my_name(), eager("inside"));
    EXPECT_EQ(child.result(), "inside");
    EXPECT_EQ(current_task()->id, before);
    co_await sleep(0s);
    EXPECT_EQ(current_task()->id, before);
}

ASYNC_TEST(SemK17, a_failure_is_stored_and_a_callback_still_posted) {
    auto child = create_task(fails(), eager());
    EXPECT_TRUE(child.done());
    bool called = false;
    child.on_done([&](const TaskHandle<void>&) { called = true; });
    EXPECT_FALSE(called);
    co_await sleep(0s);
    EXPECT_TRUE(called);
    EXPECT_THROW(child.result(), std::runtime_error);
}

ASYNC_TEST(SemK17, what_it_sets_in_its_context_stays_inside) {
    level.set(1);
    auto child = create_task(
        []() -> Task<int> {
            const int seen = level.get();
            level.set(2);
            co_await sleep(1ms);
            co_return 10 * seen + level.get();
        }(),
        eager());
    EXPECT_EQ(level.get(), 1);
    const int seen = co_await child;
    EXPECT_EQ(seen, 12);
    EXPECT_EQ(level.get(), 1);
}

ASYNC_TEST(SemK17, a_failing_child_cancels_its_group_only_after_the_creators_statement) {
    Lines lines;
    const auto body = [&](TaskGroup& group) -> Task<void> {
        auto child = group.create_task(fails(), eager());
        lines.push_back(is_cancelled() ? "cancelled" : "not cancelled");
        try {
            co_await sleep(1s);
        } catch (const Cancelled&) {
            lines.push_back("cancelled at the await");
            throw;
        }
    };
    try {
        co_await with_task_group(body);
    } catch (const ExceptionGroup& group) {
        lines.push_back("failures: " + std::to_string(group.exceptions().size()));
    }
    EXPECT_EQ(lines, (Lines{"not cancelled", "cancelled at the await", "failures: 1"}));
}

ASYNC_TEST(SemK17, nested_starts_go_sixty_four_deep_and_the_rest_is_posted) {
    int deepest = 0;
    create_task(nest(1, deepest), eager());
    EXPECT_EQ(deepest, 64);
    for (int i = 0; i < 5; ++i) co_await sleep(0s);
    EXPECT_EQ(deepest, 200);
}

ASYNC_TEST(SemKt10, one_that_blocks_after_its_first_step_can_be_cancelled_right_away) {
    Lines lines;
    auto child = create_task(
        [](Lines& out) -> Task<void> {
            out.push_back("first step");
            co_await sleep(1s);
            out.push_back("never");
        }(lines),
        eager());
    EXPECT_FALSE(child.done());
    EXPECT_EQ(all_tasks(this_loop()).size(), 2U);
    child.cancel();
    co_await child.join_only();
    EXPECT_TRUE(child.cancelled());
    EXPECT_EQ(lines, Lines{"first step"});
}

ASYNC_TEST(SemKt10, one_that_awaits_a_finished_handle_ends_in_its_first_step) {
    auto first = create_task(seven(), eager());
    auto second = create_task(
        [](TaskHandle<int> handle) -> Task<int> {
            const int value = co_await handle;
            co_return value + 1;
        }(first),
        eager());
    EXPECT_TRUE(second.done());
    EXPECT_EQ(second.result(), 8);
    co_return;
}

ASYNC_TEST(SemK18, a_recursive_gather_schedules_nothing_when_eager_and_781_tasks_when_not) {
    TaskDomain& domain = TaskDomain::of(this_loop());
    auto before = domain.scheduled();
    const int lazily = co_await create_task(leaves(4));
    const auto when_lazy = domain.scheduled() - before;
    start_tasks_eagerly(this_loop());
    before = domain.scheduled();
    const int eagerly = co_await create_task(leaves(4));
    start_tasks_eagerly(this_loop(), false);

    EXPECT_EQ(lazily, 625);
    EXPECT_EQ(eagerly, 625);
    EXPECT_EQ(when_lazy, 781U);
    EXPECT_EQ(domain.scheduled() - before, 0U);
}
