// When exactly a request arrives, and what comes of it: sem:R1 to R8.
#include <tandem/base/errors.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

using tandem::testing::value_after;

Task<int> fails_after(Duration delay) {
    co_await sleep(delay);
    throw std::runtime_error("failed");
}
Task<std::string> reason_of_end(Duration delay) {
    try {
        co_await sleep(delay);
    } catch (const Cancelled& cancelled) {
        co_return cancelled.reason();
    }
    co_return "slept";
}

}  // namespace

ASYNC_TEST(SemR1, a_task_cancelled_before_it_starts_runs_nothing) {
    auto handle = create_task(reason_of_end(1ms));
    handle.cancel();
    co_await handle.join();

    EXPECT_TRUE(handle.cancelled());
    EXPECT_FALSE(handle.started());
}

ASYNC_TEST(SemR2, a_task_that_runs_its_step_meets_the_request_at_its_next_checkpoint) {
    Lines lines;
    const auto body = [](CancelScope own, Lines& out) -> Task<void> {
        own.cancel();
        out.push_back("goes on");
        co_await sleep(0s);
        out.push_back("not here");
    };
    CancelScope scope;
    co_await scope.run(body, scope, std::ref(lines));

    EXPECT_EQ(lines, Lines{"goes on"});
}

ASYNC_TEST(SemR3, a_suspended_wait_throws_where_it_stands) {
    auto handle = create_task(reason_of_end(1h));
    co_await sleep(1ms);
    handle.cancel("now");
    const std::string reason = co_await handle;

    EXPECT_EQ(reason, "now");
}

ASYNC_TEST(SemR7, of_several_requests_the_first_reason_counts) {
    auto handle = create_task(reason_of_end(1h));
    co_await sleep(1ms);
    handle.cancel("first");
    handle.cancel("second");
    const std::string reason = co_await handle;

    EXPECT_EQ(reason, "first");
}

ASYNC_TEST(SemR8, a_request_in_the_turn_of_the_deadline_is_the_reason) {
    CancelScope scope(10ms);
    std::string reason;
    const auto body = [](CancelScope own, std::string& out) -> Task<void> {
        own.cancel("explicit");
        own.set_deadline(0ms);
        out = co_await reason_of_end(1h);
    };
    co_await scope.run(body, scope, std::ref(reason));

    EXPECT_EQ(reason, "explicit");
    EXPECT_EQ(scope.reason()->text, "explicit");
}

ASYNC_TEST(SemCt5, cancel_with_the_only_child_done_and_between_its_end_and_the_join) {
    TaskGroup group;
    auto child = group.create_task(value_after(1ms, 1));
    co_await sleep(2ms);
    group.cancel();
    co_await group.join();

    EXPECT_TRUE(child.successful());
}

ASYNC_TEST(SemCt7, the_reason_names_the_sibling_through_three_groups) {
    std::string reason;
    const auto inner = [](std::string& out) -> Task<int> {
        out = co_await reason_of_end(1h);
        co_return 0;
    };
    const auto middle = [](auto fn, std::string& out) -> Task<int> {
        const auto values = co_await gather(fn(out));
        co_return std::get<0>(values);
    };
    const auto outer = [](auto fn, auto deepest, std::string& out) -> Task<int> {
        const auto values = co_await gather(fn(deepest, out));
        co_return std::get<0>(values);
    };
    try {
        co_await gather(outer(middle, inner, reason), fails_after(1ms));
    } catch (const std::runtime_error&) {
    }

    EXPECT_EQ(reason, "a sibling failed");
}

ASYNC_TEST(SemCt3, a_shield_inside_a_shield_and_one_whose_own_deadline_has_passed) {
    auto nested = create_task(shield(shield(value_after(20ms, 1))));
    co_await sleep(1ms);
    nested.cancel();
    const int value = co_await nested;
    bool timed_out = false;
    try {
        co_await shield(value_after(1h, 1), 5ms);
    } catch (const TimeoutError&) {
        timed_out = true;
    }

    EXPECT_EQ(value, 1);
    EXPECT_TRUE(timed_out);
}

ASYNC_TEST(SemCt9, a_task_that_ignores_one_cancel_and_ends_keeps_its_value_under_a_timeout) {
    const std::string text = co_await timeout(10ms, reason_of_end(1h));

    EXPECT_EQ(text, "deadline");
}

ASYNC_TEST(SemCt11, a_region_that_must_not_be_interrupted_ends_before_the_cancel_is_seen) {
    Lines lines;
    const auto body = [](Lines& out) -> Task<void> {
        const int value = co_await shield(value_after(10ms, 4));
        out.push_back("region " + std::to_string(value));
        co_await checkpoint();
        out.push_back("not here");
    };
    auto handle = create_task(body(lines));
    co_await sleep(1ms);
    handle.cancel();
    co_await handle.join();

    EXPECT_EQ(lines, Lines{"region 4"});
    EXPECT_TRUE(handle.cancelled());
}

ASYNC_TEST(SemG12, three_of_three_hundred_milliseconds_take_as_long_as_one) {
    const auto start = this_loop().time();
    co_await gather(value_after(300ms, 1), value_after(300ms, 2), value_after(300ms, 3));

    EXPECT_EQ(this_loop().time() - start, 300ms);
}

ASYNC_TEST(SemG35, a_shielded_handle_goes_on_when_its_awaiter_is_cancelled) {
    auto handle = create_task(value_after(10ms, 3));
    auto awaiter = create_task(shield(handle));
    co_await sleep(1ms);
    awaiter.cancel();
    co_await awaiter.join();
    const bool running = !handle.done();
    const int value = co_await shield(handle);

    EXPECT_TRUE(awaiter.cancelled());
    EXPECT_TRUE(running);
    EXPECT_EQ(value, 3);
}

ASYNC_TEST(SemGt5, timeouts_shields_and_races_nest) {
    const auto start = this_loop().time();
    std::string end;
    try {
        co_await timeout(50ms, gather(value_after(1h, 1), value_after(10ms, 2)));
    } catch (const TimeoutError&) {
        end = "timeout";
    }
    auto both = co_await shield(gather(value_after(1ms, 1), value_after(2ms, 2)));
    auto first = co_await race(timeout(1s, value_after(1h, 1)), timeout(2s, value_after(10ms, 2)));

    EXPECT_EQ(end, "timeout");
    EXPECT_EQ(std::get<0>(both) + std::get<1>(both), 3);
    EXPECT_EQ(first.value, 2);
    EXPECT_EQ(this_loop().time() - start, 62ms);
}

ASYNC_TEST(SemC42, expiry_of_a_timeout_around_a_handle_ends_only_the_wait) {
    auto handle = create_task(value_after(1s, 5));
    bool timed_out = false;
    try {
        co_await wait_for(handle, 10ms);
    } catch (const TimeoutError&) {
        timed_out = true;
    }
    const int value = co_await handle;

    EXPECT_TRUE(timed_out);
    EXPECT_EQ(value, 5);
}

ASYNC_TEST(V13, one_limit_covers_code_that_knows_nothing_of_it) {
    const auto library = [](int stalled) -> Task<int> {
        for (int phase = 0; phase < 5; ++phase)
            co_await sleep(phase == stalled ? Duration(1h) : Duration(100ms));
        co_return stalled;
    };
    for (int stalled = 0; stalled < 5; ++stalled) {
        const auto start = this_loop().time();
        bool timed_out = false;
        try {
            co_await timeout(5s, library(stalled));
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        EXPECT_TRUE(timed_out);
        EXPECT_EQ(this_loop().time() - start, 5s);
    }
}
