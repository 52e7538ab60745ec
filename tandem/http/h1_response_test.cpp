// Responses: the tolerant profile, its flags, and what it refuses all the same.
#include <tandem/http/h1_transcript_internal.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace tandem::http {
namespace {

using transcripts::AtEof;
using transcripts::Peer;
using transcripts::transcript;

const Peer get{.role = H1Role::response};

std::string response(std::string_view fields, std::string_view body = {}) {
    return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

void expect_refused(std::string_view input, std::string_view rule, const Peer& peer = get) {
    const auto events = transcript(peer, input);
    EXPECT_NE(events.find("error " + std::string(rule) + " "), std::string::npos)
        << escape_excerpt(input, 300) << "\n"
        << events;
}

void expect_tail(std::string_view input, std::string_view tail, const Peer& peer = get) {
    const auto events = transcript(peer, input);
    EXPECT_TRUE(events.ends_with(tail)) << escape_excerpt(input, 300) << "\n" << events;
}

TEST(HttpP1, a_response_gives_head_body_and_end) {
    EXPECT_EQ(transcript(get, response("Content-Length: 2\r\nX: y\r\n", "hi")),
              "head HTTP/1.1 200 OK\nContent-Length: 2\nX: y\nframing length\nbody hi\nend keep\n");
}

TEST(HttpP11, lf_alone_in_a_response_head_is_flagged_and_ends_reuse) {
    expect_tail("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", "body hi\nend close lf_in_head\n");
    expect_tail("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nhi", "body hi\nend close lf_in_head\n");
}

TEST(HttpP11, lf_alone_outside_the_head_is_refused) {
    const std::string head = "Transfer-Encoding: chunked\r\n";
    expect_refused(response(head, "2\nhi\r\n0\r\n\r\n"), "P11");
    expect_refused(response(head, "2\r\nhi\n0\r\n\r\n"), "P53");
    expect_refused(response(head, "2\r\nhi\r\n0\n\r\n"), "P11");
    expect_refused(response(head, "2\r\nhi\r\n0\r\n\n"), "P11");
    expect_refused(response(head, "2\r\nhi\r\n0\r\nX: y\n\r\n"), "P11");
}

TEST(HttpP12, a_cr_without_lf_is_refused_in_responses) {
    expect_refused("HTTP/1.1 200 OK\r\rContent-Length: 2\r\n\r\n", "P12");
    expect_refused("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", "P12");
    expect_refused("HTTP/1.1 200 OK\r\nX: a\r\n\r\r\n", "P12");
    expect_refused(response("Transfer-Encoding: chunked\r\n", "2\rhi\r\n0\r\n\r\n"), "P12");
    expect_refused(response("Transfer-Encoding: chunked\r\n", "0\r\nX: a\rb\r\n\r\n"), "P12");
}

TEST(HttpP13, an_empty_line_before_a_response_is_refused) { expect_refused("\r\n" + response(""), "P13"); }

TEST(HttpP14, a_status_line_has_one_space_between_its_parts) {
    expect_refused("HTTP/1.1  200 OK\r\n\r\n", "P14");
    expect_refused(" HTTP/1.1 200 OK\r\n\r\n", "P14");
    expect_refused("HTTP/1.1 200  OK\r\n\r\n", "P14");
    expect_refused("HTTP/1.1 200 OK \r\n\r\n", "P14");
    expect_refused("HTTP/1.1\t200 OK\r\n\r\n", "P18");
    expect_refused("HTTP/1.1\r\n\r\n", "P14");
    expect_tail("HTTP/1.1 204\r\n\r\n", "framing none\nend close no_reason\n");
    expect_tail("HTTP/1.1 204 \r\n\r\n", "framing none\nend keep\n");
    expect_tail("HTTP/1.1 204 a  b\xe9\r\n\r\n", "framing none\nend keep\n");
}

TEST(HttpP18, a_malformed_version_is_refused_in_responses) {
    for (const std::string_view version :
         {"http/1.1", "HTTP/1.1.1", "HTTP/1", "HTTP/11", "ICY", "HTTP/1.x", "HTTP/ 1.1"})
        expect_refused(std::string(version) + " 200 OK\r\n\r\n", "P18");
    expect_refused("HTTP/1.2 200 OK\r\n\r\n", "P19");
    expect_refused("HTTP/2.0 200 OK\r\n\r\n", "P19");
}

TEST(HttpP20, a_status_has_three_digits_from_100_on) {
    for (const std::string_view status : {"20", "2000", "099", "2x0", "+20", "-20", "000"})
        expect_refused("HTTP/1.1 " + std::string(status) + " OK\r\n\r\n", "P20");
    expect_tail("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "framing length\nend keep\n");
}

TEST(HttpP23, folding_becomes_one_space_and_a_flag) {
    const auto events =
        transcript(get, response("X: a\r\n \t b\r\n\t\r\n c\r\nY:\r\n z\r\nContent-Length: 0\r\n"));
    EXPECT_NE(events.find("X: a b c\nY: z\n"), std::string::npos) << events;
    EXPECT_TRUE(events.ends_with("end close folding\n")) << events;
    expect_refused(response("Content-Length: 1\r\n 0\r\n"), "P23");
    expect_refused(response("Transfer-Encoding:\r\n chunked\r\n"), "P23");
    expect_refused("HTTP/1.1 200 OK\r\n X: y\r\n\r\n", "P22");
}

TEST(HttpP41, head_and_statuses_without_body_end_with_the_head) {
    const auto fields = std::string("Content-Length: 5\r\nTransfer-Encoding: gzip\r\n");
    const Peer head{.role = H1Role::response, .method = "HEAD"};
    EXPECT_TRUE(transcript(head, response(fields)).ends_with("framing none\nend keep\n"));
    expect_tail("HTTP/1.1 304 Not Modified\r\n" + fields + "\r\n", "framing none\nend keep\n");
    expect_tail("HTTP/1.1 204 No Content\r\n" + fields + "\r\n", "framing none\nend keep\n");
}

TEST(HttpP42, a_2xx_to_connect_is_a_tunnel) {
    const Peer connect{.role = H1Role::response, .method = "CONNECT"};
    expect_tail(response("Content-Length: 5\r\n", "bytes"), "framing tunnel\nend close\n", connect);
    expect_tail("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nhi", "framing length\nbody hi\nend keep\n",
                connect);
}

TEST(HttpP43, transfer_encoding_in_an_http_1_0_response_means_until_close) {
    expect_tail("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
                "framing until_close\nbody 0\\r\\n\\r\\n\nend close te_in_http10\n");
}

TEST(HttpP44, chunked_wins_over_content_length_with_a_flag) {
    expect_tail(response("Content-Length: 99\r\nTransfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"),
                "framing chunked\nbody hi\nend close cl_and_te\n");
    expect_tail(response("Transfer-Encoding: chunked\r\nContent-Length: x\r\n", "0\r\n\r\n"),
                "end close cl_and_te\n");
}

TEST(HttpP46, any_other_transfer_encoding_is_refused) {
    for (const std::string_view value : {"gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked",
                                         "chunked;q=1", "identity", "xchunked", "", ",chunked"})
        expect_refused(response("Transfer-Encoding: " + std::string(value) + "\r\n"), "P46");
    expect_refused(response("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "P46");
}

TEST(HttpP47, equal_lengths_are_one_with_a_flag) {
    expect_tail(response("Content-Length: 2\r\ncontent-length: 2\r\n", "hi"),
                "body hi\nend close equal_lengths\n");
    expect_tail(response("Content-Length: 2, 2\r\n", "hi"), "body hi\nend close equal_lengths\n");
    expect_tail(response("Content-Length: 010\r\n", "0123456789"),
                "body 0123456789\nend close leading_zero_length\n");
}

TEST(HttpP48, lengths_that_differ_or_are_no_numbers_are_refused) {
    for (const std::string_view value : {"2, 3", "2,", "", "+2", "0x2", "2 2", "9223372036854775808"})
        expect_refused(response("Content-Length: " + std::string(value) + "\r\n"), "P48");
    expect_refused(response("Content-Length: 2\r\nContent-Length: 3\r\n"), "P48");
}

TEST(HttpP50, without_length_the_body_ends_with_the_connection) {
    expect_tail(response("", "some text"), "framing until_close\nbody some text\nend close\n");
    auto parser = H1Parser(H1Role::response);
    EXPECT_EQ(parser.feed(std::string_view("HTTP/1.1 200 OK\r\n\r\n")).event, H1Event::head);
    EXPECT_EQ(parser.content_length(), std::nullopt);
}

TEST(HttpP55, interim_responses_come_before_the_final_one) {
    EXPECT_EQ(transcript(get, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" +
                                  response("Content-Length: 0\r\n")),
              "interim HTTP/1.1 103 Early Hints\nLink: </a>\ninterim HTTP/1.1 100 Continue\n"
              "head HTTP/1.1 200 OK\nContent-Length: 0\nframing length\nend keep\n");
}

TEST(HttpP55, at_most_16_interim_responses_and_64_kib) {
    std::string many;
    for (int i = 0; i < 16; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
    expect_tail(many + response("Content-Length: 0\r\n"), "end keep\n");
    expect_refused(many + "HTTP/1.1 100 Continue\r\n\r\n", "P55");
    const auto large = "HTTP/1.1 103 Hints\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n";
    expect_refused(large + large, "P55");
}

TEST(HttpP55, status_101_needs_an_upgrade_that_was_asked_for) {
    const std::string_view switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nbytes";
    expect_refused(switching, "P55");
    expect_tail(switching, "framing tunnel\nend close\n",
                Peer{.role = H1Role::response, .upgrade = H1Parser::Upgrade::asked});
}

TEST(HttpP56, bytes_behind_a_complete_response_are_not_consumed) {
    auto parser = H1Parser(H1Role::response);
    const auto text = response("Content-Length: 2\r\n", "hiHTTP/1.1 200 OK\r\n");
    auto input = std::string_view(text);
    for (auto step = parser.feed(input); step.event != H1Event::end; step = parser.feed(input))
        input.remove_prefix(step.consumed);
    EXPECT_EQ(input, "HTTP/1.1 200 OK\r\n");
    EXPECT_TRUE(parser.keep_alive());
    parser.note(Quirk::extra_bytes);
    EXPECT_FALSE(parser.keep_alive());
}

TEST(HttpP57, the_end_of_the_stream_is_judged_by_where_it_comes) {
    auto fresh = H1Parser(H1Role::response);
    EXPECT_EQ(fresh.finish_eof().event, H1Event::need_more);
    EXPECT_EQ(transcript(get, "HTTP/1.1 20").substr(0, 10), "error P57 ");
    expect_refused("HTTP/1.1 200 OK\r\nX: y\r\n", "P57");
    expect_refused("HTTP/1.1 100 Continue\r\n\r\n", "P57");
    EXPECT_EQ(transcript(Peer{}, "\r\n"), "");
}

TEST(HttpH37, a_body_that_ends_early_is_incomplete) {
    auto parser = H1Parser(H1Role::response);
    const auto text = response("Content-Length: 10\r\n", "four");
    const auto head = parser.feed(text);
    ASSERT_EQ(parser.feed(std::string_view(text).substr(head.consumed)).event, H1Event::body);
    ASSERT_EQ(parser.finish_eof().event, H1Event::error);
    try {
        parser.throw_error();
    } catch (const IncompleteBody& error) {
        EXPECT_EQ(error.received(), 4U);
        EXPECT_EQ(error.expected(), 10U);
    }
    for (const std::string_view body :
         {"", "2", "2\r", "2\r\nh", "2\r\nhi", "2\r\nhi\r\n", "2\r\nhi\r\n0\r\n", "0\r\nX: y\r\n"})
        expect_refused(response("Transfer-Encoding: chunked\r\n", body), "H37");
}

TEST(HttpP57, what_the_connection_field_says_decides_about_reuse) {
    expect_tail(response("Connection: close\r\nContent-Length: 0\r\n"), "end close\n");
    expect_tail(response("Connection: foo, CLOSE\r\nContent-Length: 0\r\n"), "end close\n");
    expect_tail("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "end close\n");
    expect_tail("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", "end keep\n");
    expect_tail("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                "end close\n");
}

TEST(HttpL1, limits_hold_at_their_last_byte) {
    auto limits = HttpLimits::client();
    limits.max_start_line_bytes = 15;
    const Peer peer{.role = H1Role::response, .limits = limits};
    expect_tail(response("Content-Length: 0\r\n"), "end keep\n", peer);
    expect_refused("HTTP/1.1 200 OKK\r\nContent-Length: 0\r\n\r\n", "L1", peer);
    expect_refused("HTTP/1.1 200 OKK\nContent-Length: 0\r\n\r\n", "L1", peer);
    expect_refused("HTTP/1.1 200 OKKKK", "L1", peer);
}

TEST(HttpL2, the_whole_head_has_a_limit) {
    const auto text = response("Content-Length: 0\r\nX: y\r\n");
    auto limits = HttpLimits::client();
    limits.max_header_bytes = text.size();
    expect_tail(text, "end keep\n", Peer{.role = H1Role::response, .limits = limits});
    limits.max_header_bytes = text.size() - 1;
    expect_refused(text, "L2", Peer{.role = H1Role::response, .limits = limits});
}

TEST(HttpL3, fields_are_counted) {
    auto limits = HttpLimits::server();
    limits.max_header_fields = 2;
    const auto head = std::string("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n");
    EXPECT_NE(transcript(Peer{.limits = limits}, head + "\r\n").find("end keep"), std::string::npos);
    const auto events = transcript(Peer{.limits = limits}, head + "X: z\r\n\r\n");
    EXPECT_NE(events.find("error L3 31 431"), std::string::npos) << events;
}

TEST(HttpL4, one_field_has_a_limit_folded_lines_included) {
    auto limits = HttpLimits::client();
    limits.max_field_bytes = 17;  // Content-Length, 0 and two more
    const Peer peer{.role = H1Role::response, .limits = limits};
    expect_tail(response("X: 3456789012345678\r\nContent-Length: 0\r\n"), "end keep\n", peer);
    expect_refused(response("X: 34567890123456789\r\n"), "L4", peer);
    expect_refused(response("X: 345678901234567\r\n 9\r\n"), "L4", peer);
}

TEST(HttpL5, a_field_name_has_a_limit) {
    const auto name = std::string(256, 'n');
    expect_tail(response(name + ": y\r\nContent-Length: 0\r\n"), "end keep\n");
    expect_refused(response(name + "n: y\r\n"), "L5");
}

TEST(HttpL8, a_body_over_its_limit_is_refused_before_it_comes) {
    auto limits = HttpLimits::client();
    limits.max_body_bytes = 4;
    const Peer peer{.role = H1Role::response, .limits = limits};
    expect_refused(response("Content-Length: 5\r\n"), "L8", peer);
    expect_refused(response("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\n"), "L8", peer);
    expect_tail(response("", "abcd"), "body abcd\nend close\n", peer);
    expect_refused(response("", "abcde"), "L8", peer);
}

TEST(HttpL21, a_limit_of_zero_is_refused_and_absence_means_none) {
    auto limits = HttpLimits::client();
    limits.max_header_bytes = std::nullopt;
    const Peer peer{.role = H1Role::response, .limits = limits};
    expect_refused(response("X: " + std::string(100'000, 'x') + "\r\n"), "L4", peer);
    limits.max_header_bytes = 0;
    EXPECT_THROW(H1Parser(H1Role::response, limits), std::invalid_argument);
}

TEST(HttpL2, the_error_names_limit_value_and_seen) {
    auto parser = H1Parser(H1Role::response);
    ASSERT_EQ(parser.feed(std::string_view(response("X: " + std::string(70'000, 'x')))).event,
              H1Event::error);
    try {
        parser.throw_error();
    } catch (const LimitExceeded& error) {
        EXPECT_EQ(error.limit(), "HttpLimits::max_header_bytes");
        EXPECT_EQ(error.value(), 65'536U);
        EXPECT_GT(error.seen(), 65'536U);
        EXPECT_NE(std::string(error.what()).find("65536 (HttpLimits::max_header_bytes)"), std::string::npos);
    }
}

}  // namespace
}  // namespace tandem::http
