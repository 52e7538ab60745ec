// X1, X2: what the server does with the refused inputs of the parser's rules, each followed by a good request
// in the same segment.
#include <tandem/http/server_talk_internal.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tandem::http {
namespace {

using talks::AfterInput;
using talks::run_at_once;
using talks::statuses;
using talks::talk;

struct Case {
    std::string_view rule;
    std::string input;
    std::string answers;  // the status lines, without that of the good request
};

const std::string good = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

std::string with(const std::string& fields, const std::string& body = {}) {
    return "POST /first HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}

std::vector<Case> corpus() {
    return {
        {"P11", "GET / HTTP/1.1\nHost: h\n\n", "400"},
        {"P11", "GET / HTTP/1.1\r\nHost: h\r\n\n", "400"},
        {"P12", "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", "400"},
        {"P12", "GET / HTTP/1.1\r\nHost: h\r\n\rX", "400"},
        {"P12", "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", "400"},
        {"P13", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"P14", "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"P14", "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", "400"},
        {"P14", "GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"P15", "G(T / HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"P16", "GET /#x HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"P16", "GET /a\\b HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"P17", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"P18", "GET / HTTP/1.01\r\nHost: h\r\n\r\n", "400"},
        {"P18", "GET /\r\nHost: h\r\n\r\n", "400"},
        {"P19", "GET / HTTP/1.2\r\nHost: h\r\n\r\n", "505"},
        {"P19", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "505"},
        {"P21", with("Bad Name: x\r\n"), "400"},
        {"P21", with("Content-Length : 5\r\n", "hello"), "400"},
        {"P21", with("NoColon\r\n"), "400"},
        {"P22", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", "400"},
        {"P23", with("X: a\r\n b\r\n"), "400"},
        {"P24", with(std::string("X: a\0b\r\n", 8)), "400"},
        {"P26",
         with("Content-Length: \x0b"
              "5\r\n",
              "hello"),
         "400"},
        {"P28", "GET / HTTP/1.1\r\n\r\n", "400"},
        {"P28", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
        {"P28", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
        {"P29", "GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
        {"P31", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
        {"P32", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
        {"P32", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), "400"},
        {"P32", with("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", "hello"), "400"},
        {"P33", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
        {"P33", with("Transfer-Encoding: ,chunked\r\n", "0\r\n\r\n"), "400"},
        {"P33", with("Transfer-Encoding:\r\n", "0\r\n\r\n"), "400"},
        {"P33", with("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), "400"},
        {"P33", with("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), "400"},
        {"P34", with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501"},
        {"P34", with("Transfer-Encoding: identity\r\n", "0\r\n\r\n"), "501"},
        {"P36", with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), "400"},
        {"P36", with("Content-Length: 5, 5\r\n", "hello"), "400"},
        {"P36", with("Content-Length: +5\r\n", "hello"), "400"},
        {"P36", with("Content-Length: 0x5\r\n", "hello"), "400"},
        {"P36", with("Content-Length: 05\r\n", "hello"), "400"},
        {"P36", with("Content-Length: 1_0\r\n", "hello"), "400"},
        {"P36", with("Content-Length: 99999999999999999999\r\n", "hello"), "400"},
        {"P36", with("Content-Length:\r\n", "hello"), "400"},
        {"P51", with("Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"), "400"},
        {"P51", with("Transfer-Encoding: chunked\r\n", "5 \r\nhello\r\n0\r\n\r\n"), "400"},
        {"P51", with("Transfer-Encoding: chunked\r\n", "00000000000000005\r\nhello\r\n0\r\n\r\n"), "400"},
        {"P51", with("Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), "400"},
        {"P52", with("Transfer-Encoding: chunked\r\n", "5;\r\nhello\r\n0\r\n\r\n"), "400"},
        {"P52", with("Transfer-Encoding: chunked\r\n", "5;a=\"b\nc\"\r\nhello\r\n0\r\n\r\n"), "400"},
        {"P52", with("Transfer-Encoding: chunked\r\n", "5;a\nhello\r\n0\r\n\r\n"), "400"},
        {"P53", with("Transfer-Encoding: chunked\r\n", "5\r\nhelloX\r\n0\r\n\r\n"), "400"},
        {"P53", with("Transfer-Encoding: chunked\r\n", "5\r\nhello\n0\r\n\r\n"), "400"},
        {"P54", with("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 50\r\n\r\n"), "400"},
        {"P54", with("Transfer-Encoding: chunked\r\n", "0\r\nHost: other\r\n\r\n"), "400"},
        {"P54", with("Transfer-Encoding: chunked\r\n", "0\r\n X\r\n\r\n"), "400"},
        {"X5", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"},
        {"X5", "PRI * HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
    };
}

struct Seen {
    int calls = 0;
    int smuggled = 0;
    std::string bodies;
};

Handler remembering(Seen& seen) {
    return Handler([&seen](Request& request) -> Task<Response> {
        ++seen.calls;
        if (request.path() == "/smuggled") ++seen.smuggled;
        std::string body = co_await request.text();
        seen.bodies += body;
        co_return Response::text("seen");
    });
}

std::string answers_to(Seen& seen, std::vector<std::string> pieces) {
    return statuses(
        run_at_once(talk(remembering(seen), ServerOptions(), std::move(pieces), AfterInput::half_close))
            .bytes);
}

TEST(HttpX1, a_refused_message_is_one_answer_and_the_request_behind_it_is_never_seen) {
    for (const auto& one : corpus()) {
        Seen seen;
        const auto answers = answers_to(seen, {one.input + good});
        EXPECT_EQ(answers, one.answers) << one.rule << " " << one.input;
        EXPECT_EQ(seen.smuggled, 0) << one.rule << " " << one.input;
        EXPECT_LE(seen.calls, 1) << one.rule << " " << one.input;
    }
}

TEST(HttpX1, it_is_the_same_byte_by_byte) {
    for (const auto& one : corpus()) {
        Seen seen;
        std::vector<std::string> pieces;
        for (const char byte : one.input + good) pieces.emplace_back(1, byte);
        const auto answers = answers_to(seen, std::move(pieces));
        EXPECT_EQ(answers, one.answers) << one.rule << " " << one.input;
        EXPECT_EQ(seen.smuggled, 0) << one.rule << " " << one.input;
    }
}

TEST(HttpX1, a_handler_that_reads_no_body_never_has_its_bytes_taken_for_a_request) {
    const auto body = good + good;
    for (const auto* method : {"GET", "HEAD", "DELETE", "OPTIONS", "POST"}) {
        int calls = 0;
        const auto handler = Handler([&calls](Request&) {
            ++calls;
            return Response::text("ignored it");
        });
        const auto head = std::string(method) + " / HTTP/1.1\r\nHost: h\r\n";
        const auto input = head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body + good;
        EXPECT_EQ(statuses(talks::ask(handler, input)), "200 200") << method;
        EXPECT_EQ(calls, 2) << method;
    }
}

TEST(HttpX2, nothing_behind_a_refused_message_is_parsed_even_if_it_comes_later) {
    Seen seen;
    EXPECT_EQ(answers_to(seen, {"GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n", good, good}), "400");
    EXPECT_EQ(seen.calls, 0);
}

TEST(HttpX2, a_refused_message_behind_good_ones_leaves_their_answers_alone) {
    Seen seen;
    EXPECT_EQ(answers_to(seen, {good + good + "GET / HTTP/1.1\r\n\r\n" + good}), "200 200 400");
    EXPECT_EQ(seen.calls, 2);
}

TEST(HttpX3, trailers_never_become_headers) {
    std::string seen;
    std::string trailer;
    const auto handler = Handler([&](Request& request) -> Task<Response> {
        const std::string body = co_await request.text();
        seen = std::string(request.headers().get("X-Role").value_or("none"));
        trailer = std::string(request.body().trailers().get("X-Role").value_or("none"));
        co_return Response::text(body);
    });
    const auto input = with("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\nX-Role: admin\r\n\r\n");
    EXPECT_EQ(statuses(talks::ask(handler, input + good)), "200 200");
    const auto alone = talks::ask(handler, input);
    EXPECT_EQ(seen, "none");
    EXPECT_EQ(trailer, "admin");
    EXPECT_EQ(talks::body_of(alone), "hi");
}

TEST(HttpX5, an_upgrade_that_nobody_offers_is_an_ordinary_request) {
    Seen seen;
    const std::string upgrade =
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
        "x\r\n\r\n";
    EXPECT_EQ(answers_to(seen, {upgrade + good}), "200 200");
}

TEST(HttpP59, a_refusal_is_a_short_text_without_anything_of_the_input_and_closes) {
    Seen seen;
    const auto answer = talks::ask(remembering(seen), "GET /<script> HTTP/1.1\r\nHost: <script>\r\n\r\n");
    EXPECT_EQ(statuses(answer), "400");
    EXPECT_EQ(talks::field(answer, "Connection"), "close");
    EXPECT_EQ(talks::body_of(answer), "400 Bad Request\n");
    EXPECT_EQ(answer.find("script"), std::string::npos);
}

}  // namespace
}  // namespace tandem::http
