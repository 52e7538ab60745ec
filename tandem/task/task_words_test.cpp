#include <tandem/task/task_handle.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

struct Reports {
    explicit Reports(EventLoop& loop) : loop_(loop) {
        loop.set_exception_handler(
            [this](EventLoop&, const ErrorContext& context) { contexts.push_back(context); });
    }
    ~Reports() { loop_.set_exception_handler(nullptr); }
    std::vector<ErrorContext> contexts;

private:
    EventLoop& loop_;
};

Task<int> twice(int value) {
    co_await sleep(1ms);
    co_return 2 * value;
}
Task<void> nothing() { co_return; }
Task<int> deep_failure(int depth) {
    if (depth == 0) throw std::domain_error("from below");
    const int value = co_await deep_failure(depth - 1);
    co_return value;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

ASYNC_TEST(SemK5, a_task_nobody_awaited_is_counted_and_named_once_in_debug) {
    Reports reports(this_loop());
    const auto before = never_awaited_tasks();
    const bool debug = this_loop().debug();
    this_loop().set_debug(true);
    {
        const auto forgotten = twice(1);
    }
    this_loop().set_debug(false);
    {
        const auto silent = twice(1);
    }
    this_loop().set_debug(debug);
    co_await twice(2);

    EXPECT_EQ(never_awaited_tasks() - before, 2U);
    TANDEM_CO_ASSERT_EQ(reports.contexts.size(), 1U);
    EXPECT_TRUE(has(reports.contexts[0].message, "never awaited")) << reports.contexts[0].message;
    EXPECT_TRUE(has(reports.contexts[0].message, "twice")) << reports.contexts[0].message;
    EXPECT_EQ(reports.contexts[0].severity, Severity::warning);
}

ASYNC_TEST(SemK14, a_callable_and_its_arguments_live_as_long_as_the_task) {
    const std::string word = "a word that is long enough to be on the heap";
    std::optional<TaskHandle<std::string>> handle;
    {
        const std::string copied = word;
        handle = create_task([copied]() -> Task<std::string> {
            co_await sleep(1ms);
            co_return copied;
        });
    }
    int seen = 0;
    auto with_arguments = create_task(
        [](int& out, std::unique_ptr<int>& value) -> Task<void> {
            co_await sleep(1ms);
            out = *value;
        },
        std::ref(seen), std::make_unique<int>(7));
    const std::string result = co_await *handle;
    co_await with_arguments;

    EXPECT_EQ(result, word);
    EXPECT_EQ(seen, 7);
}

ASYNC_TEST(SemK16, a_child_of_the_loop_inherits_neither_deadline_nor_cancellation) {
    std::optional<TaskHandle<int>> child;
    const auto creator = [&]() -> Task<void> {
        child = create_task(twice(21), {.name = "child"});
        co_await sleep(1h);
    };
    auto parent = create_task(creator());
    co_await sleep(0s);
    parent.cancel();
    co_await parent.join();
    const int value = co_await *child;

    EXPECT_EQ(value, 42);
    EXPECT_EQ(child->name(), "child");
    EXPECT_TRUE(parent.cancelled());
}

TEST(SemK19, a_task_made_on_a_closing_loop_is_born_cancelled_and_on_a_closed_one_refused) {
    bool ran = false;
    std::optional<TaskHandle<void>> late;
    const auto late_body = [&]() -> Task<void> {
        ran = true;
        co_return;
    };
    auto loop = std::make_unique<EventLoop>();
    loop->set_exception_handler([](EventLoop&, const ErrorContext&) {});
    const auto last_words = [&]() -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            late = loop->create_task(late_body());
            throw;
        }
    };
    loop->create_task(last_words());
    loop->poll_once();
    loop->close();

    ASSERT_TRUE(late.has_value());
    EXPECT_TRUE(late->cancelled());
    EXPECT_FALSE(ran);
    EXPECT_THROW(loop->create_task(nothing()), LoopClosed);
}

