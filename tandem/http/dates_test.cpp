#include <tandem/http/dates.hpp>

#include <tandem/http/headers.hpp>
#include <tandem/http/retry_after.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

constexpr sys_seconds example = sys_days(std::chrono::year(1994) / 11 / 6) + 8h + 49min + 37s;

TEST(HttpH19, the_three_forms_of_a_date_mean_the_same) {
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), example);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), example);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), example);
    EXPECT_EQ(parse_http_date("Sun Nov 16 08:49:37 1994"), example + 240h);
}

TEST(HttpH19, a_two_digit_year_is_at_most_50_years_after_now) {
    const auto in = [](int year) { return sys_seconds(sys_days(std::chrono::year(year) / 7 / 1)); };
    const auto year_of = [](std::optional<sys_seconds> time) {
        return static_cast<int>(
            std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*time)).year());
    };
    EXPECT_EQ(year_of(parse_http_date("Sunday, 06-Nov-75 08:49:37 GMT", in(2025))), 2075);
    EXPECT_EQ(year_of(parse_http_date("Sunday, 06-Nov-76 08:49:37 GMT", in(2025))), 1976);
    EXPECT_EQ(year_of(parse_http_date("Sunday, 06-Nov-30 08:49:37 GMT")), 2030);
}

TEST(HttpH19, rubbish_is_no_date) {
    for (const std::string_view text :
         {"", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
          "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
          "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
          " Sun, 06 Nov 1994 08:49:37 GMT", "Xun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT",
          "Sun, 06 Nov 1994 08:49:3: GMT", "Sun Nov   6 08:49:37 1994", "Sun Nov  6 08:49:37 19945", "120",
          ", 06 Nov 1994 08:49:37 GMT"})
        EXPECT_EQ(parse_http_date(text), std::nullopt) << text;
}

TEST(HttpH19, a_date_that_is_written_reads_back) {
    EXPECT_EQ(format_http_date(example), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(format_http_date(sys_seconds(0s)), "Thu, 01 Jan 1970 00:00:00 GMT");
    for (auto time = sys_seconds(-100'000'000'000s) + 60'000'000'000s; time < sys_seconds(100'000'000'000s);
         time += 1'234'567s * 7)
        ASSERT_EQ(parse_http_date(format_http_date(time)), time);
    EXPECT_THROW((void)format_http_date(sys_seconds(400'000'000'000s)), std::invalid_argument);
}

TEST(HttpH72, retry_after_in_seconds) {
    EXPECT_EQ(parse_retry_after("0", std::nullopt), 0s);
    EXPECT_EQ(parse_retry_after("120", std::nullopt), 120s);
    EXPECT_EQ(parse_retry_after("99999999999999999999999999", std::nullopt), std::chrono::years(100));
    for (const std::string_view text : {"", "-1", "+1", "1.5", "1s", "0x10", "soon", " 1"})
        EXPECT_EQ(parse_retry_after(text, example), std::nullopt) << text;
}

TEST(HttpH72, a_retry_after_date_is_measured_against_the_response_date) {
    const auto now = example + 1h;  // a clock that differs from the server's
    EXPECT_EQ(retry_after({{"Date", "Sun, 06 Nov 1994 08:49:37 GMT"},
                           {"Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT"}},
                          now),
              60s);
    EXPECT_EQ(retry_after({{"Retry-After", "Sun, 06 Nov 1994 09:50:37 GMT"}}, now), 60s);
    EXPECT_EQ(retry_after({{"Date", "rubbish"}, {"Retry-After", "Sun, 06 Nov 1994 08:50:37 GMT"}}, now), 0s);
    EXPECT_EQ(retry_after({{"Date", "rubbish"}}, now), std::nullopt);
}

}  // namespace
}  // namespace tandem::http
