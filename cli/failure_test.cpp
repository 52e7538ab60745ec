#include <cli/failure.hpp>

#include <tandem/http/errors.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/tls/errors.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <system_error>

namespace tandem::cli {
namespace {

template <class E>
Failure of(const E& error, Stage stage = Stage::exchange) {
    return failure_of(std::make_exception_ptr(error), stage);
}

net::ConnectError connect_error(std::errc code) {
    return net::ConnectError("host", 80,
                             {{net::SocketAddress::ip("127.0.0.1", 80), std::make_error_code(code)}});
}

TEST(FetchR8, errors_of_connecting_are_told_apart_and_have_sent_nothing) {
    EXPECT_EQ(of(connect_error(std::errc::connection_refused)).error.code, ErrorCode::connect_refused);
    EXPECT_EQ(of(connect_error(std::errc::timed_out)).error.code, ErrorCode::connect_timeout);
    EXPECT_EQ(of(connect_error(std::errc::network_unreachable)).error.code, ErrorCode::connect_failed);
    EXPECT_EQ(of(connect_error(std::errc::too_many_files_open)).error.code, ErrorCode::no_descriptors);
    EXPECT_TRUE(of(connect_error(std::errc::connection_refused)).nothing_sent);
    EXPECT_EQ(of(connect_error(std::errc::connection_refused)).error.phase, Phase::connect);
}

TEST(FetchR8, errors_of_names_keep_their_kind) {
    using Kind = net::DnsError::Kind;
    EXPECT_EQ(of(net::DnsError(Kind::not_found, "h", "x")).error.code, ErrorCode::dns_not_found);
    EXPECT_EQ(of(net::DnsError(Kind::failed, "h", "x")).error.code, ErrorCode::dns_failed);
    EXPECT_EQ(of(net::DnsError(Kind::timeout, "h", "x")).error.code, ErrorCode::dns_timeout);
}

TEST(FetchR8, a_time_limit_is_named_after_what_was_waited_for) {
    const auto limit = [](const char* phase, Stage stage) {
        return of(http::TimeoutError(phase, std::chrono::seconds(1), "x", http::Reached::maybe_processed),
                  stage)
            .error.code;
    };
    EXPECT_EQ(limit("connect", Stage::exchange), ErrorCode::connect_timeout);
    EXPECT_EQ(limit("response", Stage::exchange), ErrorCode::timeout_response);
    EXPECT_EQ(limit("read_idle", Stage::body), ErrorCode::timeout_stall);
    EXPECT_EQ(limit("total", Stage::body), ErrorCode::timeout_total);
}

TEST(FetchR8, a_cut_is_a_matter_of_where_it_happened) {
    const http::IncompleteBody cut(5, std::nullopt);
    EXPECT_EQ(of(cut, Stage::exchange).error.code, ErrorCode::incomplete_head);
    EXPECT_EQ(of(cut, Stage::body).error.code, ErrorCode::incomplete_body);
}

TEST(FetchR8, limits_and_broken_rules_have_codes_of_their_own) {
    EXPECT_EQ(of(http::LimitExceeded("body", "HttpLimits::max_body_bytes", 1, 2), Stage::body).error.code,
              ErrorCode::body_too_large);
    EXPECT_EQ(of(http::LimitExceeded("body", "DecodeLimits::max_ratio", 1, 2), Stage::body).error.code,
              ErrorCode::ratio_exceeded);
    EXPECT_EQ(of(http::LimitExceeded("head", "HttpLimits::max_header_bytes", 1, 2)).error.code,
              ErrorCode::head_too_large);
    EXPECT_EQ(of(http::BadResponse("P31", 0, "", "two lengths")).error.code, ErrorCode::bad_framing);
    EXPECT_EQ(of(http::BadResponse("P51", 0, "", "chunk"), Stage::body).error.code, ErrorCode::bad_chunk);
    EXPECT_EQ(of(http::BadResponse("P18", 0, "", "no HTTP")).error.code, ErrorCode::bad_response);
}

TEST(FetchR8, a_failure_of_this_machine_keeps_its_code_and_is_one_of_saving) {
    const auto failure = of(FetchError(ErrorCode::disk_full, "write x: no space"), Stage::body);
    EXPECT_EQ(failure.error.code, ErrorCode::disk_full);
    EXPECT_EQ(failure.error.phase, Phase::save);
    EXPECT_FALSE(failure.nothing_sent);
}

TEST(FetchR8, a_certificate_is_never_taken_for_another_trouble_of_tls) {
    EXPECT_EQ(of(tls::CertificateError("h", "expired", 10, "s", "i")).error.code, ErrorCode::tls_certificate);
    EXPECT_EQ(of(tls::TruncatedStream("h")).error.code, ErrorCode::tls_truncated);
    EXPECT_EQ(of(tls::TlsError("alert")).error.code, ErrorCode::tls_handshake);
}

}  // namespace
}  // namespace tandem::cli
