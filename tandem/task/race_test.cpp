#include <tandem/task/race.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

using tandem::testing::value_after;

Task<int> fails_after(Duration delay, std::string what) {
    co_await sleep(delay);
    throw std::runtime_error(what);
}
Task<std::string> text_after(Duration delay, std::string text) {
    co_await sleep(delay);
    co_return text;
}
Task<int> value_at_once(int value, Lines& lines) {
    lines.push_back("arm " + std::to_string(value));
    co_return value;
}
Task<int> cleans_up_for(Duration delay, Lines& lines) {
    co_return co_await with_finally(value_after(1h, 0), [](Duration d, Lines& out) -> Task<void> {
        co_await sleep(d);
        out.push_back("cleaned up");
    }(delay, lines));
}
/// Lets a cancel pass and ends with its value all the same.
Task<std::unique_ptr<int>> stubborn(int value, Duration delay) {
    try {
        co_await sleep(delay);
    } catch (const Cancelled&) {
    }
    co_return std::make_unique<int>(value);
}

struct Reports {
    Reports() {
        this_loop().set_exception_handler(
            [this](EventLoop&, const ErrorContext& context) { seen.push_back(context); });
    }
    ~Reports() { this_loop().set_exception_handler(nullptr); }
    std::vector<ErrorContext> seen;
};

}  // namespace

ASYNC_TEST(SemG25, the_first_to_finish_decides_and_the_losers_have_ended_when_it_returns) {
    Lines lines;
    const auto start = this_loop().time();
    auto result = co_await race(cleans_up_for(30ms, lines), value_after(10ms, 7), value_after(20ms, 8));

    EXPECT_EQ(result.index, 1U);
    EXPECT_EQ(result.value, 7);
    EXPECT_EQ(this_loop().time() - start, 40ms);
    EXPECT_EQ(lines, Lines{"cleaned up"});
}

ASYNC_TEST(SemG25, an_error_decides_as_a_value_does) {
    std::string what;
    try {
        co_await race(value_after(20ms, 1), fails_after(10ms, "first"));
    } catch (const std::runtime_error& error) {
        what = error.what();
    }

    EXPECT_EQ(what, "first");
}

ASYNC_TEST(SemG25, arms_of_different_types_give_a_variant_and_any_awaitable_may_be_an_arm) {
    auto result = co_await race(text_after(10ms, "ten"), value_after(20ms, 20), sleep(5ms));
    auto handle = create_task(value_after(1ms, 4));
    auto of_handle = co_await race(handle, value_after(1h, 5));

    EXPECT_EQ(result.index, 2U);
    EXPECT_EQ(result.value.index(), 2U);
    EXPECT_EQ(of_handle.value, 4);
}

ASYNC_TEST(SemG25, a_cancelled_caller_ends_when_every_arm_has) {
    Lines lines;
    auto racing = create_task(race(cleans_up_for(30ms, lines), value_after(1h, 1)));
    co_await sleep(1ms);
    racing.cancel();
    const auto start = this_loop().time();
    co_await racing.join();

    EXPECT_TRUE(racing.cancelled());
    EXPECT_EQ(this_loop().time() - start, 30ms);
    EXPECT_EQ(lines, Lines{"cleaned up"});
}

ASYNC_TEST(SemG1, a_handle_given_to_a_race_is_cancelled_and_joined_with_the_losers) {
    const Reports reports;
    auto loser = create_task(value_after(1h, 1));
    auto result = co_await race(loser, value_after(1ms, 2));

    EXPECT_EQ(result.value, 2);
    EXPECT_TRUE(loser.cancelled());
    EXPECT_TRUE(reports.seen.empty());
}

ASYNC_TEST(SemG1, a_gather_of_a_handle_that_is_cancelled_ends_cancelled_and_not_failed) {
    auto child = create_task(value_after(1h, 1));
    auto gathering = create_task(gather(child, value_after(1h, 2)));
    co_await sleep(1ms);
    gathering.cancel();
    co_await gathering.join();

    EXPECT_TRUE(gathering.cancelled());
    EXPECT_TRUE(child.cancelled());
}

