// Groups at their edges: errors in children, bodies and nested groups, eager children, and what other
// libraries' groups can do said with this one.
#include <tandem/base/errors.hpp>
#include <tandem/task/async_scope.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

using tandem::testing::value_after;

Task<int> fails_after(Duration delay, std::string text) {
    co_await sleep(delay);
    throw std::domain_error(text);
}
Task<int> fails_at_once(std::string text) {
    throw std::domain_error(text);
    co_return 0;
}
Task<int> fails_when_cancelled(std::string text) {
    try {
        co_await sleep(1h);
    } catch (const Cancelled&) {
        throw std::domain_error(text);
    }
    co_return 0;
}

/// "crash" or "[crash [inner]]": a group's failures, nested groups in brackets.
std::string text_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const ExceptionGroup& group) {
        std::string text = "[";
        for (const auto& each : group.exceptions()) text += (text == "[" ? "" : " ") + text_of(each);
        return text + "]";
    } catch (const std::exception& failure) {
        return failure.what();
    } catch (const Cancelled&) {
        return "Cancelled";
    }
}
Task<std::string> end_of(Task<void> body) {
    std::exception_ptr error;
    try {
        co_await std::move(body);
    } catch (...) {
        error = std::current_exception();
    }
    co_return error ? text_of(error) : "well";
}

Task<void> inner_group(TaskGroup&, std::string child, std::string body) {
    const auto run = [](TaskGroup& group, std::string failing, std::string own) -> Task<void> {
        if (!failing.empty()) group.create_task(fails_after(1ms, failing));
        if (!own.empty()) throw std::domain_error(own);
        co_await sleep(5ms);
    };
    co_await with_task_group(run, child, body);
}
Task<void> outer_group(std::string outer_child, std::string inner_child, std::string inner_body) {
    const auto run = [](TaskGroup& group, std::string own, std::string child,
                        std::string body) -> Task<void> {
        if (!own.empty()) group.create_task(fails_when_cancelled(own));
        co_await inner_group(group, child, body);
    };
    co_await with_task_group(run, outer_child, inner_child, inner_body);
}

}  // namespace

ASYNC_TEST(SemGt6, errors_of_nested_groups_nest) {
    const auto nobody = co_await end_of(outer_group("", "", ""));
    const auto inner = co_await end_of(outer_group("", "crash", ""));
    const auto body = co_await end_of(outer_group("", "", "body"));
    const auto both = co_await end_of(outer_group("late", "crash", ""));

    EXPECT_EQ(nobody, "well");
    EXPECT_EQ(inner, "[[crash]]");
    EXPECT_EQ(body, "[[body]]");
    EXPECT_EQ(both, "[[crash] late]");
}

ASYNC_TEST(SemGt6, a_body_may_swallow_its_cancel_or_replace_the_error_and_loses_none) {
    const auto swallows = []() -> Task<void> {
        const auto run = [](TaskGroup& group) -> Task<void> {
            group.create_task(fails_after(1ms, "crash"));
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
            }
        };
        co_await with_task_group(run);
    };
    const auto replaces = []() -> Task<void> {
        const auto run = [](TaskGroup& group) -> Task<void> {
            group.create_task(fails_after(1ms, "crash"));
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                throw std::domain_error("instead");
            }
        };
        co_await with_task_group(run);
    };
    const auto swallowed = co_await end_of(swallows());
    const auto replaced = co_await end_of(replaces());

    EXPECT_EQ(swallowed, "[crash]");
    EXPECT_EQ(replaced, "[crash instead]");
}

