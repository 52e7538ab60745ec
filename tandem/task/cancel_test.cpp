#include <tandem/task/cancel_scope.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<void> sleeper(Duration delay, Lines* lines = nullptr, std::string name = {}) {
    try {
        co_await sleep(delay);
    } catch (const Cancelled& cancelled) {
        if (lines) lines->push_back(name + " cancelled: " + cancelled.reason());
        throw;
    }
    if (lines) lines->push_back(name + " slept");
}

using tandem::testing::value_after;

Task<int> nested_scopes(int depth) {
    if (depth == 0) {
        co_await sleep(1h);
        co_return 0;
    }
    CancelScope scope;
    const std::optional<int> below = co_await scope.run(nested_scopes(depth - 1));
    co_return below ? *below + 1 : -1;
}

Task<int> swallow_then_return(int swallows) {
    int swallowed = 0;
    while (swallowed < swallows) {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            ++swallowed;
        }
    }
    co_return swallowed;
}

Task<void> cancel_handle_after(Duration delay, TaskHandle<int> handle) {
    co_await sleep(delay);
    handle.cancel();
}

template <class T>
std::string cancelled_text(const TaskHandle<T>& handle) {
    try {
        static_cast<void>(handle.result());
    } catch (const TaskCancelled& cancelled) {
        return cancelled.reason();
    }
    return "not cancelled";
}

}  // namespace

ASYNC_TEST(SemC4, a_scope_cancelled_before_entry_is_entered_cancelled_and_absorbs) {
    CancelScope scope;
    EXPECT_TRUE(scope.cancel("early"));
    bool ran = false;
    const auto body = [](bool& flag) -> Task<int> {
        flag = true;
        co_await sleep(0s);
        co_return 1;
    };
    const auto start = this_loop().time();
    const std::optional<int> result = co_await scope.run(body(ran));

    EXPECT_TRUE(ran);
    EXPECT_FALSE(result.has_value());
    EXPECT_TRUE(scope.absorbed());
    EXPECT_EQ(this_loop().time(), start);
}

ASYNC_TEST(SemC4, a_scope_entered_twice_refuses_and_the_scope_around_it_is_whole) {
    CancelScope scope;
    co_await scope.run(value_after(1ms, 1));
    std::string message;
    try {
        co_await scope.run(value_after(1ms, 2));
    } catch (const InvalidStateError& error) {
        message = error.what();
    }
    co_await sleep(1ms);

    EXPECT_NE(message.find("entered already"), std::string::npos) << message;
    EXPECT_FALSE(is_cancelled());
}

ASYNC_TEST(SemC4, a_scope_entered_inside_itself_refuses) {
    CancelScope scope;
    bool refused = false;
    const auto body = [](CancelScope outer, bool& flag) -> Task<void> {
        try {
            co_await outer.run(value_after(1ms, 1));
        } catch (const InvalidStateError&) {
            flag = true;
        }
        co_await sleep(1ms);
    };
    const bool through = co_await scope.run(body(scope, refused));

    EXPECT_TRUE(refused);
    EXPECT_TRUE(through);
}

ASYNC_TEST(SemC4, cancelling_after_the_exit_says_false_and_changes_nothing) {
    CancelScope scope;
    co_await scope.run(value_after(1ms, 1));

    EXPECT_FALSE(scope.cancel());
    EXPECT_FALSE(scope.cancel_requested());
    co_await sleep(1ms);
}

ASYNC_TEST(SemC5, the_first_reason_stays_and_there_is_no_way_back) {
    Lines lines;
    auto handle = create_task(sleeper(1h, &lines, "s"));
    co_await sleep(1ms);
    EXPECT_TRUE(handle.cancel("first"));
    EXPECT_TRUE(handle.cancel("second"));
    auto end = co_await handle.join();

    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lines, Lines{"s cancelled: first"});
    EXPECT_EQ(cancelled_text(handle), "first");
}