ASYNC_TEST(SemG2, a_race_or_a_wait_of_nothing_is_refused) {
    std::vector<std::string> messages;
    std::vector<Task<int>> none;
    try {
        co_await race(std::move(none));
    } catch (const std::invalid_argument& error) {
        messages.push_back(error.what());
    }
    std::vector<std::function<Task<int>()>> no_arms;
    try {
        co_await staggered_race(std::move(no_arms), 1s);
    } catch (const std::invalid_argument& error) {
        messages.push_back(error.what());
    }

    TANDEM_CO_ASSERT_EQ(messages.size(), 2U);
    EXPECT_NE(messages[0].find("at least one task"), std::string::npos);
}

ASYNC_TEST(SemG26, the_first_success_decides) {
    const Reports reports;
    auto result = co_await any_of(fails_after(1ms, "a"), value_after(30ms, 3), value_after(20ms, 2));

    EXPECT_EQ(result.index, 2U);
    EXPECT_EQ(result.value, 2);
    TANDEM_CO_ASSERT_EQ(reports.seen.size(), 1U);
    EXPECT_EQ(reports.seen[0].severity, Severity::suppressed);
}

ASYNC_TEST(SemG26, if_all_fail_the_group_has_every_error_in_argument_order) {
    std::vector<std::string> whats;
    try {
        co_await any_of(fails_after(30ms, "a"), fails_after(10ms, "b"), fails_after(20ms, "c"));
    } catch (const ExceptionGroup& group) {
        for (const auto& error : group.exceptions()) whats.push_back(describe(error));
    }

    TANDEM_CO_ASSERT_EQ(whats.size(), 3U);
    EXPECT_EQ(whats, (Lines{"std::runtime_error: a", "std::runtime_error: b", "std::runtime_error: c"}));
}

ASYNC_TEST(SemG27, an_arm_that_ends_in_its_first_step_keeps_later_ones_from_starting) {
    Lines lines;
    auto result = co_await race(value_at_once(1, lines), value_at_once(2, lines), value_at_once(3, lines));

    EXPECT_EQ(result.value, 1);
    EXPECT_EQ(lines, Lines{"arm 1"});
}

ASYNC_TEST(SemG27, shuffled_every_arm_is_first_at_times_and_a_seed_repeats_it) {
    std::vector<int> wins(3);
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        Lines lines;
        auto first = co_await race(RaceOptions().shuffle(seed), value_at_once(0, lines),
                                   value_at_once(1, lines), value_at_once(2, lines));
        auto again = co_await race(RaceOptions().shuffle(seed), value_at_once(0, lines),
                                   value_at_once(1, lines), value_at_once(2, lines));
        EXPECT_EQ(first.index, again.index);
        EXPECT_EQ(first.value, static_cast<int>(first.index));
        ++wins[first.index];
    }

    for (const int count : wins) EXPECT_GT(count, 5);
}

ASYNC_TEST(SemG28, a_late_value_goes_to_on_late_and_a_losers_error_is_suppressed) {
    const Reports reports;
    const auto fails_when_cancelled = []() -> Task<std::unique_ptr<int>> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
        }
        throw std::runtime_error("while being cancelled");
    };
    std::vector<std::string> late;
    const auto keep = [&late](std::size_t index, std::unique_ptr<int> value) {
        late.push_back(std::to_string(index) + ":" + std::to_string(*value));
    };
    auto options = RaceOptions().on_late(keep);
    auto result = co_await race(options, stubborn(10, 1h), stubborn(20, 1ms), fails_when_cancelled());

    EXPECT_EQ(*result.value, 20);
    EXPECT_EQ(late, Lines{"0:10"});
    TANDEM_CO_ASSERT_EQ(reports.seen.size(), 1U);
    EXPECT_EQ(reports.seen[0].severity, Severity::suppressed);
    EXPECT_NE(describe(reports.seen[0].exception).find("while being cancelled"), std::string::npos);
}

