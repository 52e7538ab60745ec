#include <cli/outcome.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tandem::cli {
namespace {

int exit_code_after(const std::vector<ErrorClass>& classes) {
    ExitCode code;
    for (const auto error_class : classes) code.add(error_class);
    return code.value();
}

TEST(FetchE0, only_good_outcomes_exit_with_zero) {
    EXPECT_EQ(exit_code_after({}), 0);
    EXPECT_EQ(exit_code_after({ErrorClass::ok, ErrorClass::ok}), 0);
}

TEST(FetchE1, one_yields_to_every_other_code_in_any_order) {
    EXPECT_EQ(exit_code_after({ErrorClass::other}), 1);
    EXPECT_EQ(exit_code_after({ErrorClass::other, ErrorClass::status}), 8);
    EXPECT_EQ(exit_code_after({ErrorClass::budget, ErrorClass::other}), 9);
}

TEST(FetchE4, the_lowest_code_wins_wherever_it_comes) {
    EXPECT_EQ(exit_code_after({ErrorClass::status, ErrorClass::network, ErrorClass::tls}), 4);
    EXPECT_EQ(exit_code_after({ErrorClass::network, ErrorClass::status}), 4);
    EXPECT_EQ(exit_code_after({ErrorClass::ok, ErrorClass::status, ErrorClass::ok}), 8);
    EXPECT_EQ(exit_code_after({ErrorClass::protocol, ErrorClass::local}), 3);
}

TEST(FetchE1, each_class_has_the_exit_code_of_the_table) {
    EXPECT_EQ(exit_code_of(ErrorClass::local), 3);
    EXPECT_EQ(exit_code_of(ErrorClass::network), 4);
    EXPECT_EQ(exit_code_of(ErrorClass::tls), 5);
    EXPECT_EQ(exit_code_of(ErrorClass::auth), 6);
    EXPECT_EQ(exit_code_of(ErrorClass::protocol), 7);
    EXPECT_EQ(exit_code_of(ErrorClass::status), 8);
    EXPECT_EQ(exit_code_of(ErrorClass::budget), 9);
}

TEST(FetchR8, codes_carry_the_class_and_the_curl_number_of_the_table) {
    struct Row {
        const char* name;
        ErrorClass error_class;
        int curl;
    };
    const Row rows[] = {
        {"disk_full", ErrorClass::local, 23},         {"file_read", ErrorClass::local, 26},
        {"dns_not_found", ErrorClass::network, 6},    {"connect_refused", ErrorClass::network, 7},
        {"no_response", ErrorClass::network, 52},     {"incomplete_body", ErrorClass::network, 18},
        {"timeout_stall", ErrorClass::network, 28},   {"proxy_failed", ErrorClass::network, 97},
        {"tls_certificate", ErrorClass::tls, 60},     {"unauthorized", ErrorClass::auth, 22},
        {"url_invalid", ErrorClass::protocol, 3},     {"scheme_refused", ErrorClass::protocol, 1},
        {"bad_coding", ErrorClass::protocol, 61},     {"head_too_large", ErrorClass::protocol, 100},
        {"range_mismatch", ErrorClass::protocol, 33}, {"too_many_redirects", ErrorClass::protocol, 47},
        {"status", ErrorClass::status, 22},           {"stopped", ErrorClass::budget, 42},
    };
    for (const auto& row : rows) {
        const auto code = error_code_named(row.name);
        ASSERT_TRUE(code) << row.name;
        EXPECT_EQ(name_of(*code), row.name);
        EXPECT_EQ(class_of(*code), row.error_class) << row.name;
        EXPECT_EQ(curl_code_of(*code), row.curl) << row.name;
    }
    for (const auto code : {ErrorCode::worker_lost, ErrorCode::checksum_mismatch, ErrorCode::address_refused,
                            ErrorCode::json_invalid})
        EXPECT_FALSE(curl_code_of(code)) << name_of(code);
}

TEST(FetchE6, who_one_is_decides_over_401_and_407_only) {
    EXPECT_EQ(class_of(error_code_of_status(401)), ErrorClass::auth);
    EXPECT_EQ(error_code_of_status(407), ErrorCode::proxy_unauthorized);
    EXPECT_EQ(error_code_of_status(403), ErrorCode::status);
    EXPECT_EQ(error_code_of_status(503), ErrorCode::status);
}

}  // namespace
}  // namespace tandem::cli