ASYNC_TEST(SemC7, cancelling_the_outermost_of_five_thousand_scopes_uses_constant_stack) {
    auto handle = create_task(nested_scopes(5'000));
    co_await sleep(1ms);
    handle.cancel();
    auto end = co_await handle.join();

    EXPECT_TRUE(end.cancelled());
}

ASYNC_TEST(SemC7, a_chain_of_two_thousand_tasks_each_owned_by_the_last_ends_from_the_top) {
    struct Chain {
        static Task<int> link(int depth) {
            if (depth == 0) co_await sleep(1h);
            if (depth == 0) co_return 0;
            auto below = co_await gather(link(depth - 1));
            co_return std::get<0>(below) + 1;
        }
    };
    auto handle = create_task(Chain::link(2'000));
    co_await sleep(1ms);
    handle.cancel();
    auto end = co_await handle.join();

    EXPECT_TRUE(end.cancelled());
}

ASYNC_TEST(SemC8, cancelled_knows_the_reason_the_place_and_the_task_that_asked) {
    std::optional<Cancelled> seen;
    const auto body = [](std::optional<Cancelled>& out) -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled& cancelled) {
            out.emplace(cancelled);
            throw;
        }
    };
    auto handle = create_task(body(seen));
    co_await sleep(1ms);
    handle.cancel("because");
    const auto line = static_cast<unsigned>(__LINE__) - 1U;
    co_await handle.join();

    TANDEM_CO_ASSERT_TRUE(seen.has_value());
    EXPECT_EQ(seen->reason(), "because");
    EXPECT_EQ(seen->requested_at().line(), line);
    EXPECT_EQ(seen->requested_by(), current_task()->id);
}

ASYNC_TEST(SemC11, a_request_resumes_nobody_inline) {
    Lines lines;
    auto handle = create_task(sleeper(1h, &lines, "s"));
    co_await sleep(1ms);
    handle.cancel();
    lines.push_back("after the request");
    co_await handle.join();

    EXPECT_EQ(lines, (Lines{"after the request", "s cancelled: cancelled by its handle"}));
}

ASYNC_TEST(SemC12, a_suspended_in_memory_wait_ends_in_the_next_turn) {
    auto handle = create_task(sleeper(1h));
    co_await sleep(1ms);
    const auto turn = this_loop().turns();
    handle.cancel();
    co_await handle.join();

    EXPECT_LE(this_loop().turns() - turn, 2U);
}

ASYNC_TEST(SemC15, a_foreign_awaiter_is_not_dropped_by_a_cancel) {
    struct Parked {
        std::coroutine_handle<>& slot;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> handle) { slot = handle; }
        int await_resume() const { return 9; }
    };
    const auto body = [](std::coroutine_handle<>& slot) -> Task<int> {
        const int value = co_await Parked{slot};
        co_return value;
    };
    std::coroutine_handle<> slot;
    auto handle = create_task(body(slot));
    co_await sleep(1ms);
    handle.cancel();
    co_await sleep(10ms);
    const bool still_there = !handle.done();
    slot.resume();
    auto end = co_await handle.join();

    EXPECT_TRUE(still_there);
    TANDEM_CO_ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end.value(), 9);
}

ASYNC_TEST(SemK9, an_await_suspend_that_throws_lets_the_task_go_on) {
    struct Refuses {
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<>) { throw std::runtime_error("no room"); }
        void await_resume() const {}
    };
    const auto body = []() -> Task<std::string> {
        std::string text;
        try {
            co_await Refuses();
        } catch (const std::runtime_error& error) {
            text = error.what();
        }
        const int value = co_await swallow_then_return(0);
        co_return text + std::to_string(value);
    };
    auto handle = create_task(body());
    const std::string text = co_await timeout(1s, handle);

    EXPECT_EQ(text, "no room0");
}

ASYNC_TEST(SemC21, a_task_cancelled_before_its_first_step_never_runs_its_body) {
    Lines lines;
    auto handle = create_task(sleeper(1ms, &lines, "never"));
    EXPECT_TRUE(handle.cancel());
    co_await handle.join();

    EXPECT_TRUE(lines.empty());
    EXPECT_TRUE(handle.cancelled());
    EXPECT_FALSE(handle.started());
}

ASYNC_TEST(SemC22, a_checkpoint_in_a_cancelled_scope_starts_nothing) {
    CancelScope scope;
    const auto body = [](CancelScope own, bool& armed) -> Task<void> {
        own.cancel();
        const auto before = this_loop().timers().live();
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            armed = this_loop().timers().live() != before;
            throw;
        }
    };
    bool armed = true;
    const bool through = co_await scope.run(body(scope, armed));

    EXPECT_FALSE(through);
    EXPECT_FALSE(armed);
}

ASYNC_TEST(SemC23, a_wake_up_that_was_posted_before_the_request_is_delivered) {
    // R5: the sleep is over and its wake-up queued when the cancel comes.
    Lines lines;
    const auto body = [](Lines& out) -> Task<int> {
        co_await sleep(5ms);
        out.push_back("slept");
        co_await sleep(1h);
        out.push_back("not here");
        co_return 1;
    };
    auto handle = create_task(body(lines));
    co_await sleep(0s);
    // This timer is due in the same turn, behind the sleeper's own, and runs before the sleeper's step... or
    // after it: the loop orders both by deadline, so ask for the earlier place.
    auto killer = create_task(cancel_handle_after(5ms, handle));
    auto end = co_await handle.join();
    co_await killer;

    EXPECT_EQ(lines, Lines{"slept"});
    EXPECT_TRUE(end.cancelled());
}