ASYNC_TEST(SemKt8, the_text_form_tells_name_state_and_place_in_every_state) {
    std::optional<TaskHandle<int>> self;
    std::string inside;
    const auto body = [&]() -> Task<int> {
        inside = self->state();
        co_await sleep(1h);
        co_return 1;
    };
    self = create_task(body(), {.name = "tale"});
    EXPECT_TRUE(has(self->state(), "tale pending, not started")) << self->state();
    co_await sleep(0s);
    EXPECT_EQ(inside, "tale running");
    EXPECT_TRUE(has(self->state(), "tale pending, waiting for sleep at ")) << self->state();
    EXPECT_TRUE(has(self->state(), "task_words_test.cpp:")) << self->state();
    EXPECT_EQ(self->awaited_on(), "sleep");
    EXPECT_TRUE(has(self->stack(), "task_words_test.cpp:")) << self->stack();
    self->set_name("renamed");
    self->cancel();
    co_await self->join();
    EXPECT_EQ(self->state(), "renamed cancelled");
    auto value = create_task(twice(1), {.name = "v"});
    auto error = create_task(deep_failure(0), {.name = "e"});
    co_await value;
    co_await error.join();
    EXPECT_EQ(value.state(), "v finished, result 2");
    EXPECT_EQ(error.state(), "e failed: std::domain_error: from below");
    const auto text = []() -> Task<std::string> { co_return std::string(70, 'x'); };
    auto unstarted = create_task(text(), {.name = "u"});
    auto talker = create_task(text(), {.name = "t"});
    unstarted.cancel();
    EXPECT_EQ(unstarted.state(), "u cancelling, not started");
    co_await talker;
    EXPECT_EQ(talker.state(), "t finished, result '" + std::string(60, 'x') + "...'");
    static_cast<void>(talker.take_result());
    EXPECT_EQ(talker.state(), "t finished");
}

ASYNC_TEST(SemK31, names_count_up_in_the_process_and_are_kept_from_creation) {
    auto first = create_task(nothing());
    auto second = create_task(nothing());
    const std::string name = first.name();
    co_await first;
    co_await second;

    EXPECT_EQ(name, "Task-" + std::to_string(first.id()));
    EXPECT_LT(first.id(), second.id());
    EXPECT_EQ(first.name(), name);
}

ASYNC_TEST(SemK27, the_first_reason_stays_and_a_done_task_says_false) {
    auto handle = create_task(twice(1));
    co_await sleep(0s);
    EXPECT_TRUE(handle.cancel("first"));
    EXPECT_TRUE(handle.cancel("second"));
    const auto outcome = co_await handle.join();
    EXPECT_TRUE(outcome.cancelled());
    EXPECT_FALSE(handle.cancel("third"));
    try {
        handle.result();
    } catch (const TaskCancelled& cancelled) {
        EXPECT_EQ(cancelled.reason(), "first");
    }
}

ASYNC_TEST(SemK30, the_record_has_name_place_of_creation_and_the_way_the_error_took) {
    Reports reports(this_loop());
    const auto line = SourceLocation::current().line() + 1;
    create_task(deep_failure(2), {.name = "lost"});
    co_await sleep(1ms);

    TANDEM_CO_ASSERT_EQ(reports.contexts.size(), 1U);
    const auto& record = reports.contexts[0];
    EXPECT_EQ(record.task, "lost");
    EXPECT_EQ(record.source.line(), line);
    EXPECT_TRUE(has(record.message, "never retrieved")) << record.message;
    // Three frames: where it was thrown, and the two awaits it left through.
    const auto way = record.message.substr(record.message.find("thrown at"));
    EXPECT_TRUE(has(way, " <- ") && has(way.substr(way.find(" <- ") + 4), " <- ")) << way;
}

ASYNC_TEST(SemKt3, cancel_after_the_failure_counts_as_a_look_and_waiting_for_the_end_does_not) {
    Reports reports(this_loop());
    {
        auto cancelled = create_task(deep_failure(0), {.name = "cancelled"});
        auto only_waited = create_task(deep_failure(0), {.name = "waited"});
        co_await sleep(0s);
        EXPECT_FALSE(cancelled.cancel());
        co_await only_waited.join_only();
    }
    TANDEM_CO_ASSERT_EQ(reports.contexts.size(), 1U);
    EXPECT_EQ(reports.contexts[0].task, "waited");
}

ASYNC_TEST(SemKt1, a_task_that_swallows_its_cancel_ends_with_its_value) {
    const auto stubborn = []() -> Task<int> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
        }
        co_return 5;
    };
    auto handle = create_task(stubborn());
    co_await sleep(0s);
    EXPECT_FALSE(handle.done());
    EXPECT_TRUE(handle.started());
    handle.cancel();
    const int value = co_await handle;
    EXPECT_EQ(value, 5);
    EXPECT_TRUE(handle.successful());
    EXPECT_FALSE(handle.cancelled());
}

