// TaskGroup: its open form, children that say when they have started, and what runs at its end.
#include <tandem/base/errors.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<void> nap(Duration delay) { co_await sleep(delay); }
using tandem::testing::value_after;

Task<void> fails_after(Duration delay, std::string what) {
    co_await sleep(delay);
    throw std::runtime_error(what);
}
Task<void> note(Lines& lines, std::string line) {
    lines.push_back(line);
    co_return;
}
Task<void> serve(Started<int> started, Duration warm_up, Lines& lines) {
    co_await sleep(warm_up);
    started(8080);
    try {
        co_await sleep(10s);
    } catch (const Cancelled&) {
        lines.push_back("server cancelled");
        throw;
    }
    lines.push_back("server done");
}

}  // namespace

ASYNC_TEST(SemG43, a_childs_failure_ends_the_body_of_an_open_group_and_is_what_its_caller_sees) {
    Lines lines;
    const auto start = this_loop().time();
    const auto body = [](Lines& out) -> Task<void> {
        TaskGroup group;
        group.create_task(fails_after(10ms, "child"));
        try {
            co_await sleep(1h);
        } catch (const Cancelled& cancelled) {
            out.push_back(cancelled.reason());
            throw;
        }
        co_await group.join();
    };
    std::string text;
    try {
        co_await body(lines);
    } catch (const ExceptionGroup& group) {
        text = group.what();
    }
    co_await sleep(1ms);

    EXPECT_EQ(lines, Lines{"a sibling failed"});
    EXPECT_NE(text.find("runtime_error: child"), std::string::npos) << text;
    EXPECT_EQ(this_loop().time() - start, 11ms);
}

ASYNC_TEST(SemG43, a_body_that_catches_the_cancel_and_joins_gets_the_failure_there) {
    const auto body = []() -> Task<void> {
        TaskGroup group;
        group.create_task(fails_after(10ms, "child"));
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
        }
        co_await group.join();
    };
    std::size_t failures = 0;
    try {
        co_await body();
    } catch (const ExceptionGroup& group) {
        failures = group.exceptions().size();
    }

    EXPECT_EQ(failures, 1U);
}

ASYNC_TEST(SemG46, cancelling_an_open_group_leaves_its_body_alone) {
    TaskGroup group;
    auto child = group.create_task(nap(1h));
    group.cancel();
    co_await sleep(1ms);
    co_await group.join();

    EXPECT_TRUE(child.cancelled());
}

ASYNC_TEST(SemG43, two_open_groups_may_be_joined_in_the_order_of_their_making) {
    TaskGroup first;
    TaskGroup second;
    auto a = first.create_task(value_after(2ms, 1));
    auto b = second.create_task(value_after(1ms, 2));
    co_await first.join();
    co_await second.join();
    co_await sleep(1ms);

    EXPECT_EQ(a.result() + b.result(), 3);
}

ASYNC_TEST(SemG49, start_gives_the_value_of_started_and_the_group_keeps_the_child) {
    Lines lines;
    const auto begin = this_loop().time();
    TaskGroup group;
    const int port = co_await group.start(serve, 5ms, std::ref(lines));
    const auto ready = this_loop().time() - begin;
    const auto members = group.size();
    co_await group.join();

    EXPECT_EQ(port, 8080);
    EXPECT_EQ(ready, 5ms);
    EXPECT_EQ(members, 1U);
    EXPECT_EQ(lines, Lines{"server done"});
}

ASYNC_TEST(SemG49, a_child_that_fails_before_it_has_started_fails_the_start_alone) {
    const auto breaks = [](Started<int>) -> Task<void> { co_await fails_after(1ms, "no port"); };
    const auto forgets = [](Started<void>) -> Task<void> { co_await sleep(1ms); };
    TaskGroup group;
    Lines errors;
    try {
        co_await group.start(breaks);
    } catch (const std::runtime_error& error) {
        errors.push_back(error.what());
    }
    try {
        co_await group.start(forgets);
    } catch (const InvalidStateError& error) {
        errors.push_back(error.what());
    }
    co_await group.join();

    TANDEM_CO_ASSERT_EQ(errors.size(), 2U);
    EXPECT_EQ(errors[0], "no port");
    EXPECT_NE(errors[1].find("without calling started()"), std::string::npos) << errors[1];
}

