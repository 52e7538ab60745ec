#include <tandem/task/task_group.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<void> note_after(Duration delay, Lines& lines, std::string name) {
    try {
        co_await sleep(delay);
    } catch (const Cancelled& cancelled) {
        lines.push_back(name + " cancelled: " + cancelled.reason());
        throw;
    }
    lines.push_back(name);
}

Task<void> fail_after(Duration delay, std::string text) {
    co_await sleep(delay);
    throw std::domain_error(text);
}

/// Fails while it is being cancelled.
Task<void> fail_in_cleanup(std::string text) {
    try {
        co_await sleep(1h);
    } catch (const Cancelled&) {
    }
    throw std::domain_error(text);
}

std::string texts(const ExceptionGroup& group) {
    std::string all;
    for (const auto& error : group.exceptions()) {
        try {
            std::rethrow_exception(error);
        } catch (const ExceptionGroup& nested) {
            all += "[" + texts(nested) + "]";
        } catch (const std::exception& e) {
            all += std::string(e.what()) + ";";
        }
    }
    return all;
}

template <class T>
Task<std::string> group_errors(Task<T> task) {
    std::string text = "none";
    try {
        co_await std::move(task);
    } catch (const ExceptionGroup& group) {
        text = texts(group);
    }
    co_return text;
}

}  // namespace

ASYNC_TEST(SemG40, the_group_gives_its_bodys_value_after_all_children_have_ended) {
    Lines lines;
    const auto body = [](TaskGroup& group, Lines& out) -> Task<int> {
        group.create_task(note_after(5ms, out, "b"));
        group.create_task(note_after(2ms, out, "a"));
        out.push_back("body");
        co_return 7;
    };
    const int value = co_await with_task_group(body, std::ref(lines));

    EXPECT_EQ(value, 7);
    EXPECT_EQ(lines, (Lines{"body", "a", "b"}));
}

ASYNC_TEST(SemG41, a_group_left_without_a_join_ends_before_its_task_does) {
    Lines lines;
    const auto cleanup = [](Lines& out) -> Task<void> {
        co_await sleep(10ms);
        out.push_back("child cleaned up");
    };
    const auto sleeps = []() -> Task<void> { co_await sleep(1h); };
    const auto body = [](Lines& out, auto clean, auto nap) -> Task<void> {
        TaskGroup group;
        group.create_task(with_finally(nap(), clean(out)));
        co_await sleep(1ms);
        throw std::runtime_error("past the join");
    };
    auto handle = create_task(body(lines, cleanup, sleeps));
    auto end = co_await handle.join();
    lines.push_back("task ended");

    EXPECT_TRUE(end.has_error());
    EXPECT_EQ(lines, (Lines{"child cleaned up", "task ended"}));
}

ASYNC_TEST(SemG41, a_group_abandoned_in_a_scope_that_is_over_still_belongs_to_the_task) {
    Lines lines;
    const auto child = [](Lines& out) -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            out.push_back("child cancelled");
        }
        co_await shield([](Lines& o) -> Task<void> {
            co_await sleep(10ms);
            o.push_back("child ended");
        }(out));
    };
    const auto inner = [](Lines& out, auto fn) -> Task<void> {
        TaskGroup group;
        group.create_task(fn(out));
        co_await sleep(1ms);
    };
    const auto outer = [](Lines& out, auto fn, auto in) -> Task<void> {
        co_await timeout(1s, in(out, fn));
        out.push_back("scope left");
    };
    auto handle = create_task(outer(lines, child, inner));
    co_await handle;
    lines.push_back("task ended");

    EXPECT_EQ(lines, (Lines{"scope left", "child cancelled", "child ended", "task ended"}));
}

ASYNC_TEST(SemW4, a_failure_in_a_group_that_nobody_joined_is_reported) {
    Lines reports;
    this_loop().set_exception_handler(
        [&](EventLoop&, const ErrorContext& context) { reports.push_back(describe(context.exception)); });
    const auto body = [](Duration stay) -> Task<void> {
        TaskGroup group;
        group.create_task(fail_after(1ms, "lost?"));
        group.create_task(fail_in_cleanup("late"));
        co_await shield(as_task(sleep(stay)));  // so that the failure does not end it
    };
    co_await create_task(body(5ms));  // left after all children have ended
    const auto ended = reports.size();
    co_await create_task(body(500us));  // left before
    this_loop().set_exception_handler(nullptr);

    EXPECT_EQ(ended, 2U);
    EXPECT_GE(reports.size(), 3U);
    TANDEM_CO_ASSERT_TRUE(!reports.empty());
    EXPECT_EQ(reports[0], "std::domain_error: lost?");
}

