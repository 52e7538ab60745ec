#include <tandem/task/gather.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/processor_time.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<std::string> after(Duration delay, std::string name) {
    co_await sleep(delay);
    co_return name;
}
Task<std::string> note(Duration delay, Lines& lines, std::string name) {
    lines.push_back(name + " starts");
    try {
        co_await sleep(delay);
    } catch (const Cancelled&) {
        lines.push_back(name + " cancelled");
        throw;
    }
    co_return name;
}
Task<std::string> fails(Duration delay, std::string text) {
    co_await sleep(delay);
    throw std::domain_error(text);
}
Task<std::string> fails_late(std::string text) {
    try {
        co_await sleep(1h);
    } catch (const Cancelled&) {
    }
    throw std::domain_error(text);
}
Task<std::unique_ptr<int>> boxed(int value) {
    co_await sleep(1ms);
    co_return std::make_unique<int>(value);
}
Task<void> nothing() { co_return; }

}  // namespace

ASYNC_TEST(SemG2, children_start_in_argument_order_and_an_empty_gather_ends_at_once) {
    Lines lines;
    co_await gather(note(1ms, lines, "a"), note(0ms, lines, "b"), note(2ms, lines, "c"));
    const auto none = co_await gather(std::vector<Task<int>>());
    co_await gather();

    EXPECT_EQ(lines, (Lines{"a starts", "b starts", "c starts"}));
    EXPECT_TRUE(none.empty());
}

ASYNC_TEST(SemG3, the_same_handle_twice_is_one_task_with_its_result_in_both_places) {
    auto handle = create_task(after(1ms, "a text long enough to live on the heap"));
    auto both = co_await gather(handle, handle);
    auto& [first, second] = both;

    EXPECT_EQ(first, "a text long enough to live on the heap");
    EXPECT_EQ(second, first);
}

ASYNC_TEST(SemG3, a_vector_of_handles_may_hold_one_twice) {
    auto handle = create_task(after(1ms, "a text long enough to live on the heap"));
    std::vector<TaskHandle<std::string>> handles{handle, handle};
    const auto values = co_await gather(handles);

    EXPECT_EQ(values,
              (Lines{"a text long enough to live on the heap", "a text long enough to live on the heap"}));
    EXPECT_EQ(handle.result(), values[0]);
}

ASYNC_TEST(SemG10, results_of_a_thousand_come_in_argument_order_whatever_order_they_end_in) {
    std::vector<Task<std::string>> tasks;
    for (int i = 0; i < 1'000; ++i)
        tasks.push_back(after(Duration((i * 7919) % 1000) * 1000, std::to_string(i)));
    const auto values = co_await gather(std::move(tasks));

    TANDEM_CO_ASSERT_EQ(values.size(), 1'000U);
    int wrong = 0;
    for (int i = 0; i < 1'000; ++i) wrong += values[static_cast<std::size_t>(i)] != std::to_string(i);
    EXPECT_EQ(wrong, 0);
}

ASYNC_TEST(SemG10, move_only_values_pass_through) {
    std::vector<Task<std::unique_ptr<int>>> tasks;
    tasks.push_back(boxed(1));
    tasks.push_back(boxed(2));
    const auto values = co_await gather(std::move(tasks));
    auto pair = co_await gather(boxed(3), nothing());

    EXPECT_EQ(*values[0] + *values[1], 3);
    EXPECT_EQ(*std::get<0>(pair), 3);
}

ASYNC_TEST(SemG10, a_child_that_somebody_else_cancelled_counts_as_failing) {
    Lines lines;
    auto handle = create_task(note(1h, lines, "victim"));
    this_loop().call_later(2ms, [handle] { handle.cancel("by a stranger"); });
    std::string text;
    try {
        co_await gather(handle, note(1h, lines, "sibling"));
    } catch (const TaskCancelled& cancelled) {
        text = cancelled.reason();
    }

    EXPECT_EQ(text, "by a stranger");
    EXPECT_EQ(lines.back(), "sibling cancelled");
    EXPECT_FALSE(is_cancelled());
}

ASYNC_TEST(SemG6, later_failures_are_told_as_suppressed_and_only_the_first_is_thrown) {
    Lines suppressed;
    this_loop().set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        suppressed.push_back((context.severity == Severity::suppressed ? "suppressed " : "loud ") +
                             describe(context.exception));
    });
    std::string text;
    try {
        co_await gather(fails_late("second"), fails(1ms, "first"));
    } catch (const std::domain_error& error) {
        text = error.what();
    }
    this_loop().set_exception_handler(nullptr);

    EXPECT_EQ(text, "first");
    EXPECT_EQ(suppressed, Lines{"suppressed std::domain_error: second"});
}

ASYNC_TEST(SemG11, a_cancelled_caller_ends_when_its_children_have) {
    Lines lines;
    const auto body = [](Lines& out) -> Task<void> {
        co_await gather(note(1h, out, "a"), note(1h, out, "b"));
        out.push_back("not here");
    };
    auto handle = create_task(body(lines));
    co_await sleep(1ms);
    handle.cancel();
    auto end = co_await handle.join();

    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lines, (Lines{"a starts", "b starts", "a cancelled", "b cancelled"}));
}

