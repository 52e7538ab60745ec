// CancelScope and Timeout as objects, and what is told of tasks that do not end.
#include <tandem/base/errors.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/checkpoints.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <coroutine>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

using tandem::testing::value_after;

Task<void> nap(Duration delay) { co_await sleep(delay); }

struct Reports {
    Reports() {
        this_loop().set_exception_handler(
            [this](EventLoop&, const ErrorContext& context) { seen.push_back(context.message); });
    }
    ~Reports() { this_loop().set_exception_handler(nullptr); }
    Lines seen;
};

Task<void> swallow_for(Duration total, int times) {
    for (int i = 0; i < times; ++i) {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
        }
    }
    co_await shield(nap(total));
}

/// Stops when it is asked to, unless `refuses`; completes when its handle is resumed.
struct Engine {
    bool refuses = false;
    bool finishes_when_asked = false;
    int asked = 0;
    std::coroutine_handle<> waiter;
    int result = 0;
};
struct EngineWait {
    Engine& engine;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) const { engine.waiter = handle; }
    bool await_cancel(std::coroutine_handle<> handle) const noexcept {
        ++engine.asked;
        if (engine.finishes_when_asked) {
            engine.result = 7;
            handle.resume();
            return false;
        }
        return !engine.refuses;
    }
    bool await_completed() const noexcept { return engine.result != 0; }
    int await_resume() const { return engine.result; }
};
Task<int> use(Engine& engine) {
    const int result = co_await EngineWait{engine};
    co_return result;
}

}  // namespace

ASYNC_TEST(SemC3, run_takes_a_task_or_a_function_with_its_arguments) {
    CancelScope first;
    const auto of_task = co_await first.run(value_after(1ms, 1));
    CancelScope second(5ms);
    const auto of_function = co_await second.run(value_after, 1h, 2);
    CancelScope third;
    const bool through = co_await third.run(nap, 1ms);

    EXPECT_EQ(of_task, 1);
    EXPECT_FALSE(of_function.has_value());
    EXPECT_TRUE(second.absorbed());
    EXPECT_TRUE(through);
}

ASYNC_TEST(SemC2, a_scope_shows_its_state_its_reason_and_its_deadline) {
    CancelScope scope(10ms);
    const auto start = this_loop().time();
    Lines seen;
    const auto look = [](CancelScope own, Lines& out) -> Task<void> {
        out.push_back(own.cancelled() ? "cancelled" : "open");
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            out.push_back(own.cancelled() && own.cancel_requested() ? "cancelled" : "open");
            out.push_back(current_reason()->text);
            throw;
        }
    };
    EXPECT_EQ(scope.deadline(), TimePoint::max());
    co_await scope.run(look, scope, std::ref(seen));

    EXPECT_EQ(seen, (Lines{"open", "cancelled", "deadline"}));
    EXPECT_EQ(this_loop().time() - start, 10ms);
    TANDEM_CO_ASSERT_TRUE(scope.reason() != nullptr);
    EXPECT_EQ(scope.reason()->text, "deadline");
    EXPECT_EQ(current_reason(), nullptr);
}

ASYNC_TEST(SemC28, is_cancelled_and_checkpoint_serve_a_loop_that_computes) {
    CancelScope scope;
    int rounds = 0;
    const auto compute = [](CancelScope own, int& count) -> Task<void> {
        for (;;) {
            if (++count == 10) own.cancel();
            if (is_cancelled()) ++count;
            co_await checkpoint();
        }
    };
    const bool through = co_await scope.run(compute, scope, std::ref(rounds));

    EXPECT_FALSE(through);
    EXPECT_EQ(rounds, 11);
}

ASYNC_TEST_REAL_TIME(SemC10, a_scope_can_be_cancelled_from_another_thread) {
    CancelScope scope;
    std::thread other([scope]() mutable {
        std::this_thread::sleep_for(5ms);
        EXPECT_TRUE(scope.cancel("from a thread"));
        static_cast<void>(scope.cancel("again"));  // in time or not: the first reason stays
    });
    const auto result = co_await scope.run(value_after(1h, 1));
    other.join();

    EXPECT_FALSE(result.has_value());
    EXPECT_EQ(scope.reason()->text, "from a thread");
    EXPECT_FALSE(scope.cancel());
}

ASYNC_TEST(SemC13, an_awaiter_that_offers_await_cancel_ends_when_it_is_asked) {
    Engine engine;
    auto handle = create_task(use(engine));
    co_await sleep(1ms);
    handle.cancel();
    co_await handle.join();

    EXPECT_EQ(engine.asked, 1);
    EXPECT_TRUE(handle.cancelled());
}

ASYNC_TEST(SemCt4, an_awaiter_that_refuses_stays_until_it_completes_and_its_result_counts) {
    Engine engine;
    engine.refuses = true;
    auto handle = create_task(use(engine));
    co_await sleep(1ms);
    handle.cancel();
    co_await sleep(10ms);
    const bool stayed = !handle.done();
    engine.result = 5;
    engine.waiter.resume();
    const int late = co_await handle;
    Engine quick;
    quick.finishes_when_asked = true;
    auto other = create_task(use(quick));
    co_await sleep(1ms);
    other.cancel();
    const int inside = co_await other;

    EXPECT_TRUE(stayed);
    EXPECT_EQ(engine.asked, 1);
    EXPECT_EQ(late, 5);
    EXPECT_EQ(inside, 7);
}

