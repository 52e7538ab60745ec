// The small values of the lowest room: time, bytes, functions, errors, outcomes.
#include <tandem/base/bytes.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/base/outcome.hpp>
#include <tandem/base/time.hpp>
#include <tandem/base/unique_function.hpp>

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Seconds = std::chrono::duration<double>;

struct Counted {
    explicit Counted(int& l) : live(&l) { ++l; }
    Counted(Counted&& other) noexcept : live(other.live) { ++*live; }
    Counted(const Counted& other) : live(other.live) { ++*live; }
    ~Counted() { --*live; }
    int* live;
};

template <class E>
std::exception_ptr error(const char* text) {
    return std::make_exception_ptr(E(text));
}

}  // namespace

TEST(Time, huge_and_infinite_durations_are_clamped_and_nan_is_refused) {
    constexpr auto infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(to_duration(Seconds(infinity)), Duration::max());
    EXPECT_EQ(to_duration(Seconds(-infinity)), Duration::min());
    EXPECT_EQ(to_duration(Seconds(1e30)), Duration::max());
    EXPECT_EQ(to_duration(std::chrono::hours::max()), Duration::max());
    EXPECT_EQ(to_duration(std::chrono::hours::min()), Duration::min());
    EXPECT_EQ(to_duration(Seconds(1.5)), 1500ms);
    EXPECT_THROW(to_duration(Seconds(std::numeric_limits<double>::quiet_NaN())), std::invalid_argument);
}

TEST(Time, adding_clamps_instead_of_overflowing) {
    EXPECT_EQ(saturating_add(TimePoint(1ns), Duration::max()), TimePoint::max());
    EXPECT_EQ(saturating_add(TimePoint(-2ns), Duration::min()), TimePoint::min());
    EXPECT_EQ(saturating_add(TimePoint(5ns), -7ns), TimePoint(-2ns));
    EXPECT_EQ(saturating_add(TimePoint::max(), 0ns), TimePoint::max());
}

TEST(Time, a_deadline_is_a_span_a_point_or_never) {
    const TimePoint now(10s);
    EXPECT_EQ(Deadline(2s).resolve(now), TimePoint(12s));
    EXPECT_EQ(Deadline(TimePoint(3s)).resolve(now), TimePoint(3s));
    EXPECT_EQ(Deadline().resolve(now), TimePoint::max());
    EXPECT_TRUE(Deadline(std::optional<Duration>()).never());
    EXPECT_EQ(Deadline(std::optional<Duration>(1s)).resolve(now), TimePoint(11s));
    EXPECT_TRUE(Deadline(0s).leaves_no_time());
    EXPECT_TRUE(Deadline(-1ns).leaves_no_time());
    EXPECT_FALSE(Deadline(1ns).leaves_no_time());
    EXPECT_FALSE(Deadline(TimePoint::min()).leaves_no_time());
    EXPECT_FALSE(Deadline().leaves_no_time());
}

TEST(UniqueFunction, small_and_large_callables_move_and_are_destroyed_once) {
    int live = 0;
    for (const bool large : {false, true}) {
        UniqueFunction<int(int)> fn;
        EXPECT_FALSE(static_cast<bool>(fn));
        if (large)
            fn = [counted = Counted(live), room = std::array<char, 200>{}](int x) {
                return x + static_cast<int>(room.size());
            };
        else
            fn = [counted = Counted(live)](int x) { return x + 1; };
        EXPECT_EQ(live, 1);
        UniqueFunction<int(int)> moved = std::move(fn);
        EXPECT_FALSE(static_cast<bool>(fn));
        EXPECT_EQ(moved(1), large ? 201 : 2);
        auto& same = moved;
        moved = std::move(same);
        EXPECT_EQ(live, 1);
        moved = nullptr;
        EXPECT_EQ(live, 0);
    }
}

TEST(UniqueFunction, takes_move_only_arguments_and_keeps_a_throwing_move_on_the_heap) {
    struct Throws {
        Throws() = default;
        Throws(Throws&&) noexcept(false) {}
        int operator()(std::unique_ptr<int> box) { return *box; }
    };
    UniqueFunction<int(std::unique_ptr<int>)> fn = Throws();
    auto moved = std::move(fn);
    EXPECT_EQ(moved(std::make_unique<int>(4)), 4);
}