ASYNC_TEST(SemG11, a_failure_that_came_first_is_thrown_and_the_cancellation_comes_back) {
    Lines lines;
    const auto body = [](Lines& out) -> Task<void> {
        try {
            co_await gather(fails(1ms, "early"), shield(after(10ms, "slow")));
        } catch (const std::domain_error& error) {
            out.push_back(error.what());
        }
        co_await sleep(0s);
        out.push_back("past the checkpoint");
    };
    auto handle = create_task(body(lines));
    co_await sleep(5ms);
    handle.cancel();
    auto end = co_await handle.join();

    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lines, Lines{"early"});
}

ASYNC_TEST(SemG1, a_handle_given_to_gather_is_cancelled_and_joined_with_the_others) {
    Lines lines;
    auto handle = create_task(note(1h, lines, "handle"));
    std::string text;
    try {
        co_await gather(handle, fails(1ms, "decisive"));
    } catch (const std::domain_error& error) {
        text = error.what();
    }

    EXPECT_EQ(text, "decisive");
    EXPECT_TRUE(handle.cancelled());
}

ASYNC_TEST(SemG1, a_used_task_among_the_arguments_is_refused_after_the_others_have_ended) {
    Lines lines;
    auto used = after(1ms, "x");
    co_await std::move(used);
    std::string text;
    try {
        co_await gather(note(1h, lines, "started"), std::move(used), note(1h, lines, "third"));
    } catch (const InvalidStateError& error) {
        text = error.what();
    }
    std::vector<Task<std::string>> tasks;
    tasks.push_back(note(1h, lines, "in a vector"));
    auto again = after(1ms, "x");
    co_await std::move(again);
    tasks.push_back(std::move(again));
    bool vector_refused = false;
    try {
        co_await gather_results(std::move(tasks));
    } catch (const InvalidStateError&) {
        vector_refused = true;
    }

    EXPECT_NE(text.find("used already"), std::string::npos) << text;
    EXPECT_TRUE(vector_refused);
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
}

ASYNC_TEST(SemG13, gather_results_keeps_every_end_apart) {
    auto victim = create_task(after(1h, "v"));
    this_loop().call_later(1ms, [victim] { victim.cancel("asked"); });
    auto ends = co_await gather_results(after(3ms, "value"), fails(2ms, "error"), victim);
    auto& [value, error, cancelled] = ends;

    EXPECT_EQ(value.value(), "value");
    EXPECT_TRUE(error.has_error());
    EXPECT_TRUE(cancelled.cancelled() || cancelled.has_error());
}

ASYNC_TEST(SemG14, a_gather_as_a_handle_can_be_cancelled_until_it_has_ended) {
    Lines lines;
    auto whole = create_task(gather(note(1h, lines, "a"), note(1h, lines, "b")));
    co_await sleep(1ms);
    EXPECT_TRUE(whole.cancel());
    auto end = co_await whole.join();
    auto quick = create_task(gather(after(1ms, "a"), after(1ms, "b")));
    co_await quick;

    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lines.size(), 4U);
    EXPECT_FALSE(quick.cancel());
}

ASYNC_TEST(SemG5, a_child_that_cleans_up_slowly_is_waited_for) {
    const auto slow = []() -> Task<std::string> {
        co_return co_await with_finally(after(1h, "x"), [](int) -> Task<void> { co_await sleep(50ms); }(0));
    };
    const auto start = this_loop().time();
    bool thrown = false;
    try {
        co_await gather(slow(), fails(10ms, "now"));
    } catch (const std::domain_error&) {
        thrown = true;
    }

    EXPECT_TRUE(thrown);
    EXPECT_EQ(this_loop().time() - start, 60ms);
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
}

ASYNC_TEST(SemK18, a_recursive_gather_of_625_leaves_ends_with_every_leaf_counted) {
    struct Tree {
        static Task<int> count(int level) {
            if (level == 0) co_return 1;
            std::vector<Task<int>> below;
            for (int i = 0; i < 5; ++i) below.push_back(count(level - 1));
            const auto counts = co_await gather(std::move(below));
            int sum = 0;
            for (const int value : counts) sum += value;
            co_return sum;
        }
    };
    const auto before = TaskDomain::of(this_loop()).spawned();
    const int leaves = co_await create_task(Tree::count(4));

    EXPECT_EQ(leaves, 625);
    EXPECT_EQ(TaskDomain::of(this_loop()).spawned() - before, 781U);
}

namespace {

Task<int> nested(int depth) {
    if (depth == 0) {
        co_await checkpoint();
        co_return 0;
    }
    auto [below] = co_await gather(nested(depth - 1));
    co_return below + 1;
}

Duration cost_of_nesting(int depth) {
    EventLoop loop;
    const auto start = tandem::testing::processor_time();
    EXPECT_EQ(loop.run_until_complete(nested(depth)), depth);
    return tandem::testing::processor_time() - start;
}

}  // namespace

/// The look for a cycle of waits went up to the outermost one at each: 26 times the cost at four times the
/// depth.
TEST(SemG1, gathers_in_gathers_cost_the_same_at_any_depth) {
    cost_of_nesting(100);
    EXPECT_LT(cost_of_nesting(20'000), 12 * cost_of_nesting(5'000));
}
