#include <cli/summary.hpp>

#include <gtest/gtest.h>

#include <algorithm>

using namespace std::chrono_literals;

namespace tandem::cli {
namespace {

Record failure(ErrorCode code, std::string url, std::optional<int> status = {}) {
    Record record;
    record.outcome = Outcome::failed;
    record.url = std::move(url);
    record.status = status;
    record.error = RecordError{code, "it went wrong", {}, false};
    return record;
}

Record success() {
    Record record;
    record.bytes = ByteCounts{};
    record.bytes->body = 1000;
    return record;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(FetchF1_4, counts_by_outcome_then_failures_by_code_and_lane_largest_first) {
    Summary summary;
    for (int i = 0; i < 1234; ++i) summary.add(success(), "http://a:80");
    summary.add(failure(ErrorCode::connect_refused, "http://b/1"), "http://b:80");
    for (int i = 0; i < 3; ++i)
        summary.add(failure(ErrorCode::status, "http://u:canary@c/" + std::to_string(i), 404), "http://c:80");
    summary.add(failure(ErrorCode::status, "http://c/x", 503), "http://c:80");

    const auto text = summary.text({2s, "my report.jsonl", false});
    EXPECT_TRUE(text.starts_with("fetch: 1,234 ok, 5 failed in 2.0 s, 1.2 MB, 617.0 kB/s\n")) << text;
    EXPECT_TRUE(has(text, "3  status 404  http://c:80\n          e.g. http://c/0\n")) << text;
    EXPECT_TRUE(has(text, "1  status 503  http://c:80")) << text;
    EXPECT_LT(text.find("status 404"), text.find("connect_refused"));
    EXPECT_TRUE(has(text, "tandem fetch --retry-failed 'my report.jsonl'")) << text;
    EXPECT_FALSE(has(text, "canary"));
    EXPECT_EQ(summary.exit_code(), 4);
}

TEST(FetchF1_4, without_failures_there_is_nothing_to_retry) {
    Summary summary;
    summary.add(success(), "http://a:80");
    const auto text = summary.text({1s, "r.jsonl", false});
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    EXPECT_EQ(summary.exit_code(), 0);
}

TEST(FetchF1_4, without_a_report_the_hint_says_how_to_have_one) {
    Summary summary;
    summary.add(failure(ErrorCode::reset, "http://a/"), "http://a:80");
    EXPECT_TRUE(has(summary.text({1s, std::nullopt, false}), "--report FILE"));
}

TEST(FetchF1_4, a_million_lanes_are_a_thousand_groups_and_others) {
    Summary summary;
    for (int i = 0; i < 5000; ++i)
        summary.add(failure(ErrorCode::reset, "http://h/"), "http://h" + std::to_string(i) + ":80");
    const auto text = summary.text({1s, "r", false});
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 10 * 3 + 1 + 1);
    EXPECT_TRUE(has(text, "4,990  others")) << text;
}

TEST(FetchF7_8, what_a_server_says_is_escaped_in_the_summary) {
    Summary summary;
    auto record = failure(ErrorCode::bad_response, "http://a/\x1b[2J");
    record.error->message = "the server said \x1b]0;owned\x07\n";
    summary.add(record, "http://a:80");
    const auto text = summary.text({1s, "r\x1b.jsonl", false});
    EXPECT_FALSE(has(text, "\x1b")) << text;
    EXPECT_FALSE(has(text, "\x07"));
}

}  // namespace
}  // namespace tandem::cli
