#include <cli/units.hpp>

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace tandem::cli {
namespace {

TEST(FetchC1, durations_have_units_and_a_bare_number_means_seconds) {
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("10s"), 10s);
    EXPECT_EQ(parse_duration("2m"), 2min);
    EXPECT_EQ(parse_duration("1h"), 1h);
    EXPECT_EQ(parse_duration("10"), 10s);
    EXPECT_EQ(parse_duration("1.5s"), 1500ms);
    EXPECT_EQ(parse_duration("0.25"), 250ms);
}

TEST(FetchC1, what_only_looks_like_a_duration_is_refused) {
    for (const auto* text : {"", "s", "-1s", "+1s", "1 s", "1x", "1e3", "1.", ".5s", "1ms2", "99999999999h",
                             "18446744073709551616s", "inf", "0x10"})
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(FetchC1, sizes_are_powers_of_1024_as_in_curl) {
    EXPECT_EQ(parse_size("300"), 300U);
    EXPECT_EQ(parse_size("64K"), 65536U);
    EXPECT_EQ(parse_size("10m"), 10U << 20);
    EXPECT_EQ(parse_size("1.5G"), std::uint64_t{3} << 29);
    EXPECT_EQ(parse_size("8G"), std::uint64_t{8} << 30);
    EXPECT_EQ(parse_size("0"), 0U);
}

TEST(FetchC1, sizes_that_do_not_fit_or_make_no_sense_are_refused) {
    for (const auto* text : {"", "K", "1KB", "1.5", "-1", "9000P", "99999999999999999999", "1 K", "1Z"})
        EXPECT_EQ(parse_size(text), std::nullopt) << text;
}

TEST(FetchC1, rates_are_a_count_and_a_unit) {
    EXPECT_EQ(parse_rate("5/s"), (Rate{5, 1s}));
    EXPECT_EQ(parse_rate("300/m"), (Rate{300, 1min}));
    EXPECT_EQ(parse_rate("10000/h"), (Rate{10000, 1h}));
    for (const auto* text : {"", "5", "/s", "0/s", "5/", "5/x", "-5/s", "5/ss", "1.5/s"})
        EXPECT_EQ(parse_rate(text), std::nullopt) << text;
}

TEST(StatusSet, ranges_and_single_codes_are_members_and_their_neighbours_are_not) {
    const auto set = StatusSet::parse("200-299,404, 410");
    ASSERT_TRUE(set);
    for (const int in : {200, 250, 299, 404, 410}) EXPECT_TRUE(set->contains(in)) << in;
    for (const int out : {199, 300, 403, 405, 409, 411}) EXPECT_FALSE(set->contains(out)) << out;
}

TEST(StatusSet, the_same_codes_written_differently_are_equal) {
    EXPECT_EQ(StatusSet::parse("200-299,300-399"), StatusSet::parse("300-399,200-350"));
}

TEST(StatusSet, removing_from_the_middle_of_a_range_splits_it) {
    auto set = *StatusSet::parse("500-504");
    set.remove(502, 502);
    EXPECT_TRUE(set.contains(501));
    EXPECT_FALSE(set.contains(502));
    EXPECT_TRUE(set.contains(503));
}

TEST(StatusSet, what_is_no_list_of_statuses_is_refused) {
    for (const auto* text : {"", "99", "600", "300-200", "2xx", "200,", "200-", "-200"})
        EXPECT_FALSE(StatusSet::parse(text)) << text;
}

}  // namespace
}  // namespace tandem::cli