ASYNC_TEST(SemGt6, an_error_while_the_parent_is_cancelled_is_told_and_the_cancellation_comes_back) {
    std::string seen;
    bool cancelled_again = false;
    const auto parent = [&]() -> Task<void> {
        const auto run = [](TaskGroup& group) -> Task<void> {
            group.create_task(fails_when_cancelled("in cleanup"));
            co_await sleep(1h);
        };
        seen = co_await end_of(with_task_group(run));
        try {
            co_await checkpoint();
        } catch (const Cancelled&) {
            cancelled_again = true;
            throw;
        }
    };
    auto task = create_task(parent());
    co_await sleep(1ms);
    task.cancel();
    co_await task.join();

    EXPECT_EQ(seen, "[in cleanup]");
    EXPECT_TRUE(cancelled_again);
    EXPECT_TRUE(task.cancelled());
}

ASYNC_TEST(SemGt7, two_children_that_crash_in_one_turn_and_a_crash_beside_the_bodys_are_all_told) {
    const auto two = []() -> Task<void> {
        TaskGroup group;
        group.create_task(fails_after(1ms, "first"));
        group.create_task(fails_after(1ms, "second"));
        co_await group.join();
    };
    const auto with_body = []() -> Task<void> {
        const auto run = [](TaskGroup& group) -> Task<void> {
            group.create_task(fails_after(1ms, "child"));
            co_await sleep(1ms);
            throw std::domain_error("body");
        };
        co_await with_task_group(run);
    };
    const auto both = co_await end_of(two());
    const auto child_and_body = co_await end_of(with_body());

    EXPECT_EQ(both, "[first second]");
    EXPECT_EQ(child_and_body, "[body child]");
}

ASYNC_TEST(SemGt7, a_crash_wakes_a_parent_that_is_blocked_elsewhere) {
    const auto start = this_loop().time();
    const auto parent = []() -> Task<void> {
        const auto run = [](TaskGroup& group) -> Task<void> {
            group.create_task(fails_after(3ms, "crash"));
            co_await sleep(1h);
        };
        co_await with_task_group(run);
    };
    const auto end = co_await end_of(parent());

    EXPECT_EQ(end, "[crash]");
    EXPECT_EQ(this_loop().time() - start, 3ms);
}

ASYNC_TEST(SemGt9, eager_children_of_groups_and_gathers_end_as_posted_ones_do) {
    Lines ends;
    start_tasks_eagerly(this_loop());
    const auto crash_at_once = []() -> Task<void> {
        TaskGroup group;
        group.create_task(fails_at_once("crash"));
        group.create_task(value_after(1h, 1));
        co_await group.join();
    };
    const auto gathered_crash = []() -> Task<void> {
        co_await gather(value_after(1h, 1), fails_at_once("crash"), value_after(0s, 2));
    };
    ends.push_back(co_await end_of(crash_at_once()));
    ends.push_back(co_await end_of(gathered_crash()));
    const auto values = co_await gather(value_after(1ms, 1), value_after(0s, 2));
    auto broadcast = create_task(gather(value_after(1h, 1), value_after(1h, 2)));
    broadcast.cancel();
    co_await broadcast.join();
    const bool none_left = all_tasks(this_loop()).size() == 1;
    start_tasks_eagerly(this_loop(), false);

    EXPECT_EQ(ends, (Lines{"[crash]", "crash"}));
    EXPECT_EQ(std::get<0>(values) * 10 + std::get<1>(values), 12);
    EXPECT_TRUE(broadcast.cancelled());
    EXPECT_TRUE(none_left);
}

TEST(SemGt11, work_nobody_waits_for_runs_is_told_at_the_end_or_is_found_again) {
    Lines lines;
    const auto note = [&lines](std::string name, Duration delay) -> Task<void> {
        co_await sleep(delay);
        lines.push_back(name);
    };
    Lines told;
    {
        EventLoop loop;
        loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) {
            told.push_back(context.task + ": " + context.message);
        });
        const auto main = [&]() -> Task<void> {
            co_await note("awaited", 0s);
            create_task(note("forgotten", 1h), {.name = "forgotten"});
            create_task(note("collected", 1ms), {.name = "collected"});
            TaskGroup group;
            group.create_task(note("in a group", 2ms));
            co_await group.join();
            for (const auto& task : all_tasks(this_loop())) lines.push_back("left: " + task.name);
        };
        loop.run_until_complete(main());
        loop.close();
    }

    ASSERT_EQ(lines.size(), 5u);
    EXPECT_EQ((Lines{lines[0], lines[1], lines[2]}), (Lines{"awaited", "collected", "in a group"}));
    EXPECT_EQ(lines[4], "left: forgotten");
    ASSERT_EQ(told.size(), 1u);
    EXPECT_NE(told[0].find("forgotten"), std::string::npos) << told[0];
}