ASYNC_TEST(SemG42, children_added_while_it_joins_are_joined_too) {
    Lines lines;
    const auto adds = [](TaskGroup& group, Lines& out) -> Task<void> {
        co_await sleep(5ms);
        group.create_task(note_after(5ms, out, "grandchild"));
        out.push_back("child");
    };
    TaskGroup group;
    group.create_task(adds(group, lines));
    co_await group.join();
    bool refused = false;
    try {
        group.create_task(note_after(1ms, lines, "late"));
    } catch (const InvalidStateError&) {
        refused = true;
    }

    EXPECT_EQ(lines, (Lines{"child", "grandchild"}));
    EXPECT_TRUE(refused);
}

ASYNC_TEST(SemG42, a_child_of_an_aborting_group_is_born_cancelled) {
    Lines lines;
    const auto body = [](TaskGroup& group, Lines& out) -> Task<void> {
        group.cancel();
        auto child = group.create_task(note_after(0ms, out, "ran"));
        EXPECT_FALSE(child.done());
        co_return;
    };
    co_await with_task_group(body, std::ref(lines));

    EXPECT_TRUE(lines.empty());
}

ASYNC_TEST(SemG43, the_first_failure_cancels_siblings_and_the_body_and_all_failures_come_in_order) {
    Lines lines;
    const auto body = [](TaskGroup& group, Lines& out) -> Task<void> {
        group.create_task(note_after(1h, out, "sibling"));
        group.create_task(fail_after(2ms, "first"));
        group.create_task(fail_in_cleanup("second"));
        co_await note_after(1h, out, "body");
    };
    const auto start = this_loop().time();
    const std::string errors = co_await group_errors(with_task_group(body, std::ref(lines)));

    EXPECT_EQ(errors, "first;second;");
    EXPECT_EQ(this_loop().time() - start, 2ms);
    EXPECT_EQ(lines.size(), 2U);
    EXPECT_FALSE(is_cancelled());
}

ASYNC_TEST(SemG44, a_body_that_throws_is_in_the_group_and_its_children_are_joined) {
    Lines lines;
    const auto body = [](TaskGroup& group, Lines& out) -> Task<int> {
        group.create_task(note_after(1h, out, "child"));
        co_await sleep(1ms);
        throw std::domain_error("body");
    };
    const std::string errors = co_await group_errors(with_task_group(body, std::ref(lines)));

    EXPECT_EQ(errors, "body;");
    EXPECT_EQ(lines, Lines{"child cancelled: the group's body failed"});
}

ASYNC_TEST(SemG44, cancelled_from_outside_it_joins_and_goes_on_as_cancelled_or_with_the_failures) {
    Lines lines;
    const auto clean = [](TaskGroup& group, Lines& out) -> Task<void> {
        group.create_task(note_after(1h, out, "child"));
        co_await sleep(1h);
    };
    auto plain = create_task(with_task_group(clean, std::ref(lines)));
    co_await sleep(1ms);
    plain.cancel("outside");
    auto plain_end = co_await plain.join();

    const auto failing = [](TaskGroup& group) -> Task<void> {
        group.create_task(fail_in_cleanup("kept"));
        co_await sleep(1h);
    };
    const auto outer = [](auto fn, Lines& out) -> Task<void> {
        out.push_back(co_await group_errors(with_task_group(fn)));
        co_await sleep(0s);
        out.push_back("past the checkpoint");
    };
    auto mixed = create_task(outer(failing, lines));
    co_await sleep(1ms);
    mixed.cancel("outside");
    auto mixed_end = co_await mixed.join();

    EXPECT_TRUE(plain_end.cancelled());
    EXPECT_TRUE(mixed_end.cancelled());
    EXPECT_EQ(lines, (Lines{"child cancelled: outside", "kept;"}));
}

ASYNC_TEST(SemG45, a_child_cancelled_on_its_own_does_not_touch_the_group) {
    Lines lines;
    const auto body = [](TaskGroup& group, Lines& out) -> Task<void> {
        auto child = group.create_task(note_after(1h, out, "single"));
        group.create_task(note_after(5ms, out, "sibling"));
        co_await sleep(1ms);
        child.cancel("alone");
    };
    co_await with_task_group(body, std::ref(lines));

    EXPECT_EQ(lines, (Lines{"single cancelled: alone", "sibling"}));
}

