#include <tandem/http/h1_writer.hpp>

#include <tandem/http/errors.hpp>
#include <tandem/http/h1_parser.hpp>

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>

namespace tandem::http {
namespace {

std::string request(std::string_view method, std::string_view target, const Headers& headers,
                    const BodyFraming& body = {}) {
    std::string out;
    write_request_head(out, method, target, headers, body);
    return out;
}

TEST(HttpH13, a_request_head_keeps_the_order_of_fields_and_adds_the_framing) {
    EXPECT_EQ(request("POST", "/a?b", {{"Host", "h:81"}, {"b", "2"}, {"A", "1"}}, BodyFraming::bytes(12)),
              "POST /a?b HTTP/1.1\r\nHost: h:81\r\nb: 2\r\nA: 1\r\nContent-Length: 12\r\n\r\n");
    EXPECT_EQ(request("POST", "/", {{"Host", "h"}}, BodyFraming::chunked()),
              "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST(HttpH13, a_response_head_has_the_usual_reason_and_the_connection_field) {
    std::string out;
    write_response_head(out, 404, "", {{"X", "y"}}, BodyFraming::bytes(0), ConnectionField::close);
    EXPECT_EQ(out, "HTTP/1.1 404 Not Found\r\nX: y\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    out.clear();
    write_response_head(out, 200, "Fine", {}, BodyFraming::bytes(1), ConnectionField::keep_alive,
                        HttpVersion::http_1_0);
    EXPECT_EQ(out, "HTTP/1.0 200 Fine\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n");
    out.clear();
    write_response_head(out, 200, "", {{"Connection", "close"}}, BodyFraming::until_close());
    EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}

TEST(HttpH14, framing_fields_of_the_user_are_refused) {
    for (const auto& [name, value] :
         {HeaderField{"Transfer-Encoding", "chunked"}, HeaderField{"keep-alive", "5"},
          HeaderField{"Proxy-Connection", "close"}, HeaderField{"HTTP2-Settings", "x"},
          HeaderField{"Upgrade", "h2c"}, HeaderField{"Connection", "keep-alive"},
          HeaderField{"Connection", "close, upgrade"}, HeaderField{"Content-Length", "4"},
          HeaderField{"Content-Length", "05"}, HeaderField{"Content-Length", "5, 5"}}) {
        auto out = std::string("kept");
        const auto headers = Headers{{"Host", "h"}, {name, value}};
        EXPECT_THROW(write_request_head(out, "POST", "/", headers, BodyFraming::bytes(5)), InvalidHeader)
            << name;
        EXPECT_THROW(check_user_headers(headers, BodyFraming::bytes(5)), InvalidHeader) << name;
        EXPECT_EQ(out, "kept") << "nothing is written before all is checked";
    }
    EXPECT_THROW(check_user_headers({{"Content-Length", "5"}}, BodyFraming::chunked()), InvalidHeader);
    EXPECT_EQ(request("POST", "/", {{"Host", "h"}, {"Content-Length", "5"}, {"Connection", "close"}},
                      BodyFraming::bytes(5)),
              "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
}

TEST(HttpH12, method_target_and_reason_are_checked_before_a_byte_is_written) {
    const auto host = Headers{{"Host", "h"}};
    EXPECT_THROW((void)request("GE T", "/", host), InvalidRequest);
    EXPECT_THROW((void)request("GET\r\n", "/", host), InvalidRequest);
    EXPECT_THROW((void)request("", "/", host), InvalidRequest);
    EXPECT_THROW((void)request("GET", "/a b", host), InvalidRequest);
    EXPECT_THROW((void)request("GET", "/a\r\nX: y", host), InvalidRequest);
    EXPECT_THROW((void)request("GET", "", host), InvalidRequest);
    EXPECT_THROW((void)request("GET", "*", host), InvalidRequest);
    EXPECT_THROW((void)request("GET", "/", {}), InvalidRequest);
    EXPECT_THROW((void)request("GET", "/", {{"Host", "a"}, {"Host", "b"}}), InvalidRequest);
    EXPECT_THROW((void)request("GET", "/", {{"Host", "a b"}}), InvalidHeader);
    std::string out;
    EXPECT_THROW(write_response_head(out, 200, "O\rK", {}), InvalidRequest);
    EXPECT_THROW(write_response_head(out, 99, "", {}), InvalidRequest);
    EXPECT_THROW(write_response_head(out, 204, "", {}, BodyFraming::bytes(1)), InvalidRequest);
    EXPECT_TRUE(out.empty());
}

TEST(HttpX26, no_byte_through_any_setter_can_end_a_line) {
    for (int value = 0; value < 256; ++value) {
        const auto text = std::string("a") + static_cast<char>(value) + "b";
        const bool ends = value == '\r' || value == '\n' || value == '\0';
        const auto throws = [&](auto write) {
            try {
                write();
                return false;
            } catch (const Error&) {
                return true;
            }
        };
        std::string out;
        const auto host = Headers{{"Host", "h"}};
        const auto name = [&] { Headers{{text, "v"}}; };
        const auto field = [&] { Headers{{"n", text}}; };
        const auto method = [&] { write_request_head(out, text, "/", host); };
        const auto target = [&] { write_request_head(out, "GET", "/" + text, host); };
        const auto reason = [&] { write_response_head(out, 200, text, {}); };
        for (const bool refused :
             {throws(name), throws(field), throws(method), throws(target), throws(reason)}) {
            EXPECT_TRUE(refused || !ends) << value;
        }
        EXPECT_EQ(out.find('\0'), std::string::npos) << value;
        EXPECT_EQ(throws(field), (value < 0x20 && value != '\t') || value == 0x7f) << value;
    }
}

TEST(HttpP54, forbidden_trailers_are_not_written) {
    std::string out;
    EXPECT_THROW(write_last_chunk(out, {{"Content-Length", "5"}}), InvalidHeader);
    EXPECT_THROW(write_chunk_header(out, 0), InvalidRequest);
    EXPECT_TRUE(out.empty());
    write_last_chunk(out, {{"X-Sum", "1"}});
    EXPECT_EQ(out, "0\r\nX-Sum: 1\r\n\r\n");
}

/// Random messages out of everything that the writer takes.
class RandomMessages {
public:
    explicit RandomMessages(unsigned seed) : random_(seed) {}

    std::string text(std::string_view alphabet, std::size_t at_least, std::size_t at_most) {
        std::string made;
        const auto size = at_least + random_() % (at_most - at_least + 1);
        while (made.size() < size) made += alphabet[random_() % alphabet.size()];
        return made;
    }
    std::string token(std::size_t at_most) { return text("abcXYZ019!#$%&'*+-.^_`|~", 1, at_most); }
    Headers fields() {
        Headers made;
        for (auto left = random_() % 8; left > 0; --left) {
            std::string value;
            for (auto size = random_() % 30; size > 0; --size) {
                const auto byte = static_cast<unsigned char>(random_() % 256);
                const bool fine = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
                value += fine ? static_cast<char>(byte) : 'v';
            }
            made.add("X-" + token(10), value);
        }
        return made;
    }
    std::string body() {
        std::string made;
        for (auto size = random_() % 100; size > 0; --size) made += static_cast<char>(random_() % 256);
        return made;
    }
    unsigned next(unsigned below) { return static_cast<unsigned>(random_() % below); }

private:
    std::mt19937 random_;
};

struct Message {
    RequestHead request;
    ResponseHead response;
    std::string body;
    Headers trailers;
    bool complete = false;
    bool keep_alive = false;
    bool quirks = false;
};

Message read_back(H1Role role, std::string_view input) {
    auto parser = H1Parser(role);
    Message message;
    for (;;) {
        const auto step = parser.feed(input);
        input.remove_prefix(step.consumed);
        switch (step.event) {
            case H1Event::head:
                message.request = parser.request();
                message.response = parser.response();
                break;
            case H1Event::body:
                message.body.append(step.body.data(), step.body.size());
                break;
            case H1Event::trailers:
                message.trailers = parser.trailers();
                break;
            case H1Event::end:
                message.complete = input.empty();
                message.keep_alive = parser.keep_alive();
                message.quirks = !parser.quirks().empty();
                return message;
            default:
                return message;
        }
    }
}

/// The body as the framing wants it, in random chunks.
std::string write_body(RandomMessages& random, const BodyFraming& framing, std::string_view body,
                       const Headers& trailers) {
    if (framing.framing != Framing::chunked) return std::string(body);
    std::string out;
    while (!body.empty()) {
        const auto size = std::min<std::size_t>(body.size(), 1 + random.next(40));
        write_chunk_header(out, size);
        out.append(body.substr(0, size)).append(chunk_end);
        body.remove_prefix(size);
    }
    write_last_chunk(out, trailers);
    return out;
}

TEST(HttpP58, every_request_that_is_written_reads_back_equal) {
    auto random = RandomMessages(58);
    for (int round = 0; round < 3'000; ++round) {
        auto headers =
            Headers{{"Host", random.text("abc.-_~1", 1, 20) + (random.next(2) == 0 ? ":8080" : "")}};
        for (const auto [name, value] : random.fields()) headers.add(name, value);
        const auto method = random.next(2) == 0 ? "GET" : "M" + random.token(30);
        const auto target = "/" + random.text("abc/?=&%;:@!$'()*+,-._~[]{}|^\"<>`0", 0, 40);
        const auto body = random.body();
        const auto framing = random.next(2) == 0 ? BodyFraming::bytes(body.size()) : BodyFraming::chunked();
        const auto trailers = framing.framing == Framing::chunked ? random.fields() : Headers();

        std::string out;
        write_request_head(out, method, target, headers, framing);
        out += write_body(random, framing, body, trailers);
        const auto message = read_back(H1Role::request, out);

        ASSERT_TRUE(message.complete) << escape_excerpt(out, 2'000);
        EXPECT_FALSE(message.quirks);
        EXPECT_TRUE(message.keep_alive);
        EXPECT_EQ(message.request.method, method);
        EXPECT_EQ(message.request.target, target);
        EXPECT_EQ(message.body, body);
        EXPECT_EQ(message.trailers, trailers);
        auto read = message.request.headers;
        read.remove("Content-Length");
        read.remove("Transfer-Encoding");
        EXPECT_EQ(read, headers);
    }
}

TEST(HttpP58, every_response_that_is_written_reads_back_equal) {
    auto random = RandomMessages(59);
    for (int round = 0; round < 3'000; ++round) {
        const auto headers = random.fields();
        const auto status = 200 + static_cast<int>(random.next(800));
        const bool bodyless = status == 204 || status == 304;
        const auto body = bodyless ? std::string() : random.body();
        const auto framing = bodyless              ? BodyFraming::none()
                             : random.next(2) == 0 ? BodyFraming::bytes(body.size())
                                                   : BodyFraming::chunked();
        const auto trailers = framing.framing == Framing::chunked ? random.fields() : Headers();
        const auto reason = "R" + random.text("abc \xe9,:", 0, 20) + "e";

        std::string out;
        write_response_head(out, status, reason, headers, framing);
        out += write_body(random, framing, body, trailers);
        const auto message = read_back(H1Role::response, out);

        ASSERT_TRUE(message.complete) << escape_excerpt(out, 2'000);
        EXPECT_FALSE(message.quirks) << escape_excerpt(out, 2'000);
        EXPECT_EQ(message.response.status, status);
        EXPECT_EQ(message.response.reason, reason);
        EXPECT_EQ(message.body, body);
        EXPECT_EQ(message.trailers, trailers);
        auto read = message.response.headers;
        read.remove("Content-Length");
        read.remove("Transfer-Encoding");
        EXPECT_EQ(read, headers);
    }
}

}  // namespace
}  // namespace tandem::http