ASYNC_TEST(SemGt8, a_cancelled_start_cancels_that_child_only_and_a_later_failure_is_the_groups) {
    Lines lines;
    TaskGroup group;
    auto sibling = group.create_task(value_after(50ms, 1));
    const auto late = co_await move_on_after(10ms, group.start(serve, 1s, std::ref(lines)));
    const auto breaks_later = [](Started<int> started) -> Task<void> {
        started(1);
        co_await fails_after(100ms, "after the start");
    };
    const int value = co_await group.start(breaks_later);
    std::string text;
    try {
        co_await group.join();
    } catch (const ExceptionGroup& failed) {
        text = failed.what();
    }

    EXPECT_FALSE(late.has_value());
    EXPECT_EQ(value, 1);
    EXPECT_TRUE(sibling.successful());
    EXPECT_NE(text.find("after the start"), std::string::npos);
}

ASYNC_TEST(SemGt8, the_group_stays_open_while_a_start_is_pending) {
    Lines lines;
    TaskGroup group;
    const auto starter = [](TaskGroup& target, Lines& out) -> Task<int> {
        co_return co_await target.start(serve, 1s, std::ref(out));
    };
    auto outside = create_task(starter(group, lines));
    co_await sleep(1ms);
    co_await group.join();

    EXPECT_TRUE(outside.done());
    EXPECT_EQ(lines, Lines{"server done"});
}

ASYNC_TEST(SemC54, cleanups_of_a_group_run_after_its_children_the_last_one_first) {
    Lines lines;
    const auto body = [](TaskGroup& group, Lines& out) -> Task<void> {
        group.on_exit(note(out, "first registered"));
        group.on_exit(fails_after(1ms, "cleanup"));
        group.on_exit(note(out, "last registered"));
        const auto child = [](Lines& to) -> Task<void> {
            co_await sleep(5ms);
            to.push_back("child");
        };
        group.create_task(child(out));
        co_return;
    };
    std::string text;
    try {
        co_await with_task_group(body, std::ref(lines));
    } catch (const ExceptionGroup& failed) {
        text = failed.what();
    }

    EXPECT_EQ(lines, (Lines{"child", "last registered", "first registered"}));
    EXPECT_EQ(text, "task group failed (1 failure)\n  std::runtime_error: cleanup");
}

ASYNC_TEST(SemC54, cleanups_run_when_the_group_was_cancelled_from_outside) {
    Lines lines;
    const auto body = [](TaskGroup& group, Lines& out) -> Task<void> {
        const auto slow = [](Lines& to) -> Task<void> {
            co_await sleep(1s);
            to.push_back("cleaned up");
        };
        group.on_exit(slow(out));
        co_await sleep(1h);
    };
    auto handle = create_task(with_task_group(body, std::ref(lines)));
    co_await sleep(1ms);
    handle.cancel();
    co_await handle.join();

    EXPECT_TRUE(handle.cancelled());
    EXPECT_EQ(lines, Lines{"cleaned up"});
}

ASYNC_TEST(SemG52, size_names_and_parents_of_children_can_be_seen) {
    TaskGroup group;
    group.create_task(nap(1ms), {.name = "one"});
    group.create_task(nap(1ms), {.name = "two"});
    const auto size = group.size();
    const std::string tree = dump_tree(this_loop());
    co_await group.join();

    EXPECT_EQ(size, 2U);
    EXPECT_LT(tree.find("Task-"), tree.find("  one"));
    EXPECT_LT(tree.find("  one"), tree.find("  two"));
    EXPECT_NE(tree.find("  two"), std::string::npos) << tree;
}

ASYNC_TEST(SemG30, handles_are_given_in_order_of_completion_each_once_and_left_alone) {
    std::vector<TaskHandle<int>> handles;
    handles.push_back(create_task(value_after(30ms, 3)));
    handles.push_back(create_task(value_after(10ms, 1)));
    handles.push_back(handles[0]);
    auto kept = create_task(value_after(40ms, 4));
    handles.push_back(kept);
    std::vector<int> values;
    {
        auto done = as_completed(handles);
        while (auto handle = co_await done.next()) {
            values.push_back(handle->result());
            if (values.size() == 2) break;
        }
    }
    const int last = co_await kept;

    EXPECT_EQ(values, (std::vector<int>{1, 3}));
    EXPECT_EQ(last, 4);
}

ASYNC_TEST(SemG31, what_a_timeout_left_is_in_pending) {
    std::vector<Task<int>> tasks;
    tasks.push_back(value_after(10ms, 1));
    tasks.push_back(value_after(1s, 2));
    auto done = as_completed(std::move(tasks), {.timeout = 100ms});
    auto first = co_await done.next();
    bool timed_out = false;
    try {
        co_await done.next();
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    auto rest = done.pending();
    TANDEM_CO_ASSERT_EQ(rest.size(), 1U);
    const int second = co_await rest[0];

    EXPECT_TRUE(timed_out);
    EXPECT_EQ(first->result(), 1);
    EXPECT_EQ(second, 2);
}
