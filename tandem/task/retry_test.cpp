#include <tandem/task/retry.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Times = std::vector<Duration>;

/// Fails until its `good`th call, and notes when each call was.
auto flaky(Times& calls, int good) {
    const auto start = this_loop().time();
    return [&calls, good, start]() -> Task<int> {
        calls.push_back(this_loop().time() - start);
        const int number = static_cast<int>(calls.size());
        co_await sleep(0s);
        if (number < good) throw std::runtime_error("attempt " + std::to_string(number));
        co_return number;
    };
}

}  // namespace

ASYNC_TEST(U25f, five_attempts_at_0_1_3_7_and_15_seconds_and_the_error_keeps_its_cause) {
    Times calls;
    std::string what;
    std::string cause;
    int attempts = 0;
    auto fn = flaky(calls, 100);
    try {
        co_await retry(RetryOptions(), fn);
    } catch (const RetryError& error) {
        what = error.what();
        attempts = error.attempts();
        cause = describe(error.cause());
    }

    EXPECT_EQ(attempts, 5);
    EXPECT_EQ(what, "gave up after 5 attempts, the last one: std::runtime_error: attempt 5");
    EXPECT_EQ(cause, "std::runtime_error: attempt 5");
    TANDEM_CO_ASSERT_EQ(calls.size(), 5U);
    Duration delay = 1s;
    for (std::size_t i = 1; i < calls.size(); ++i, delay *= 2) {
        const Duration pause = calls[i] - calls[i - 1];
        EXPECT_GE(pause, delay);
        EXPECT_LE(pause, delay + delay / 10);
    }
}

ASYNC_TEST(U25f, without_jitter_the_pauses_are_exact_and_a_success_ends_them) {
    Times calls;
    auto fn = flaky(calls, 4);
    auto options = RetryOptions().jitter(0).first_delay(200ms).factor(3).max_delay(1s);
    const int result = co_await retry(options, fn);

    EXPECT_EQ(result, 4);
    EXPECT_EQ(calls, (Times{0ms, 200ms, 800ms, 1800ms}));
}

ASYNC_TEST(U25f, a_seed_repeats_the_jitter) {
    Times first;
    Times second;
    auto fn_first = flaky(first, 4);
    co_await retry(RetryOptions().seed(7), fn_first);
    auto fn_second = flaky(second, 4);
    co_await retry(RetryOptions().seed(7), fn_second);

    EXPECT_EQ(first, second);
}

ASYNC_TEST(U25f, an_error_that_is_not_worth_it_and_a_cancel_are_not_retried) {
    Times calls;
    auto fn = flaky(calls, 100);
    std::string what;
    auto options = RetryOptions().when([](const std::exception_ptr&) { return false; });
    try {
        co_await retry(options, fn);
    } catch (const std::runtime_error& error) {
        what = error.what();
    }
    Times others;
    auto other = flaky(others, 100);
    auto handle = create_task(retry(RetryOptions(), other));
    co_await sleep(2s);
    handle.cancel();
    co_await handle.join();

    EXPECT_EQ(what, "attempt 1");
    EXPECT_EQ(calls.size(), 1U);
    EXPECT_TRUE(handle.cancelled());
    EXPECT_EQ(others.size(), 2U);
}

TEST(RetryOptions, refuse_what_cannot_be_meant) {
    EXPECT_THROW(RetryOptions().attempts(0), std::invalid_argument);
    EXPECT_THROW(RetryOptions().first_delay(-1s), std::invalid_argument);
    EXPECT_THROW(RetryOptions().factor(0.5), std::invalid_argument);
    EXPECT_THROW(RetryOptions().jitter(-0.1), std::invalid_argument);
    EXPECT_THROW(RetryOptions().max_delay(-1s), std::invalid_argument);
}