ASYNC_TEST(SemG46, cancel_ends_the_group_without_an_exception_and_is_idempotent) {
    Lines lines;
    const auto body = [](TaskGroup& group, Lines& out) -> Task<void> {
        group.create_task(note_after(1h, out, "child"));
        co_await sleep(1ms);
        group.cancel("enough");
        group.cancel("again");
        co_await sleep(1h);
        out.push_back("not here");
    };
    co_await with_task_group(body, std::ref(lines));
    co_await sleep(1ms);

    EXPECT_EQ(lines, Lines{"child cancelled: enough"});
}

ASYNC_TEST(SemG46, a_cancelled_group_whose_body_had_a_value_to_give_throws) {
    const auto body = [](TaskGroup& group) -> Task<std::string> {
        group.cancel("enough");
        co_await sleep(1h);
        co_return "a value that is too long to live in the string itself";
    };
    std::string said;
    try {
        co_await with_task_group(body);
    } catch (const TaskCancelled& error) {
        said = error.reason();
    }

    EXPECT_EQ(said, "enough");
}

ASYNC_TEST(SemG46, a_body_that_gives_its_value_in_spite_of_the_cancel_keeps_it) {
    const auto body = [](TaskGroup& group) -> Task<std::string> {
        group.cancel("enough");
        co_return "value";
    };
    const std::string value = co_await with_task_group(body);

    EXPECT_EQ(value, "value");
}

ASYNC_TEST(SemG46, an_open_group_can_be_cancelled_before_its_join) {
    Lines lines;
    TaskGroup group;
    group.create_task(note_after(1h, lines, "child"));
    co_await sleep(1ms);
    group.cancel("enough");
    co_await group.join();

    EXPECT_EQ(lines, Lines{"child cancelled: enough"});
}

ASYNC_TEST(SemG48, an_internal_abort_and_an_external_cancel_in_one_turn_keep_the_external_one) {
    Lines lines;
    const auto body = [](TaskGroup& group) -> Task<void> {
        group.cancel("internal");
        co_await sleep(1h);
    };
    const auto outer = [](auto fn, std::optional<TaskHandle<void>>& self, Lines& out) -> Task<void> {
        const auto both = [](TaskGroup& group, std::optional<TaskHandle<void>>& me) -> Task<void> {
            group.cancel("internal");
            me->cancel("external");
            co_await sleep(1h);
        };
        static_cast<void>(fn);
        co_await with_task_group(both, std::ref(self));
        out.push_back("code after the group");
    };
    std::optional<TaskHandle<void>> self;
    self = create_task(outer(body, self, lines));
    auto end = co_await self->join();

    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(lines.empty());
}

ASYNC_TEST(SemG50, an_inner_failing_group_keeps_its_errors_while_the_outer_one_is_cancelled) {
    const auto inner = [](TaskGroup& group) -> Task<void> {
        group.create_task(fail_in_cleanup("inner"));
        co_await sleep(1h);
    };
    const auto outer = [](TaskGroup& group, auto fn) -> Task<void> {
        group.create_task(with_task_group(fn));
        group.create_task(fail_after(1ms, "outer"));
        co_await sleep(1h);
    };
    const std::string errors = co_await group_errors(with_task_group(outer, inner));

    EXPECT_EQ(errors, "outer;[inner;]");
}

ASYNC_TEST(SemG51, a_group_keeps_nothing_of_a_hundred_thousand_finished_children) {
    const auto nothing = []() -> Task<void> { co_return; };
    TaskGroup group;
    std::size_t most = 0;
    for (int i = 0; i < 100'000; ++i) {
        group.create_task(nothing());
        if (i % 100 == 99) co_await sleep(0s);
        if (group.size() > most) most = group.size();
    }
    co_await group.join();

    EXPECT_LE(most, 200U);
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
}

ASYNC_TEST(SemG40, a_callable_with_captures_lives_as_long_as_its_child) {
    int result = 0;
    {
        TaskGroup group;
        auto text = std::make_unique<std::string>("kept");
        group.create_task([text = std::move(text), &result]() -> Task<void> {
            co_await sleep(5ms);
            result = static_cast<int>(text->size());
        });
        co_await group.join();
    }

    EXPECT_EQ(result, 4);
}
