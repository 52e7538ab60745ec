#include <tandem/http/errors.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <system_error>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

TEST(HttpH196, every_error_is_a_system_error_that_says_whether_the_request_arrived) {
    const auto error =
        ServerDisconnected("h:80", ServerDisconnected::Connection::reused, Reached::maybe_processed);
    const std::system_error& base = error;
    EXPECT_EQ(base.code(), Errc::server_disconnected);
    EXPECT_STREQ(base.code().category().name(), "tandem.http");
    EXPECT_EQ(error.reached(), Reached::maybe_processed);
    EXPECT_STREQ(base.what(), "h:80 closed the reused connection before the first byte of a response");
    EXPECT_EQ(InvalidUrl("x", 0, "y").reached(), Reached::not_sent);
    auto changed = BadResponse("P36", 7, "5, 5", "Content-Length is not one number");
    EXPECT_EQ(changed.reached(), Reached::processed);
    changed.set_reached(Reached::maybe_processed);
    EXPECT_EQ(changed.reached(), Reached::maybe_processed);
}

TEST(HttpH51, a_timeout_is_errc_timed_out_and_names_phase_limit_and_peer) {
    const auto error = TimeoutError("read_idle", 60s, "api.example:443 sent nothing (81920 of 1048576 bytes)",
                                    Reached::maybe_processed);
    EXPECT_EQ(error.code(), std::errc::timed_out);
    EXPECT_EQ(error.phase(), "read_idle");
    EXPECT_EQ(error.limit(), 60s);
    EXPECT_STREQ(error.what(), "read_idle 60s: api.example:443 sent nothing (81920 of 1048576 bytes)");
    EXPECT_STREQ(TimeoutError("connect", 1500ms, "x", Reached::not_sent).what(), "connect 1.5s: x");
    EXPECT_STREQ(TimeoutError("connect", 250ms, "x", Reached::not_sent).what(), "connect 250ms: x");
}

TEST(HttpH195, messages_name_the_value_and_the_limit) {
    EXPECT_STREQ(LimitExceeded("response headers", "HttpLimits::max_header_bytes", 65536, 70112).what(),
                 "response headers: 70112 bytes, the limit is 65536 (HttpLimits::max_header_bytes)");
    EXPECT_STREQ(IncompleteBody(4, 10).what(), "the body ended early: 4 of 10 bytes received");
    EXPECT_STREQ(IncompleteBody(4, std::nullopt, "the last chunk is missing").what(),
                 "the body ended early: 4 bytes received, the last chunk is missing");
    EXPECT_STREQ(BadResponse("P48", 17, "5, 6", "Content-Length is not one number").what(),
                 "Content-Length is not one number at byte 17 (P48): '5, 6'");
    EXPECT_STREQ(StatusError(404, "Not Found", "GET", "http://h/x").what(),
                 "GET http://h/x: status 404 Not Found");
    EXPECT_STREQ(TooManyRedirects({"http://a/", "http://b/"}, 10).what(),
                 "more than 10 redirects: http://a/ -> http://b/");
    EXPECT_STREQ(BadEncoding("gzip", 12, "damaged").what(), "content coding gzip: damaged (encoded byte 12)");
}

TEST(HttpX27, what_was_received_is_quoted_escaped_and_short) {
    EXPECT_EQ(escape_excerpt("a\r\n\t\\\x1b[31m\xff\x7f"), "a\\r\\n\\t\\\\\\x1b[31m\\xff\\x7f");
    EXPECT_EQ(escape_excerpt(std::string(100, 'x')).size(), 64U);
    EXPECT_EQ(std::string(StatusError(500, "\x1b]0;title", "GET", "u").what()).find('\x1b'),
              std::string::npos);
}

}  // namespace
}  // namespace tandem::http