ASYNC_TEST(SemG28, a_value_that_came_in_spite_of_the_callers_cancel_is_delivered) {
    auto racing = create_task(race(stubborn(10, 1h), stubborn(20, 1h)));
    co_await sleep(1ms);
    racing.cancel();
    co_await racing.join();

    EXPECT_TRUE(racing.successful());
}

namespace {

using Arm = std::function<Task<int>()>;

Arm logged(Lines& lines, int number, Duration delay, bool fails) {
    return [&lines, number, delay, fails]() -> Task<int> {
        const auto tenths = this_loop().time().time_since_epoch() / 100ms;
        static std::int64_t base = 0;
        if (number == 0) base = tenths;
        lines.push_back(std::to_string(number) + "@" + std::to_string(tenths - base));
        if (fails) return fails_after(delay, "arm " + std::to_string(number));
        return value_after(delay, number);
    };
}

}  // namespace

ASYNC_TEST(SemG29, the_next_arm_starts_after_the_delay_or_a_failure_and_the_first_success_wins) {
    const Reports reports;
    Lines lines;
    std::vector<Arm> arms;
    arms.push_back(logged(lines, 0, 10s, false));   // slow: the next one starts after 300 ms
    arms.push_back(logged(lines, 1, 100ms, true));  // fails: the next one starts at once
    arms.push_back(logged(lines, 2, 200ms, false));
    arms.push_back(logged(lines, 3, 1ms, false));  // never started
    const auto start = this_loop().time();
    auto result = co_await staggered_race(std::move(arms), 300ms);

    EXPECT_EQ(result.index, 2U);
    EXPECT_EQ(this_loop().time() - start, 600ms);
    EXPECT_EQ(lines, (Lines{"0@0", "1@3", "2@4"}));
}

ASYNC_TEST(SemG29, only_failures_give_a_group_and_without_a_delay_only_failures_start_the_next) {
    Lines lines;
    std::vector<Arm> arms;
    arms.push_back(logged(lines, 0, 200ms, true));
    arms.push_back(logged(lines, 1, 100ms, true));
    std::string text;
    try {
        co_await staggered_race(std::move(arms), Deadline());
    } catch (const ExceptionGroup& group) {
        text = group.what();
    }

    EXPECT_EQ(lines, (Lines{"0@0", "1@2"}));
    EXPECT_EQ(
        text,
        "none of them succeeded (2 failures)\n  std::runtime_error: arm 0\n  std::runtime_error: arm 1");
}

ASYNC_TEST(SemGt10, eager_arms_and_a_delay_of_zero_start_no_more_arms_than_needed) {
    Lines lines;
    std::vector<Arm> arms;
    arms.push_back(logged(lines, 0, 0ms, true));
    arms.push_back([&lines]() -> Task<int> { return value_at_once(1, lines); });
    arms.push_back(logged(lines, 2, 1h, false));
    auto result = co_await staggered_race(std::move(arms), 0s);

    EXPECT_EQ(result.index, 1U);
    EXPECT_EQ(lines, (Lines{"0@0", "arm 1"}));
}

ASYNC_TEST(SemGt10, a_cancelled_staggered_race_starts_no_further_arm) {
    Lines lines;
    std::vector<Arm> arms;
    arms.push_back(logged(lines, 0, 1h, false));
    arms.push_back(logged(lines, 1, 1h, false));
    auto racing = create_task(staggered_race(std::move(arms), 10s));
    co_await sleep(1s);
    racing.cancel();
    co_await racing.join();

    EXPECT_TRUE(racing.cancelled());
    EXPECT_EQ(lines, Lines{"0@0"});
}
