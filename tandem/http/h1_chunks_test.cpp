// Chunked bodies, and that no split of the input changes what a stream says.
#include <tandem/http/h1_transcript_internal.hpp>
#include <tandem/testing/processor_time.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::http {
namespace {

using transcripts::Peer;
using transcripts::transcript;
using transcripts::transcript_of_bytes;

const Peer get{.role = H1Role::response};

std::string chunked(std::string_view body) {
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

std::string chunked_request(std::string_view body) {
    return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

void expect_refused(std::string_view body, std::string_view rule) {
    const auto wanted = "error " + std::string(rule) + " ";
    EXPECT_NE(transcript(get, chunked(body)).find(wanted), std::string::npos)
        << body << "\n"
        << transcript(get, chunked(body));
    EXPECT_NE(transcript(Peer{}, chunked_request(body)).find(wanted), std::string::npos)
        << body << "\n"
        << transcript(Peer{}, chunked_request(body));
}

void expect_body(std::string_view body, std::string_view wanted) {
    const auto line =
        "framing chunked\n" + (wanted.empty() ? "" : "body " + std::string(wanted) + "\n") + "end keep\n";
    EXPECT_NE(transcript(get, chunked(body)).find(line), std::string::npos) << body << "\n"
                                                                            << transcript(get, chunked(body));
    EXPECT_NE(transcript(Peer{}, chunked_request(body)).find(line), std::string::npos) << body;
}

TEST(HttpP51, a_chunk_size_is_1_to_16_hex_digits_and_nothing_else) {
    expect_body("0\r\n\r\n", "");
    expect_body("A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
    expect_body("000000000000000a\r\n0123456789\r\n0\r\n\r\n", "0123456789");
    for (const std::string_view size : {"", " 2", "2 ", "+2", "-2", "0x2", "2_", "g", "00000000000000002",
                                        "2\t", "8000000000000000", "ffffffffffffffff", "2 ;a"})
        expect_refused(std::string(size) + "\r\nhi\r\n0\r\n\r\n", "P51");
}

TEST(HttpP52, extensions_are_checked_and_dropped) {
    expect_body("2;a;b=c;d=\"e;\\\"f\\\\ \t\xe9\"\r\nhi\r\n0;last\r\n\r\n", "hi");
    for (const std::string_view extension :
         {";", ";;a", ";a=", ";=b", ";a=\"b\"c", ";a b", "; a", ";a =b", ";a= b", ";a=\"\x01\"",
          ";a=\"b\nc\"", ";a\n", ";\"a\"", ";a=b=c"})
        expect_refused("2" + std::string(extension) + "\r\nhi\r\n0\r\n\r\n", "P52");
    expect_refused("2;a=\"b\\\x01\"\r\nhi\r\n0\r\n\r\n", "P52");
    expect_refused("2;a=\"b\r\n\"\r\nhi\r\n0\r\n\r\n", "P52");
    expect_refused("2;a\rb\r\nhi\r\n0\r\n\r\n", "P12");
}

TEST(HttpL6, extensions_have_a_limit_over_the_whole_message) {
    std::string body;
    for (int i = 0; i < 16; ++i) body += "1;" + std::string(253, 'x') + "\r\ny\r\n";  // 254 and the CR each
    expect_body(body + "0\r\n\r\n", std::string(16, 'y'));
    expect_refused(body + "1;" + std::string(253, 'x') + "\r\n", "L6");
}

TEST(HttpP53, chunk_data_is_followed_by_exactly_crlf) {
    for (const std::string_view body : {"2\r\nhiX0\r\n\r\n", "2\r\nhi0\r\n\r\n", "2\r\nh\r\n0\r\n\r\n",
                                        "2\r\nhi\rX0\r\n\r\n", "2\r\nhi\n0\r\n\r\n", "2\r\nhi \r\n0\r\n\r\n"})
        expect_refused(body, "P53");
}

TEST(HttpP54, trailers_stay_apart_from_the_headers) {
    const auto events = transcript(get, chunked("2\r\nhi\r\n0\r\nX-Sum: 1\r\nx-more:  2 \r\n\r\n"));
    EXPECT_TRUE(events.ends_with("body hi\ntrailers\nX-Sum: 1\nx-more: 2\nend keep\n")) << events;
    auto parser = H1Parser(H1Role::request);
    auto text = chunked_request("0\r\nX: y\r\n\r\n");
    auto input = std::string_view(text);
    for (auto step = parser.feed(input); step.event != H1Event::end; step = parser.feed(input))
        input.remove_prefix(step.consumed);
    EXPECT_FALSE(parser.headers().contains("X"));
    EXPECT_EQ(parser.trailers().get("X"), "y");
}

TEST(HttpP54, framing_routing_and_credential_fields_do_not_stand_in_trailers) {
    for (const std::string_view name : {"Content-Length", "transfer-encoding", "HOST", "Authorization",
                                        "Cookie", "Set-Cookie", "Content-Type", "Content-Encoding",
                                        "Content-Range", "Trailer", "Connection", "Proxy-Authorization"}) {
        const auto body = "0\r\n" + std::string(name) + ": 5\r\nX: y\r\n\r\n";
        const auto request = transcript(Peer{}, chunked_request(body));
        EXPECT_NE(request.find("error P54 "), std::string::npos) << request;
        const auto response = transcript(get, chunked(body));
        EXPECT_TRUE(response.ends_with("trailers\nX: y\nend close trailer_dropped\n")) << response;
    }
    const auto folded = transcript(get, chunked("0\r\nX: y\r\nCookie: a\r\n b\r\n\r\n"));
    EXPECT_TRUE(folded.ends_with("trailers\nX: y\nend close folding trailer_dropped\n")) << folded;
}

TEST(HttpL7, trailers_have_limits) {
    std::string fields;
    for (int i = 0; i < 32; ++i) fields += "X: y\r\n";
    EXPECT_TRUE(transcript(get, chunked("0\r\n" + fields + "\r\n")).ends_with("end keep\n"));
    expect_refused("0\r\n" + fields + "X: y\r\n\r\n", "L7");
    expect_refused("0\r\nX: " + std::string(8'200, 'y') + "\r\n\r\n", "L7");
    EXPECT_TRUE(
        transcript(get, chunked("0\r\nX: " + std::string(8'187, 'y') + "\r\n\r\n")).ends_with("end keep\n"));
}

TEST(HttpP3, a_huge_chunk_that_is_announced_allocates_nothing) {
    auto parser = H1Parser(H1Role::response);
    const auto text = chunked("7fffffffffffffff\r\nabc");
    auto step = parser.feed(std::string_view(text));
    step = parser.feed(std::string_view(text).substr(step.consumed));
    EXPECT_EQ(step.event, H1Event::body);
    EXPECT_EQ(step.body.size(), 3U);
}

/// Streams whose every split must say the same: good ones, flagged ones, refused ones, several messages.
std::vector<std::pair<Peer, std::string>> streams() {
    const Peer request{};
    auto small = HttpLimits::client();
    small.max_start_line_bytes = 20;
    small.max_header_bytes = 60;
    small.max_trailer_bytes = 12;
    const Peer tight{.role = H1Role::response, .limits = small};
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    return {
        {request,
         "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /x HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nhello"
         "GET /y HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n"},
        {request, chunked_request("5;a=\"b\"\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n") +
                      "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {request, chunked_request("5\r\nhelloX\r\n0\r\n\r\n")},
        {request, "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\x01\r\n\r\n"},
        {request, "GET / HTTP/1.1\r\nHo st\x01: a\r\r\n\r\n"},
        {request, "GET /\r\rHTTP/1.1\r\n\r\n"},
        {request, "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n"},
        {get, "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 3\r\nX: a\r\n b\r\n\r\nabc" +
                  ok + "Content-Length: 0\r\n\r\n"},
        {get, "HTTP/1.1 200\nX: y\n\nbody until the end"},
        {get, chunked("3\r\nabc\r\n0\r\nX: y\r\nHost: z\r\n  f\r\n\r\n")},
        {get, chunked("3\r\nabc\r\n0\r\nX: y\rz\r\n\r\n")},
        {get, chunked("fffffffffffffffff\r\n")},
        {get, ok + "Content-Length: 2, 3\r\n\r\n"},
        {get, ok + "Content-Length: 20\r\n\r\nshort"},
        {get, "HTTP/1.1 20"},
        {tight, ok + "Content-Length: 0\r\nX: 0123456789012345678901234567890123456789\r\n\r\n"},
        {tight, "HTTP/1.1 200 0123456789\n\r\n"},
        {tight, "HTTP/1.1 200 0123456\r8\r\n\r\n"},
        {tight, "HTTP/1.1 200 01234567\r\r\n"},
        {tight, ok + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: 0123456789\r\n\r\n"},
    };
}

TEST(HttpP2, byte_by_byte_says_the_same_as_whole) {
    for (const auto& [peer, text] : streams())
        EXPECT_EQ(transcript_of_bytes(peer, text), transcript(peer, text)) << escape_excerpt(text, 400);
}

TEST(HttpP2, every_two_way_split_says_the_same_as_whole) {
    for (const auto& [peer, text] : streams()) {
        const auto whole = transcript(peer, text);
        for (std::size_t cut = 0; cut <= text.size(); ++cut) {
            const auto view = std::string_view(text);
            ASSERT_EQ(transcript(peer, {view.substr(0, cut), view.substr(cut)}), whole)
                << cut << " of " << escape_excerpt(text, 400);
        }
    }
}

TEST(HttpP2, random_splits_say_the_same_as_whole) {
    auto random = std::mt19937(7);  // the same every time
    for (const auto& [peer, text] : streams()) {
        const auto whole = transcript(peer, text);
        for (int round = 0; round < 100; ++round) {
            std::vector<std::string_view> pieces;
            for (auto rest = std::string_view(text); !rest.empty();) {
                const auto size = std::min<std::size_t>(rest.size(), random() % 9);
                pieces.push_back(rest.substr(0, size));
                rest.remove_prefix(size);
            }
            ASSERT_EQ(transcript(peer, pieces), whole) << escape_excerpt(text, 400);
        }
    }
}

TEST(HttpP2, a_head_with_one_byte_changed_says_the_same_in_every_split) {
    const std::string good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nhi";
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const char byte : {'\0', '\r', '\n', ' ', '\t', ':', ',', 'x', '0', '\x7f', '\xff'}) {
            auto text = good;
            text[at] = byte;
            ASSERT_EQ(transcript_of_bytes(get, text), transcript(get, text)) << escape_excerpt(text, 200);
        }
    }
}

TEST(HttpP3, time_is_linear_also_byte_by_byte) {
    const auto cost = [](std::size_t fields) {
        std::string text = "HTTP/1.1 200 OK\r\n";
        for (std::size_t i = 0; i < fields; ++i) text += "X-Field: " + std::string(1000, 'v') + "\r\n";
        auto best = Duration::max();
        for (int round = 0; round < 5; ++round) {
            auto parser = H1Parser(H1Role::response);
            const auto start = testing::processor_time();
            for (const char& byte : text) {
                if (parser.feed(std::string_view(&byte, 1)).event != H1Event::need_more) ADD_FAILURE();
            }
            best = std::min(best, testing::processor_time() - start);
        }
        return best;
    };
    // Eight times the input: a quadratic parser would need 64 times as long.
    EXPECT_LT(cost(64), 24 * cost(8));
}

}  // namespace
}  // namespace tandem::http
