// Requests: what the strict profile takes and what it refuses, rule by rule.
#include <tandem/http/h1_transcript_internal.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tandem::http {
namespace {

using transcripts::Peer;
using transcripts::transcript;

struct Refused {
    std::string_view input;
    std::string_view rule;
    int status = 400;
};

constexpr std::string_view smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// The rule and status of the error that ends the transcript of `input`, followed by a valid request.
void expect_refused(const std::vector<Refused>& cases) {
    for (const auto& refused : cases) {
        const auto text = std::string(refused.input) + std::string(smuggled);
        const auto events = transcript(Peer{}, text);
        const auto wanted = "error " + std::string(refused.rule) + " ";
        const auto where = escape_excerpt(refused.input, 200);
        const auto at = events.find(wanted);
        ASSERT_NE(at, std::string::npos) << where << "\n" << events;
        EXPECT_NE(events.find(" " + std::to_string(refused.status) + " ", at + wanted.size() - 1),
                  std::string::npos)
            << where << "\n"
            << events;
        EXPECT_EQ(events.find("/smuggled HTTP"), std::string::npos) << where << "\n" << events;
    }
}

/// `fields` behind a request line and Host.
std::string post(std::string_view fields, std::string_view body = {}) {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

TEST(HttpP1, a_request_gives_its_head_and_stops_at_its_end) {
    auto parser = H1Parser(H1Role::request);
    const std::string_view input = "GET /a?b HTTP/1.1\r\nHost: example.org\r\nX-One:  1 \r\n\r\nGET ";

    const auto head = parser.feed(input);
    ASSERT_EQ(head.event, H1Event::head);
    EXPECT_EQ(input.substr(head.consumed), "GET ");
    EXPECT_EQ(parser.request().method, "GET");
    EXPECT_EQ(parser.request().target, "/a?b");
    EXPECT_EQ(parser.request().headers, (Headers{{"Host", "example.org"}, {"X-One", "1"}}));
    EXPECT_EQ(parser.content_length(), 0U);
    EXPECT_TRUE(parser.keep_alive());

    const auto end = parser.feed(input.substr(head.consumed));
    EXPECT_EQ(end.event, H1Event::end);
    EXPECT_EQ(end.consumed, 0U);
}

TEST(HttpP1, body_spans_point_into_the_input) {
    auto parser = H1Parser(H1Role::request);
    const auto text = post("Content-Length: 5\r\n", "helloGET");
    const auto input = std::string_view(text);
    const auto head = parser.feed(input);
    const auto body = parser.feed(input.substr(head.consumed));
    ASSERT_EQ(body.event, H1Event::body);
    EXPECT_EQ(body.body.data(), input.data() + head.consumed);
    EXPECT_EQ(std::string_view(body.body.data(), body.body.size()), "hello");
    EXPECT_TRUE(parser.body_complete());
    EXPECT_EQ(parser.body_bytes(), 5U);
}

TEST(HttpP4, after_an_error_every_call_gives_the_same_error) {
    auto parser = H1Parser(H1Role::request);
    ASSERT_EQ(parser.feed(std::string_view("GET / HTTP/1.1\r\nHost : a\r\n")).event, H1Event::error);
    const auto offset = parser.error().offset;
    parser.reset();
    EXPECT_EQ(parser.feed(smuggled).event, H1Event::error);
    EXPECT_EQ(parser.feed(std::string_view()).event, H1Event::error);
    EXPECT_EQ(parser.finish_eof().event, H1Event::error);
    EXPECT_EQ(parser.error().rule, "P21");
    EXPECT_EQ(parser.error().offset, offset);
    EXPECT_FALSE(parser.keep_alive());
}

TEST(HttpP5, an_error_names_offset_and_escaped_excerpt) {
    auto parser = H1Parser(H1Role::request);
    const auto input =
        std::string("GET / HTTP/1.1\r\nHost: a\r\nX-Long: ") + std::string(100, 'y') + "\x01tail\r\n\r\n";
    ASSERT_EQ(parser.feed(std::string_view(input)).event, H1Event::error);
    EXPECT_EQ(parser.error().rule, "P24");
    EXPECT_EQ(parser.error().offset, input.find('\x01'));
    EXPECT_EQ(parser.error().excerpt, std::string(63, 'y') + "\\x01");
}

TEST(HttpP5, an_excerpt_hides_the_values_of_credential_fields) {
    auto parser = H1Parser(H1Role::request);
    ASSERT_EQ(
        parser.feed(std::string_view("GET / HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\x01\r\n\r\n")).event,
        H1Event::error);
    EXPECT_EQ(parser.error().excerpt, "Authorization: ***");
}

TEST(HttpP11, a_line_that_ends_with_lf_alone_is_refused_in_requests) {
    expect_refused({{"GET / HTTP/1.1\nHost: a\r\n\r\n", "P11"},
                    {"GET / HTTP/1.1\r\nHost: a\n\r\n", "P11"},
                    {"GET / HTTP/1.1\r\nHost: a\r\n\n", "P11"},
                    {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "P11"}});
}

TEST(HttpP12, a_cr_without_lf_is_refused) {
    expect_refused({{"GET / HTTP/1.1\rHost: a\r\n\r\n", "P12"},
                    {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", "P12"},
                    {"GET / HTTP/1.1\r\nHost: a\r\n\rX", "P12"},
                    {"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", "P12"},
                    {"GET / HTTP/1.1\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n", "P12"}});
}

TEST(HttpP12, a_cr_is_refused_as_soon_as_the_next_byte_is_not_lf) {
    auto parser = H1Parser(H1Role::request);
    EXPECT_EQ(parser.feed(std::string_view("GET / HTTP/1.1\r")).event, H1Event::need_more);
    EXPECT_EQ(parser.feed(std::string_view("H")).event, H1Event::error);
}

TEST(HttpP13, one_empty_line_before_a_request_is_skipped_and_no_more) {
    EXPECT_EQ(transcript(Peer{}, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").substr(0, 19),
              "head GET / HTTP/1.1");
    expect_refused({{"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "P13"}});
}

TEST(HttpP14, the_request_line_has_three_parts_with_one_space_between) {
    expect_refused({{"GET  / HTTP/1.1\r\n", "P14"},
                    {"GET /  HTTP/1.1\r\n", "P14"},
                    {"GET / HTTP/1.1 \r\n", "P14"},
                    {" GET / HTTP/1.1\r\n", "P14"},
                    {"GET\t/ HTTP/1.1\r\n", "P14"},
                    {"GET /a b HTTP/1.1\r\n", "P14"},
                    {"GET\r\n", "P14"}});
}

TEST(HttpP15, a_method_is_a_token_of_1_to_32_characters) {
    const auto longest = std::string(32, 'M');
    EXPECT_NE(transcript(Peer{}, longest + " / HTTP/1.1\r\nHost: a\r\n\r\n").find("head M"),
              std::string::npos);
    const auto too_long = std::string(33, 'M') + " / HTTP/1.1\r\n";
    expect_refused({{too_long, "P15"}, {"G@T / HTTP/1.1\r\n", "P15"}, {"G\xc3\x89T / HTTP/1.1\r\n", "P15"}});
}

TEST(HttpP16, a_target_has_visible_ascii_only_and_no_fragment) {
    expect_refused({{"GET /a#b HTTP/1.1\r\n", "P16"},
                    {"GET /\x7f HTTP/1.1\r\n", "P16"},
                    {"GET /\xc3\xa9 HTTP/1.1\r\n", "P16"},
                    {"GET /\x01 HTTP/1.1\r\n", "P16"},
                    {"GET /a\\b HTTP/1.1\r\n", "P16"},
                    {"GET http://a/b\\c HTTP/1.1\r\nHost: a\r\n", "P16"}});
    EXPECT_NE(transcript(Peer{}, "GET /a?b\\c HTTP/1.1\r\nHost: a\r\n\r\n").find("head"), std::string::npos);
}

TEST(HttpP17, the_form_of_the_target_suits_the_method) {
    expect_refused({{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "P17"},
                    {"GET a/b HTTP/1.1\r\nHost: a\r\n\r\n", "P17"},
                    {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "P17"},
                    {"GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", "P17"},
                    {"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", "P17"},
                    {"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", "P17"},
                    {"CONNECT a:99999 HTTP/1.1\r\nHost: a\r\n\r\n", "P17"},
                    {"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n", "P17"}});
    for (const std::string_view good :
         {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
          "GET HTTP://a/b HTTP/1.1\r\nHost: a\r\n\r\n"})
        EXPECT_NE(transcript(Peer{}, good).find("head "), std::string::npos) << good;
}

TEST(HttpP18, a_malformed_or_missing_version_is_refused) {
    expect_refused({{"GET /\r\n", "P18"},
                    {"GET / HTTP/1.1a\r\n", "P18"},
                    {"GET / http/1.1\r\n", "P18"},
                    {"GET / HTTP/01.1\r\n", "P18"},
                    {"GET / HTTP/1.10\r\n", "P18"},
                    {"GET / HTTP/1\r\n", "P18"},
                    {"GET / HTTX/1.1\r\n", "P18"}});
}

TEST(HttpP19, another_version_is_answered_with_505) {
    expect_refused({{"GET / HTTP/1.2\r\n", "P19", 505},
                    {"GET / HTTP/2.0\r\n", "P19", 505},
                    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "P19", 505},
                    {"GET / HTTP/0.9\r\n", "P19", 505}});
}

TEST(HttpP21, a_field_name_is_a_token_right_before_its_colon) {
    for (const std::string_view field : {"X : 1\r\n", "X\t: 1\r\n", ": 1\r\n", "X\r\n", "X y: 1\r\n",
                                         "X\xc3\xa9: 1\r\n", "X(: 1\r\n", "Transfer-Encoding : chunked\r\n"})
        expect_refused({{post(field), "P21"}});
}

TEST(HttpP22, a_first_field_line_that_begins_with_space_is_refused) {
    expect_refused(
        {{"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "P22"}, {"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", "P22"}});
}

TEST(HttpP23, folding_is_refused_in_requests) {
    expect_refused({{post("X: 1\r\n 2\r\n"), "P23"}, {post("Transfer-Encoding:\r\n chunked\r\n"), "P23"}});
}

TEST(HttpP24, every_control_byte_but_htab_is_refused_in_a_value) {
    for (int byte = 0; byte < 256; ++byte) {
        if (byte == '\r' || byte == '\n') continue;  // P11, P12
        const auto field = std::string("X: some text") + static_cast<char>(byte) + "and more of it\r\n";
        const auto events = transcript(Peer{}, post(field));
        const bool refused = (byte < 0x20 && byte != '\t') || byte == 0x7f;
        EXPECT_EQ(events.find("error P24") != std::string::npos, refused) << byte << events;
    }
}

TEST(HttpP26, only_sp_and_htab_around_a_value_are_trimmed) {
    const auto events = transcript(Peer{}, post("X: \t a b\t \r\nY:\xa0z\x85\r\nZ:\r\n"));
    EXPECT_NE(events.find("X: a b\nY: \xa0z\x85\nZ: \n"), std::string::npos) << events;
}

TEST(HttpP27, an_underscore_in_a_name_is_no_dash) {
    const auto events = transcript(Peer{}, post("Content_Length: 5\r\nTransfer_Encoding: chunked\r\n"));
    EXPECT_NE(events.find("framing none\nend keep\n"), std::string::npos) << events;
}

TEST(HttpP28, http_1_1_needs_exactly_one_good_host) {
    expect_refused({{"GET / HTTP/1.1\r\n\r\n", "P28"},
                    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "P28"},
                    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "P28"},
                    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "P28"},
                    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "P28"},
                    {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "P28"},
                    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "P28"},
                    {"GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", "P28"},
                    {"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "P28"},
                    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "P28"},
                    {"GET / HTTP/1.1\r\nHost: [1:2]\r\n\r\n", "P28"},
                    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", "P28"}});
    for (const std::string_view host :
         {"a", "a.b:80", "[::1]", "[::1]:8080", "[1:2:3:4:5:6:7:8]", "[::ffff:1.2.3.4]", "127.0.0.1:0",
          "a:", "xn--n3h.example", "a_b", "%41"}) {
        const auto request = "GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n";
        EXPECT_NE(transcript(Peer{}, request).find("head "), std::string::npos) << host;
    }
}

TEST(HttpP29, an_absolute_target_agrees_with_host) {
    expect_refused({{"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "P29"},
                    {"GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", "P29"},
                    {"GET https://a/ HTTP/1.1\r\nHost: a:80\r\n\r\n", "P29"}});
    const auto events = transcript(Peer{}, "GET http://A:80/x HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_NE(events.find("head GET http://A:80/x"), std::string::npos) << events;
}

TEST(HttpP30, http_1_0_may_lack_host) {
    const auto events = transcript(Peer{}, "GET / HTTP/1.0\r\n\r\n");
    EXPECT_NE(events.find("end close"), std::string::npos) << events;
}

TEST(HttpP31, transfer_encoding_in_http_1_0_is_refused) {
    expect_refused(
        {{"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "P31"},
         {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "P31"}});
}

TEST(HttpP32, transfer_encoding_beside_content_length_is_refused_in_any_order) {
    expect_refused({{post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "P32"},
                    {post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), "P32"},
                    {post("transfer-encoding: x\r\ncontent-length: y\r\n"), "P32"}});
}

TEST(HttpP33, a_transfer_encoding_that_is_no_clean_list_is_refused) {
    for (const std::string_view value :
         {"", ",chunked", "chunked,", "chunked, chunked", "chunked, gzip", "chunked;q=1", "\"chunked\"",
          "chun ked", "gzip,,chunked", "chunked\xa0"})
        expect_refused({{post("Transfer-Encoding: " + std::string(value) + "\r\n"), "P33"}});
    expect_refused({{post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "P33"}});
}

TEST(HttpP34, other_transfer_codings_are_answered_with_501) {
    for (const std::string_view value : {"gzip", "identity", "xchunked", "gzip, chunked", "chunkedx"})
        expect_refused({{post("Transfer-Encoding: " + std::string(value) + "\r\n"), "P34", 501}});
}

TEST(HttpP35, chunked_in_any_case_frames_the_body) {
    const auto events =
        transcript(Peer{}, post("Transfer-Encoding: \tChUnKeD\t\r\n", "3\r\nabc\r\n0\r\n\r\n"));
    EXPECT_NE(events.find("framing chunked\nbody abc\nend keep\n"), std::string::npos) << events;
}

TEST(HttpP36, a_content_length_is_one_plain_number) {
    for (const std::string_view value : {"5, 5", "5,6", "", "+5", "-5", "0x5", "5_0", "5 0", "5a", "05", "00",
                                         "9223372036854775808", "18446744073709551616", "\xd9\xa5"})
        expect_refused({{post("Content-Length: " + std::string(value) + "\r\n"), "P36"}});
    expect_refused({{post("Content-Length: 5\r\nContent-Length: 5\r\n"), "P36"}});
}

TEST(HttpP37, a_content_length_frames_the_body_of_every_method) {
    const auto events =
        transcript(Peer{}, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\n\r\n" + std::string(smuggled));
    EXPECT_EQ(events.find("head", 1), std::string::npos) << events;
    EXPECT_NE(events.find("body GET /smuggled"), std::string::npos) << events;
}

TEST(HttpP38, without_either_there_is_no_body) {
    const auto events = transcript(Peer{}, post("") + std::string(smuggled));
    EXPECT_NE(events.find("framing none\nend keep\nhead GET /smuggled"), std::string::npos) << events;
}

TEST(HttpX1, a_refused_request_hides_what_follows_it_in_the_same_segment) {
    expect_refused(
        {{post("Transfer-Encoding: chunked\r\n", "0\n\r\n"), "P11"},
         {post("Transfer-Encoding: chunked\r\n", "5\r\nhelloX\r\n0\r\n\r\n"), "P53"},
         {post("Content-Length : 5\r\n", "hello"), "P21"},
         {post("Content-Length: 5\r\nX: \x0b\r\n", "hello"), "P24"},
         {post("Transfer-Encoding: chunked\r\nFoo: bar\r\nContent-Length: 3\r\n", "0\r\n\r\n"), "P32"}});
}

}  // namespace
}  // namespace tandem::http