ASYNC_TEST(SemK33, a_task_ends_only_when_what_it_left_in_its_scope_has_ended) {
    Lines lines;
    const auto child = [&]() -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            lines.push_back("child stops");
            throw;
        }
    };
    const auto parent = [&]() -> Task<void> {
        TaskGroup group;
        group.create_task(child());
        co_await sleep(1ms);
        lines.push_back("parent leaves");
    };
    auto handle = create_task(parent());
    co_await handle.join_only();
    lines.push_back("parent ended");

    EXPECT_EQ(lines, (Lines{"parent leaves", "child stops", "parent ended"}));
}

ASYNC_TEST(SemKt11, current_task_is_right_after_every_await_of_interleaved_tasks_also_after_errors) {
    int wrong = 0;
    const auto body = [&wrong](int i) -> Task<void> {
        const auto me = current_task()->id;
        for (int turn = 0; turn < 20; ++turn) {
            co_await sleep(Duration(1ms) * (i % 3));
            wrong += current_task()->id != me;
            try {
                co_await deep_failure(i % 4);
            } catch (const std::domain_error&) {
                wrong += current_task()->id != me;
            }
            wrong += current_task()->id != me;
        }
    };
    TaskGroup group;
    for (int i = 0; i < 30; ++i) group.create_task(body(i));
    co_await group.join();
    EXPECT_EQ(wrong, 0);
}

ASYNC_TEST(SemKt5, a_name_that_finds_no_memory_leaves_the_arguments_destroyed_once) {
    const auto held = std::make_shared<int>(1);
    const auto takes = [](std::shared_ptr<int>) -> Task<void> { co_return; };
    auto task = takes(held);
    EXPECT_EQ(held.use_count(), 2);
    TaskOptions options;
    // A view of the greatest size: copying it throws before anything is written.
    options.name = std::string_view("x", std::string().max_size() + 1);
    EXPECT_THROW(create_task(std::move(task), options), std::length_error);
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
    co_return;
}

TEST(SemKt7, a_system_exit_during_a_cancellation_leaves_the_loop_and_the_task_has_ended) {
    EventLoop loop;
    const auto exits = []() -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            exit_with(7);
        }
    };
    auto handle = loop.create_task(exits());
    loop.poll_once();
    handle.cancel();
    try {
        loop.run_forever();
        FAIL() << "exit_with() did not leave the loop";
    } catch (const SystemExit& exit) {
        EXPECT_EQ(exit.code(), 7);
    }
    EXPECT_TRUE(handle.done());
}

ASYNC_TEST(SemW2, a_cancelled_one_and_the_one_who_waited_for_it_learn_different_things) {
    std::string inside;
    const auto body = [&]() -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled& cancelled) {
            inside = cancelled.reason();
            throw;
        }
    };
    auto handle = create_task(body(), {.name = "other"});
    co_await sleep(0s);
    handle.cancel("enough");
    std::string outside;
    try {
        co_await handle;
    } catch (const TaskCancelled& cancelled) {
        outside = cancelled.what();
        EXPECT_EQ(cancelled.code(), std::errc::operation_canceled);
    }
    EXPECT_EQ(inside, "enough");
    EXPECT_TRUE(has(outside, "other") && has(outside, "enough")) << outside;
}

ASYNC_TEST(SemW5, a_misuse_is_told_with_the_object_and_the_way_out) {
    auto handle = create_task(twice(1), {.name = "slow"});
    std::string early;
    try {
        handle.result();
    } catch (const InvalidStateError& error) {
        early = error.what();
    }
    EXPECT_TRUE(has(early, "slow") && has(early, "co_await the handle")) << early;
    auto used = twice(1);
    co_await std::move(used);
    std::string twice_used;
    try {
        create_task(std::move(used));
    } catch (const InvalidStateError& error) {
        twice_used = error.what();
    }
    EXPECT_TRUE(has(twice_used, "Task") && has(twice_used, "call the coroutine function again"))
        << twice_used;
    co_await handle;
}

ASYNC_TEST(SemW7, an_error_is_the_same_object_on_every_bridge) {
    const auto thrown = std::make_exception_ptr(std::domain_error("one"));
    const auto body = [](std::exception_ptr error) -> Task<int> {
        std::rethrow_exception(error);
        co_return 0;
    };
    std::exception_ptr awaited;
    try {
        co_await body(thrown);
    } catch (...) {
        awaited = std::current_exception();
    }
    auto handle = create_task(body(thrown));
    const auto outcome = co_await handle.join();

    EXPECT_EQ(awaited, thrown);
    EXPECT_EQ(outcome.exception(), thrown);
    EXPECT_EQ(handle.exception(), thrown);
    EXPECT_FALSE(handle.node().thrown_at().empty());
}