ASYNC_TEST(SemC20, what_waits_is_a_checkpoint_and_what_only_calls_is_none) {
    auto finished = create_task(value_after(0s, 1));
    co_await finished;
    const auto sleeps = []() -> Task<void> { co_await sleep(0s); };
    const auto yields = []() -> Task<void> { co_await checkpoint(); };
    const auto joins = [](TaskHandle<int> handle) -> Task<void> { co_await handle.join(); };
    const auto calls = []() -> Task<int> { co_return 3; };
    const bool one = co_await tandem::testing::assert_checkpoints(sleeps);
    const bool two = co_await tandem::testing::assert_checkpoints(yields);
    const bool three = co_await tandem::testing::assert_checkpoints(joins, finished);
    CancelScope scope;
    scope.cancel();
    const auto plain = co_await scope.run(shield(calls()));

    EXPECT_TRUE(one && two && three);
    EXPECT_EQ(plain, 3);
}

ASYNC_TEST(SemC20, strict_checkpoints_suspend_even_where_nothing_is_waited_for) {
    auto finished = create_task(value_after(0s, 1));
    co_await finished;
    const auto before = this_loop().turns();
    co_await finished;
    const auto loose = this_loop().turns() - before;
    const tandem::testing::StrictCheckpoints strict;
    co_await finished;
    co_await finished;
    const auto turns = this_loop().turns() - before;

    EXPECT_EQ(loose, 0U);
    EXPECT_EQ(turns, 2U);
}

ASYNC_TEST(SemC32, who_does_not_end_is_told_once_with_who_asked_and_what_keeps_it) {
    const Reports reports;
    auto handle = create_task(swallow_for(20s, 3), {.name = "stubborn"});
    co_await sleep(1s);
    handle.cancel("please");
    const auto line = static_cast<unsigned>(__LINE__) - 1U;
    co_await sleep(4900ms);
    const auto early = reports.seen.size();
    co_await handle.join();

    EXPECT_EQ(early, 0U);
    TANDEM_CO_ASSERT_EQ(reports.seen.size(), 1U);
    const std::string& text = reports.seen[0];
    EXPECT_NE(text.find("stubborn"), std::string::npos) << text;
    EXPECT_NE(text.find("please"), std::string::npos) << text;
    EXPECT_NE(text.find("scope_test.cpp:" + std::to_string(line)), std::string::npos) << text;
    EXPECT_NE(text.find("waiting for sleep"), std::string::npos) << text;
}

ASYNC_TEST(SemC52, a_shield_without_a_deadline_that_holds_a_request_back_is_told) {
    const Reports reports;
    auto handle = create_task(shield(nap(8s)));
    auto bounded = create_task(shield(nap(4s), 30s));
    co_await sleep(1s);
    handle.cancel();
    bounded.cancel();
    co_await handle.join();
    co_await bounded.join();

    TANDEM_CO_ASSERT_EQ(reports.seen.size(), 1U);
    EXPECT_NE(reports.seen[0].find("inside a shield since 6 s"), std::string::npos) << reports.seen[0];
}

ASYNC_TEST(SemC32, an_operation_that_cannot_be_cancelled_is_named) {
    const Reports reports;
    Engine engine;
    engine.refuses = true;
    auto handle = create_task(use(engine));
    co_await sleep(1ms);
    handle.cancel();
    co_await sleep(6s);
    engine.waiter.resume();
    co_await handle.join();

    TANDEM_CO_ASSERT_EQ(reports.seen.size(), 1U);
    EXPECT_NE(reports.seen[0].find("an operation that cannot be cancelled"), std::string::npos);
}

ASYNC_TEST(SemC52, how_often_the_task_swallowed_it_is_told) {
    const Reports reports;
    Engine engine;
    engine.refuses = true;
    const auto stubborn = [](Engine& last, int times) -> Task<void> {
        for (int i = 0; i < times; ++i) {
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
            }
        }
        co_await shield(use(last), 1ms);
    };
    auto handle = create_task(stubborn(engine, 3));
    co_await sleep(1ms);
    handle.cancel();
    co_await sleep(6s);
    engine.waiter.resume();
    co_await handle.join();

    TANDEM_CO_ASSERT_EQ(reports.seen.size(), 1U);
    EXPECT_NE(reports.seen[0].find("Cancelled was swallowed 3 times"), std::string::npos) << reports.seen[0];
}

ASYNC_TEST(SemC51, a_shield_taken_off_lets_the_waiting_request_in) {
    CancelScope inner;
    inner.set_shielded(true);
    const auto body = [](CancelScope own) -> Task<void> { co_await own.run(nap(1h)); };
    auto handle = create_task(body(inner));
    co_await sleep(1ms);
    handle.cancel();
    co_await sleep(1s);
    const bool held = !handle.done();
    inner.set_shielded(false);
    co_await handle.join();

    EXPECT_TRUE(held);
    EXPECT_TRUE(handle.cancelled());
    EXPECT_FALSE(inner.absorbed());
}

