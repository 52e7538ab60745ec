// Shields and cleanup: what a cancel has to wait for.
#include <tandem/task/cancel_scope.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<void> sleeper(Duration delay) { co_await sleep(delay); }

using tandem::testing::value_after;

}  // namespace

ASYNC_TEST(SemC50, a_shield_runs_to_its_end_and_the_next_checkpoint_throws) {
    Lines lines;
    const auto body = [](Lines& out) -> Task<int> {
        const int value = co_await shield(value_after(10ms, 5));
        out.push_back("shielded value " + std::to_string(value));
        try {
            co_await sleep(0s);
        } catch (const Cancelled&) {
            out.push_back("cancelled after");
            throw;
        }
        co_return value;
    };
    auto handle = create_task(body(lines));
    co_await sleep(1ms);
    const auto start = this_loop().time();
    handle.cancel();
    auto end = co_await handle.join();

    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(this_loop().time() - start, 9ms);
    EXPECT_EQ(lines, (Lines{"shielded value 5", "cancelled after"}));
}

ASYNC_TEST(SemC50, a_group_opened_inside_a_shield_is_not_reached) {
    int finished = 0;
    const auto child = [](int& count) -> Task<void> {
        co_await sleep(5ms);
        ++count;
    };
    const auto spawner = [](TaskGroup& group, auto fn, int& count) -> Task<void> {
        group.create_task(fn(count));
        group.create_task(fn(count));
        co_return;
    };
    auto handle = create_task(shield(with_task_group(spawner, child, std::ref(finished))));
    co_await sleep(1ms);
    handle.cancel();
    co_await handle.join();

    EXPECT_EQ(finished, 2);
}

ASYNC_TEST(SemC51, a_shield_inside_a_timeout_inside_a_shield_keeps_its_own_deadline) {
    // The inner deadline lies inside the outer shield: it works, the cancel from outside does not.
    const auto body = []() -> Task<bool> {
        const std::optional<int> late = co_await move_on_after(5ms, value_after(1h, 1));
        co_return late.has_value();
    };
    auto handle = create_task(shield(body()));
    co_await sleep(1ms);
    handle.cancel();
    const auto start = this_loop().time();
    auto end = co_await handle.join();

    TANDEM_CO_ASSERT_TRUE(end.has_value());
    EXPECT_FALSE(end.value());
    EXPECT_EQ(this_loop().time() - start, 4ms);
}

ASYNC_TEST(SemC53, cleanup_runs_after_success_failure_and_cancel) {
    Lines lines;
    const auto cleanup = [](Lines& out, std::string name) -> Task<void> {
        co_await sleep(2ms);
        out.push_back("clean " + name);
    };
    const auto fails = []() -> Task<int> {
        co_await sleep(1ms);
        throw std::domain_error("body");
    };
    const int value = co_await with_finally(value_after(1ms, 3), cleanup(lines, "value"));
    std::string what;
    try {
        co_await with_finally(fails(), cleanup(lines, "error"));
    } catch (const std::domain_error& error) {
        what = error.what();
    }
    auto handle = create_task(with_finally(value_after(1h, 0), cleanup(lines, "cancel")));
    co_await sleep(1ms);
    handle.cancel();
    auto end = co_await handle.join();

    EXPECT_EQ(value, 3);
    EXPECT_EQ(what, "body");
    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lines, (Lines{"clean value", "clean error", "clean cancel"}));
}

ASYNC_TEST(SemC53, a_cleanup_that_outstays_its_grace_is_cancelled_and_reported) {
    Lines reports;
    this_loop().set_exception_handler(
        [&](EventLoop&, const ErrorContext& context) { reports.push_back(context.message); });
    const auto start = this_loop().time();
    auto handle = create_task(with_finally(value_after(1h, 0), sleeper(1h), 20ms));
    co_await sleep(1ms);
    handle.cancel();
    auto end = co_await handle.join();

    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(this_loop().time() - start, 21ms);
    TANDEM_CO_ASSERT_EQ(reports.size(), 1U);
    EXPECT_NE(reports[0].find("cleanup timed out"), std::string::npos);
}

ASYNC_TEST(SemC53, the_cleanups_error_is_thrown_if_the_body_succeeded) {
    const auto bad = []() -> Task<void> {
        co_await sleep(1ms);
        throw std::domain_error("cleanup");
    };
    std::string what;
    try {
        co_await with_finally(value_after(1ms, 1), bad());
    } catch (const std::domain_error& error) {
        what = error.what();
    }

    EXPECT_EQ(what, "cleanup");
}