TEST(Bytes, views_every_kind_of_byte_range) {
    const std::string text = "text";
    const std::vector<std::byte> raw{std::byte{1}, std::byte{2}};
    const std::array<unsigned char, 3> plain{1, 2, 3};
    EXPECT_EQ(Bytes("literal").size(), 7U);
    EXPECT_EQ(Bytes(text).text(), "text");
    EXPECT_EQ(Bytes(raw).size(), 2U);
    EXPECT_EQ(Bytes(plain).skip(2).size(), 1U);
    std::string room(8, ' ');
    EXPECT_EQ(MutableBytes(room).first(100).size(), 8U);
    EXPECT_EQ(MutableBytes(room).first(3).skip(3).size(), 0U);
    EXPECT_TRUE(Bytes().empty());
}

TEST(SemW1, the_three_signals_are_no_std_exceptions) {
    static_assert(!std::is_base_of_v<std::exception, Cancelled>);
    static_assert(!std::is_base_of_v<std::exception, Interrupted>);
    static_assert(!std::is_base_of_v<std::exception, SystemExit>);
    static_assert(!std::is_default_constructible_v<Cancelled>);
    try {
        exit_with(4);
    } catch (const std::exception&) {
        FAIL();
    } catch (const SystemExit& request) {
        EXPECT_EQ(request.code(), 4);
    }
}

TEST(ExceptionGroup, splits_through_nested_groups_and_keeps_the_objects) {
    const auto range = error<std::out_of_range>("range");
    const auto inner =
        std::make_exception_ptr(ExceptionGroup("inner", {error<std::domain_error>("domain"), range}));
    const ExceptionGroup group("outer", {error<std::runtime_error>("runtime"), inner});
    EXPECT_NE(std::string(group.what()).find("outer (2 failures)"), std::string::npos);

    auto [logic, rest] = group.split<std::logic_error>();
    ASSERT_TRUE(logic && rest);
    ASSERT_EQ(logic->exceptions().size(), 1U);
    EXPECT_EQ(rest->exceptions().size(), 1U);
    auto [ranges, others] = group.split<std::out_of_range>();
    ASSERT_TRUE(ranges && others);
    try {
        std::rethrow_exception(ranges->exceptions()[0]);
    } catch (const ExceptionGroup& nested) {
        ASSERT_EQ(nested.exceptions().size(), 1U);
        EXPECT_EQ(nested.exceptions()[0], range);
    }
    auto [none, all] = group.split<std::bad_alloc>();
    EXPECT_FALSE(none);
    EXPECT_EQ(all->exceptions().size(), 2U);
}

TEST(Describe, names_the_type_of_whatever_was_thrown) {
    EXPECT_EQ(describe(error<std::out_of_range>("far")), "std::out_of_range: far");
    EXPECT_EQ(describe(std::make_exception_ptr(SystemExit(3))), "tandem::SystemExit: 3");
    EXPECT_EQ(describe(std::make_exception_ptr(Interrupted())), "tandem::Interrupted");
    EXPECT_EQ(describe(std::make_exception_ptr(5)), "an exception of type int");
    EXPECT_EQ(describe(nullptr), "no error");
}

TEST(SemW6, an_outcome_is_exactly_one_of_value_error_cancelled) {
    int target = 1;
    Outcome<std::unique_ptr<int>> value(std::in_place, std::make_unique<int>(6));
    Outcome<int> failed(Error(error<std::domain_error>("bad")));
    Outcome<void> cancelled(TaskCancelled("Task-1", "why"));
    Outcome<int&> reference(std::in_place, &target);
    EXPECT_TRUE(value.has_value() && !value.has_error() && !value.cancelled());
    EXPECT_EQ(*std::move(value).value(), 6);
    EXPECT_EQ(value.exception(), nullptr);
    EXPECT_THROW(failed.value(), std::domain_error);
    EXPECT_TRUE(failed.error().is<std::logic_error>());
    EXPECT_EQ(failed.error().what(), "bad");
    EXPECT_FALSE(failed.error().code());
    EXPECT_THROW(cancelled.value(), TaskCancelled);
    EXPECT_EQ(&reference.value(), &target);
    EXPECT_EQ(&std::move(reference).value(), &target);
    EXPECT_EQ(Error(std::make_exception_ptr(TimeoutError("late"))).code(), std::errc::timed_out);
}