ASYNC_TEST(SemC51, a_shield_put_up_before_entry_keeps_out_what_was_asked_before) {
    const auto start = this_loop().time();
    CancelScope outer;
    outer.cancel();
    Duration slept{};
    bool cancelled_inside = true;
    const auto body = [&]() -> Task<void> {
        CancelScope cleanup(5s);
        cleanup.set_shielded(true);
        co_await cleanup.run(nap(2s));
        cancelled_inside = cleanup.absorbed();
        slept = this_loop().time() - start;
        co_await sleep(1h);
    };
    co_await outer.run(body());

    EXPECT_EQ(slept, 2s);
    EXPECT_FALSE(cancelled_inside);
    EXPECT_TRUE(outer.absorbed());
}

ASYNC_TEST(SemC47, a_timeout_object_can_be_read_moved_stopped_and_started) {
    const auto start = this_loop().time();
    Timeout limit(5s);
    const auto body = [](Timeout& own, TimePoint begin) -> Task<int> {
        EXPECT_EQ(own.when(), begin + 5s);
        co_await sleep(4s);
        EXPECT_TRUE(own.reschedule(10s));
        co_await sleep(9s);
        own.stop();
        EXPECT_EQ(own.when(), TimePoint::max());
        co_await sleep(100s);
        own.start();
        co_await sleep(1h);
        co_return 1;
    };
    bool timed_out = false;
    try {
        co_await limit.run(body, std::ref(limit), start);
    } catch (const TimeoutError&) {
        timed_out = true;
    }

    EXPECT_TRUE(timed_out);
    EXPECT_TRUE(limit.expired());
    EXPECT_EQ(this_loop().time() - start, 123s);
    EXPECT_FALSE(limit.reschedule(1s));
}

ASYNC_TEST(SemC47, it_throws_the_callers_own_error_and_refuses_a_second_run) {
    struct TooLong {};
    Timeout limit(1s);
    bool own = false;
    try {
        co_await limit.error<TooLong>().run(nap, 1h);
    } catch (const TooLong&) {
        own = true;
    }
    std::string message;
    try {
        co_await limit.run(nap, 1s);
    } catch (const InvalidStateError& error) {
        message = error.what();
    }

    EXPECT_TRUE(own);
    EXPECT_NE(message.find("has run already"), std::string::npos);
}

ASYNC_TEST(SemC43, a_negative_limit_says_that_there_was_no_time) {
    std::string message;
    try {
        co_await timeout(-1s, value_after(1s, 1));
    } catch (const TimeoutError& error) {
        message = error.what();
    }
    const auto nothing = co_await move_on_after(0s, value_after(0s, 1));
    const auto late = co_await move_on_at(this_loop().time() + 1s, value_after(1h, 1));

    EXPECT_NE(message.find("no time was left"), std::string::npos) << message;
    EXPECT_FALSE(nothing.has_value());
    EXPECT_FALSE(late.has_value());
}

ASYNC_TEST(SemC53, a_failing_cleanup_is_attached_to_the_bodys_error_which_stays_what_it_is) {
    const Reports reports;
    const auto fails = [](std::string what) -> Task<void> {
        co_await sleep(1ms);
        throw std::domain_error(what);
    };
    std::vector<std::exception_ptr> attached;
    std::string text;
    try {
        co_await with_finally(fails("body"), fails("cleanup"));
    } catch (const std::domain_error&) {
        attached = attached_errors(std::current_exception());
        text = describe(std::current_exception());
    }

    TANDEM_CO_ASSERT_EQ(attached.size(), 1U);
    EXPECT_EQ(describe(attached[0]), "std::domain_error: cleanup");
    EXPECT_EQ(text, "std::domain_error: body; with it: std::domain_error: cleanup");
    EXPECT_TRUE(reports.seen.empty());
}

ASYNC_TEST(SemC53, the_grace_is_the_loops_where_the_call_says_nothing) {
    const Reports reports;
    set_cleanup_grace(20ms);
    const auto start = this_loop().time();
    std::string text;
    try {
        co_await with_finally(nap(1ms), nap(1h));
    } catch (const TimeoutError& error) {
        text = error.what();
    }

    EXPECT_EQ(this_loop().time() - start, 21ms);
    EXPECT_NE(text.find("cleanup timed out"), std::string::npos);
    EXPECT_THROW(set_cleanup_grace(0s), std::invalid_argument);
}

ASYNC_TEST(SemC60, a_cancelled_sleep_takes_its_timer_along_at_once) {
    const auto before = this_loop().timers().live();
    auto handle = create_task(nap(1h));
    co_await sleep(0s);
    const auto asleep = this_loop().timers().live();
    CancelScope scope;
    auto other = create_task(scope.run(nap(1h)));
    co_await sleep(0s);
    scope.cancel();
    co_await other;
    handle.cancel();
    co_await handle.join();

    EXPECT_EQ(asleep, before + 1);
    EXPECT_EQ(this_loop().timers().live(), before);
}
