#include <cli/retry.hpp>

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace tandem::cli {
namespace {

double lowest() { return 0; }
double highest() { return 0.999999999; }

FailedTry failed(ErrorCode code, std::optional<int> status = {}, std::string_view method = "GET") {
    FailedTry result;
    result.code = code;
    result.status = status;
    result.method = method;
    return result;
}

bool again(const FailedTry& result, const FetchOptions& options = {}) {
    return decide_retry(options, result, lowest).again;
}

TEST(FetchF4_6, network_trouble_and_passing_statuses_are_tried_again) {
    for (const auto code :
         {ErrorCode::dns_failed, ErrorCode::connect_refused, ErrorCode::reset, ErrorCode::no_response,
          ErrorCode::incomplete_body, ErrorCode::timeout_stall, ErrorCode::tls_truncated})
        EXPECT_TRUE(again(failed(code))) << name_of(code);
    for (const int status : {408, 425, 429, 500, 502, 503, 504, 520, 524})
        EXPECT_TRUE(again(failed(ErrorCode::status, status))) << status;
}

TEST(FetchF4_6, certificates_other_statuses_limits_and_framing_never_are) {
    for (const auto code :
         {ErrorCode::tls_certificate, ErrorCode::tls_pin, ErrorCode::bad_framing, ErrorCode::bad_chunk,
          ErrorCode::body_too_large, ErrorCode::disk_full, ErrorCode::url_invalid, ErrorCode::stopped,
          ErrorCode::host_unavailable, ErrorCode::too_many_redirects})
        EXPECT_FALSE(again(failed(code))) << name_of(code);
    for (const int status : {400, 404, 410, 501, 505, 519, 525})
        EXPECT_FALSE(again(failed(ErrorCode::status, status))) << status;
    EXPECT_FALSE(again(failed(ErrorCode::unauthorized, 401)));
}

TEST(FetchF4_6, a_post_is_repeated_only_where_it_cannot_have_acted) {
    EXPECT_FALSE(again(failed(ErrorCode::reset, {}, "POST")));
    EXPECT_FALSE(again(failed(ErrorCode::status, 500, "POST")));
    EXPECT_TRUE(again(failed(ErrorCode::status, 503, "POST")));
    EXPECT_TRUE(again(failed(ErrorCode::status, 429, "PATCH")));
    auto refused = failed(ErrorCode::connect_refused, {}, "POST");
    refused.nothing_sent = true;
    EXPECT_TRUE(again(refused));
    FetchOptions unsafe;
    unsafe.retry_unsafe = true;
    EXPECT_TRUE(again(failed(ErrorCode::reset, {}, "POST"), unsafe));
}

TEST(FetchF4_6, four_retries_make_five_tries) {
    auto result = failed(ErrorCode::reset);
    result.tries_so_far = 4;
    EXPECT_TRUE(again(result));
    result.tries_so_far = 5;
    EXPECT_FALSE(again(result));
    EXPECT_EQ(decide_retry({}, result, lowest).final_code, ErrorCode::reset);
}

TEST(FetchF4_6, all_errors_means_all_but_local_ones) {
    FetchOptions options;
    options.retry_all_errors = true;
    EXPECT_TRUE(again(failed(ErrorCode::status, 404), options));
    EXPECT_TRUE(again(failed(ErrorCode::tls_certificate), options));
    EXPECT_FALSE(again(failed(ErrorCode::disk_full), options));
    EXPECT_FALSE(again(failed(ErrorCode::stopped), options));
}

TEST(FetchF4_6, the_wait_is_spread_from_100_ms_to_a_ceiling_that_doubles_to_a_minute) {
    EXPECT_EQ(backoff(500ms, 60s, 0, lowest), 100ms);
    EXPECT_EQ(backoff(500ms, 60s, 0, highest), 500ms);
    EXPECT_EQ(backoff(500ms, 60s, 1, highest), 1000ms);
    EXPECT_EQ(backoff(500ms, 60s, 6, highest), 32s);
    EXPECT_EQ(backoff(500ms, 60s, 7, highest), 60s);
    EXPECT_EQ(backoff(500ms, 60s, 1'000'000, highest), 60s);
    EXPECT_EQ(backoff(50ms, 60s, 0, lowest), 50ms);
    EXPECT_EQ(backoff(0ms, 60s, 9, highest), 0ms);
}

TEST(FetchF4_4, retry_after_beats_the_backoff_and_gets_at_most_five_seconds_more) {
    auto result = failed(ErrorCode::status, 503);
    result.retry_after = 2s;
    auto decision = decide_retry({}, result, lowest);
    EXPECT_TRUE(decision.again);
    EXPECT_EQ(decision.reason, WaitReason::retry_after);
    EXPECT_EQ(decision.wait, 2s);
    EXPECT_EQ(decide_retry({}, result, highest).wait, 2200ms);
    EXPECT_EQ(with_jitter(300s, highest), 305s);
}

TEST(FetchF4_4, retry_after_above_the_maximum_ends_the_entry_even_with_tries_left) {
    auto result = failed(ErrorCode::status, 429);
    result.retry_after = 601s;
    const auto decision = decide_retry({}, result, lowest);
    EXPECT_FALSE(decision.again);
    EXPECT_EQ(decision.final_code, ErrorCode::retry_after_too_long);
    result.retry_after = 600s;
    EXPECT_TRUE(again(result));
}

TEST(FetchF4_4, retry_after_on_another_status_is_not_heeded) {
    auto result = failed(ErrorCode::status, 500);
    result.retry_after = 3600s;
    const auto decision = decide_retry({}, result, lowest);
    EXPECT_TRUE(decision.again);
    EXPECT_EQ(decision.reason, WaitReason::backoff);
}

TEST(FetchF4_6, no_wait_ends_behind_a_limit_of_time) {
    auto result = failed(ErrorCode::reset);
    result.since_first_try = 9950ms;
    FetchOptions options;
    options.retry_max_time = 10s;
    EXPECT_FALSE(again(result, options));
    options.retry_max_time = 11s;
    EXPECT_TRUE(again(result, options));
    options.max_time = 10s;
    EXPECT_FALSE(again(result, options));
}

}  // namespace
}  // namespace tandem::cli