ASYNC_TEST(SemGt12, periodic_work_goes_on_after_an_error_as_chain_as_loop_and_overlapping) {
    EventLoop& loop = this_loop();
    int errors = 0;
    loop.set_exception_handler([&errors](EventLoop&, const ErrorContext&) { ++errors; });
    int chained = 0;
    std::function<void()> again = [&] {
        if (++chained < 5) loop.call_later(10ms, again);
        if (chained == 2) throw std::domain_error("artificial");
    };
    loop.call_later(10ms, again);
    int looped = 0;
    const auto every = [&looped]() -> Task<void> {
        for (int i = 0; i < 5; ++i) {
            co_await sleep(10ms);
            ++looped;
        }
    };
    int overlapping = 0;
    int most = 0;
    const auto slow_one = [&](int number) -> Task<void> {
        most = std::max(most, ++overlapping);
        co_await sleep(25ms);
        --overlapping;
        if (number == 2) throw std::domain_error("artificial");
    };
    auto ticker = create_task(every());
    for (int i = 0; i < 5; ++i) {
        create_task(slow_one(i));
        co_await sleep(10ms);
    }
    co_await ticker;
    co_await sleep(30ms);
    loop.set_exception_handler(nullptr);

    EXPECT_EQ(chained, 5);
    EXPECT_EQ(looped, 5);
    EXPECT_EQ(most, 3);
    EXPECT_EQ(overlapping, 0);
    EXPECT_EQ(errors, 2);
}

namespace {

Task<void> first_result(TaskGroup& group, int& result) {
    const auto arm = [](TaskGroup& owner, int& out, Duration delay, int value) -> Task<void> {
        co_await sleep(delay);
        out = value;
        owner.cancel("one is enough");
    };
    group.create_task(arm(group, result, 3ms, 3));
    group.create_task(arm(group, result, 1ms, 1));
    co_await sleep(1h);
}
Task<void> with_daemon(TaskGroup& group, Lines& lines) {
    const auto daemon = [](Lines& out) -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            out.push_back("daemon ended");
            throw;
        }
    };
    auto helper = group.create_task(daemon(lines));
    const int value = co_await group.create_task(value_after(2ms, 2));
    lines.push_back("work " + std::to_string(value));
    helper.cancel();
}

}  // namespace

ASYNC_TEST(SemGt13, first_result_n_of_m_a_daemon_and_a_late_join_can_be_said_with_a_group) {
    int first = 0;
    co_await with_task_group(first_result, std::ref(first));
    std::vector<TaskHandle<int>> handles;
    for (int i = 0; i < 5; ++i) handles.push_back(create_task(value_after((i + 1) * 1ms, i)));
    std::vector<TaskHandle<int>> pending = handles;
    std::size_t ended = 0;
    while (ended < 3) {
        const auto seen = co_await wait(pending, {.return_when = FIRST_COMPLETED});
        ended += seen.done.size();
        pending = seen.pending;
    }
    Lines lines;
    co_await with_task_group(with_daemon, std::ref(lines));
    TaskGroup late;
    auto early_end = late.create_task(value_after(0s, 9));
    late.cancel();
    co_await sleep(1ms);
    co_await late.join();

    EXPECT_EQ(first, 1);
    EXPECT_EQ(pending.size(), 2u);
    EXPECT_EQ(lines, (Lines{"work 2", "daemon ended"}));
    EXPECT_TRUE(early_end.cancelled());
    for (auto& handle : pending) co_await handle;
}