ASYNC_TEST(SemC25, every_further_checkpoint_throws_again_and_a_swallower_starves_nobody) {
    auto handle = create_task(swallow_then_return(1'000));
    co_await sleep(1ms);
    handle.cancel();
    int turns = 0;
    while (!handle.done()) {
        co_await sleep(0s);
        ++turns;
    }
    const int swallowed = co_await handle;

    EXPECT_EQ(swallowed, 1'000);
    EXPECT_GE(turns, 900);
    EXPECT_FALSE(handle.cancelled());
}

ASYNC_TEST(SemC26, a_self_cancel_waits_for_the_next_checkpoint) {
    const auto body = [](CancelScope own, bool sleeps) -> Task<int> {
        own.cancel();
        if (sleeps) co_await sleep(0s);
        co_return 4;
    };
    CancelScope returns;
    const std::optional<int> kept = co_await returns.run(body(returns, false));
    CancelScope sleeps;
    const std::optional<int> lost = co_await sleeps.run(body(sleeps, true));

    EXPECT_EQ(kept, 4);
    EXPECT_FALSE(lost.has_value());
}

ASYNC_TEST(SemC30, an_inner_scope_does_not_absorb_what_the_outer_one_asked_for) {
    Lines lines;
    const auto inner_body = [](CancelScope inner, CancelScope outer) -> Task<void> {
        inner.cancel("inner");
        outer.cancel("outer");
        co_await sleep(1h);
    };
    const auto outer_body = [](auto body, CancelScope outer, Lines& out) -> Task<void> {
        CancelScope inner;
        co_await inner.run(body(inner, outer));
        out.push_back("code after the inner scope");
    };
    CancelScope outer;
    const bool through = co_await outer.run(outer_body(inner_body, outer, lines));

    EXPECT_FALSE(through);
    EXPECT_TRUE(lines.empty());
}

ASYNC_TEST(SemC31, a_body_that_threw_something_else_keeps_its_exception) {
    const auto body = [](CancelScope own) -> Task<int> {
        own.cancel();
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
        }
        throw std::out_of_range("own error");
    };
    CancelScope scope;
    std::string what;
    try {
        co_await scope.run(body(scope));
    } catch (const std::out_of_range& error) {
        what = error.what();
    }

    EXPECT_EQ(what, "own error");
    EXPECT_FALSE(scope.absorbed());
}

ASYNC_TEST(SemC33, a_cancelled_rethrown_outside_its_scope_is_a_stray_error_and_not_silence) {
    const auto body = []() -> Task<int> {
        std::exception_ptr kept;
        CancelScope scope;
        const auto inner = [](CancelScope own, std::exception_ptr& out) -> Task<void> {
            own.cancel();
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                out = std::current_exception();
                throw;
            }
        };
        co_await scope.run(inner(scope, kept));
        std::rethrow_exception(kept);
    };
    auto handle = create_task(body());
    std::string reason = "none";
    try {
        co_await handle;
    } catch (const TaskCancelled& cancelled) {
        reason = cancelled.reason();
    }

    EXPECT_EQ(reason, "stray");
    EXPECT_FALSE(handle.cancelled());
}

ASYNC_TEST(SemC33, a_stray_cancelled_of_a_group_child_fails_the_group) {
    std::exception_ptr kept;
    const auto once = [](std::exception_ptr& out) -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            out = std::current_exception();
            throw;
        }
    };
    auto victim = create_task(once(kept));
    co_await sleep(1ms);
    victim.cancel();
    co_await victim.join();
    const auto rethrows = [](std::exception_ptr error) -> Task<void> {
        co_await sleep(1ms);
        std::rethrow_exception(error);
    };
    const auto body = [](TaskGroup& group, auto fn, std::exception_ptr error) -> Task<void> {
        group.create_task(fn(error));
        co_await sleep(1h);
    };
    std::size_t failures = 0;
    try {
        co_await with_task_group(body, rethrows, kept);
    } catch (const ExceptionGroup& group) {
        failures = group.exceptions().size();
    }

    EXPECT_EQ(failures, 1U);
}

ASYNC_TEST(SemR9, cancelling_a_finished_task_says_false) {
    auto handle = create_task(value_after(1ms, 1));
    co_await handle;

    EXPECT_FALSE(handle.cancel());
    EXPECT_TRUE(handle.successful());
}

ASYNC_TEST(SemR11, cancel_from_a_done_callback_is_safe) {
    auto first = create_task(value_after(1ms, 1));
    auto second = create_task(value_after(1h, 2));
    first.on_done([second](const TaskHandle<int>& ended) {
        EXPECT_FALSE(ended.cancel());
        EXPECT_TRUE(second.cancel("from the callback"));
    });
    co_await second.join();

    EXPECT_EQ(cancelled_text(second), "from the callback");
}

ASYNC_TEST(SemR11, cancel_from_a_destructor_during_unwinding_is_safe) {
    struct CancelsOther {
        explicit CancelsOther(TaskHandle<int> h) : other(std::move(h)) {}
        ~CancelsOther() { other.cancel("from a destructor"); }
        TaskHandle<int> other;
    };
    const auto body = [](TaskHandle<int> other) -> Task<int> {
        CancelsOther guard(std::move(other));
        co_await sleep(1h);
        co_return 0;
    };
    auto second = create_task(value_after(1h, 2));
    auto first = create_task(body(second));
    co_await sleep(1ms);
    first.cancel();
    co_await first.join();
    co_await second.join();

    EXPECT_EQ(cancelled_text(second), "from a destructor");
}
