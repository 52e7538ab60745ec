// Timeouts at their edges: which boundary speaks, where the limit lies in the past, moves, or meets other
// errors.
#include <tandem/base/errors.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<std::string> after(Duration delay) {
    co_await sleep(delay);
    co_return "value";
}
Task<std::string> fails_after(Duration delay) {
    co_await sleep(delay);
    throw std::domain_error("foreign");
}
Task<std::string> end_of(Task<std::string> body) {
    std::string text;
    try {
        text = co_await std::move(body);
    } catch (const TimeoutError&) {
        text = "timeout";
    } catch (const std::exception& error) {
        text = error.what();
    }
    co_return text;
}
Task<std::string> nested(Deadline outer, Deadline inner, Duration work) {
    const auto inside = [](Deadline limit, Duration delay) -> Task<std::string> {
        const auto text = co_await end_of(timeout(limit, after(delay)));
        co_return text == "timeout" ? "inner" : text;
    };
    const auto text = co_await end_of(timeout(outer, inside(inner, work)));
    co_return text == "timeout" ? "outer" : text;
}
Task<std::string> busy_past_both() {
    // The loop is held by its own step while both limits pass.
    const auto limit = this_loop().time();
    const auto text = co_await end_of(timeout_at(limit, timeout_at(limit, after(1ms))));
    co_return text;
}

}  // namespace

ASYNC_TEST(SemCt8, relative_absolute_zero_and_foreign_errors) {
    const auto now = this_loop().time();
    const auto basic = co_await end_of(timeout(5ms, after(1h)));
    const auto in_time = co_await end_of(timeout(5ms, after(1ms)));
    const auto absolute = co_await end_of(timeout_at(now + 10ms, after(1h)));
    const auto elapsed = this_loop().time() - now;
    const auto foreign = co_await end_of(timeout(5ms, fails_after(1ms)));
    const auto zero = co_await end_of(timeout(0s, after(0s)));
    const auto past = co_await end_of(timeout_at(now, after(0s)));

    EXPECT_EQ(basic, "timeout");
    EXPECT_EQ(in_time, "value");
    EXPECT_EQ(absolute, "timeout");
    EXPECT_EQ(elapsed, 10ms);
    EXPECT_EQ(foreign, "foreign");
    EXPECT_EQ(zero, "timeout");
    EXPECT_EQ(past, "timeout");
}

ASYNC_TEST(SemCt8, of_nested_limits_the_one_that_passed_speaks) {
    const auto inner_first = co_await nested(10ms, 5ms, 1h);
    const auto outer_first = co_await nested(5ms, 10ms, 1h);
    const auto neither = co_await nested(10ms, 10ms, 1ms);
    const auto both = co_await nested(5ms, 5ms, 1h);
    const auto busy = co_await busy_past_both();

    EXPECT_EQ(inner_first, "inner");
    EXPECT_EQ(outer_first, "outer");
    EXPECT_EQ(neither, "value");
    EXPECT_EQ(both, "outer");
    EXPECT_EQ(busy, "timeout");
}

ASYNC_TEST(SemCt8, in_a_cleanup_and_after_a_cancellation_a_limit_still_counts) {
    std::string in_cleanup;
    std::string after_cancel;
    const auto cleanup = [&in_cleanup]() -> Task<void> {
        in_cleanup = co_await end_of(timeout(5ms, after(1h)));
    };
    const auto body = [&](CancelScope scope) -> Task<void> {
        const auto forever = []() -> Task<void> { co_await sleep(1h); };
        static_cast<void>(scope);
        co_await with_finally(forever(), cleanup());
    };
    CancelScope scope(1ms);
    const auto start = this_loop().time();
    co_await scope.run(body(scope));
    const auto elapsed = this_loop().time() - start;
    after_cancel = co_await end_of(timeout(5ms, after(1h)));

    EXPECT_EQ(in_cleanup, "timeout");
    EXPECT_EQ(elapsed, 6ms);
    EXPECT_EQ(after_cancel, "timeout");
}

namespace {

Task<void> move_and_sleep(Timeout& limit, Deadline to, Duration delay) {
    limit.reschedule(to);
    co_await sleep(delay);
}
Task<Duration> time_until_end(Deadline first, Deadline second, Duration delay) {
    const auto start = this_loop().time();
    Timeout limit(first);
    try {
        co_await limit.run(move_and_sleep, std::ref(limit), second, delay);
    } catch (const TimeoutError&) {
    }
    co_return this_loop().time() - start;
}

}  // namespace

ASYNC_TEST(SemCt8, a_limit_moves_earlier_later_to_never_and_not_after_it_expired) {
    const auto earlier = co_await time_until_end(1h, 2ms, 1s);
    const auto later = co_await time_until_end(2ms, 5ms, 1s);
    const auto never = co_await time_until_end(2ms, Deadline(), 20ms);
    Timeout expired(1ms);
    try {
        co_await expired.run(after(1h));
    } catch (const TimeoutError&) {
    }

    EXPECT_EQ(earlier, 2ms);
    EXPECT_EQ(later, 5ms);
    EXPECT_EQ(never, 20ms);
    EXPECT_TRUE(expired.expired());
    EXPECT_FALSE(expired.reschedule(1h));
}
