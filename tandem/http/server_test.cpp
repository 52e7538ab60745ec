#include <tandem/http/server.hpp>

#include <tandem/http/dates.hpp>
#include <tandem/http/server_talk_internal.hpp>
#include <tandem/io/wait_list.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;
using talks::AfterInput;
using talks::ask;
using talks::body_of;
using talks::count_of;
using talks::field;
using talks::run_at_once;
using talks::statuses;

const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string get_1_0 = "GET / HTTP/1.0\r\n\r\n";

/// Gives its pieces one by one, each in a turn of its own, and may fail at the end.
class Pieces final : public BodySource {
public:
    enum class Then { end, fail };
    explicit Pieces(std::vector<std::string> pieces, Then then = Then::end,
                    std::optional<std::uint64_t> says = {})
        : pieces_(std::move(pieces)), then_(then), says_(says) {}
    Task<std::size_t> read_some(MutableBytes buffer) override {
        co_await checkpoint();
        if (next_ == pieces_.size()) {
            if (then_ == Then::fail) throw std::runtime_error("the source broke");
            co_return std::size_t{0};
        }
        const auto& piece = pieces_[next_++];
        piece.copy(buffer.data(), piece.size());
        co_return piece.size();
    }
    std::optional<std::uint64_t> remaining() const override { return says_; }

private:
    std::vector<std::string> pieces_;
    Then then_;
    std::optional<std::uint64_t> says_;
    std::size_t next_ = 0;
};

Response streamed(std::vector<std::string> pieces, Pieces::Then then = Pieces::Then::end,
                  std::optional<std::uint64_t> says = {}) {
    return Response::stream(std::make_unique<Pieces>(std::move(pieces), then, says));
}

Handler hello() {
    return Handler([](Request&) { return Response::text("hello"); });
}
Handler stream_of_two() {
    return Handler([](Request&) { return streamed({"ab", "cde"}); });
}

TEST(HttpH151, a_coroutine_and_a_plain_function_answer_alike) {
    const auto plain = ask(hello(), get);
    const auto coroutine = ask(
        [](Request&) -> Task<Response> {
            co_await sleep(5ms);
            co_return Response::text("hello");
        },
        get);
    EXPECT_EQ(body_of(plain), "hello");
    EXPECT_EQ(statuses(coroutine), "200");
    EXPECT_EQ(body_of(coroutine), "hello");
}

TEST(HttpH151, a_handler_sees_what_was_asked) {
    std::string seen;
    ask(Handler([&seen](Request& request) {
            seen = request.method() + " " + request.target() + " " + request.url().href() + " " +
                   request.param("q").value_or("none");
            return Response(204);
        }),
        "PUT /a%20b?q=1%2B1 HTTP/1.1\r\nHost: Example.org:8080\r\n\r\n");
    EXPECT_EQ(seen, "PUT /a%20b?q=1%2B1 http://example.org:8080/a%20b?q=1%2B1 1+1");
}

TEST(HttpH154, every_answer_has_a_date_unless_the_handler_gave_one) {
    const auto answer = ask(hello(), get);
    EXPECT_TRUE(parse_http_date(field(answer, "Date")));
    const auto own = ask(Handler([](Request&) {
                             auto response = Response::text("x");
                             response.header("Date", "Sun, 06 Nov 1994 08:49:37 GMT");
                             return response;
                         }),
                         get);
    EXPECT_EQ(count_of(own, "\r\nDate: "), 1U);
    EXPECT_EQ(field(own, "Date"), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(HttpH154, a_known_length_is_announced_and_an_unknown_one_is_chunked) {
    const auto known = ask(hello(), get);
    EXPECT_EQ(field(known, "Content-Length"), "5");
    EXPECT_EQ(field(known, "Transfer-Encoding"), "-");
    const auto unknown = ask(stream_of_two(), get);
    EXPECT_EQ(field(unknown, "Content-Length"), "-");
    EXPECT_EQ(body_of(unknown), "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
    const auto announced =
        ask(Handler([](Request&) { return streamed({"ab", "cde"}, Pieces::Then::end, 5); }), get);
    EXPECT_EQ(field(announced, "Content-Length"), "5");
    EXPECT_EQ(body_of(announced), "abcde");
}

TEST(HttpH154, to_a_1_0_client_nothing_is_chunked_and_the_connection_ends_unless_it_asked) {
    const auto unknown = ask(stream_of_two(), get_1_0 + get_1_0);
    EXPECT_EQ(field(unknown, "Transfer-Encoding"), "-");
    EXPECT_EQ(field(unknown, "Connection"), "close");
    EXPECT_EQ(body_of(unknown), "abcde");
    EXPECT_EQ(field(ask(hello(), get_1_0), "Connection"), "close");
    const std::string keep = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    const auto kept = ask(hello(), keep + keep);
    EXPECT_EQ(statuses(kept), "200 200");
    EXPECT_EQ(field(kept, "Connection"), "keep-alive");
}

TEST(HttpH154, answers_that_have_no_body_send_none) {
    for (const int status : {204, 304}) {
        const auto answer =
            ask(Handler([status](Request&) { return Response::text("not this", status); }), get + get);
        EXPECT_EQ(statuses(answer), std::to_string(status) + " " + std::to_string(status));
        EXPECT_EQ(answer.find("not this"), std::string::npos);
        EXPECT_EQ(field(answer, "Content-Length"), "-");
    }
    EXPECT_EQ(field(ask(Handler([](Request&) { return Response(200); }), get), "Content-Length"), "0");
}

TEST(HttpH154, head_has_the_fields_of_get_and_no_body) {
    const std::string head = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
    const auto known = ask(hello(), head + get);
    EXPECT_EQ(statuses(known), "200 200");
    EXPECT_EQ(field(known, "Content-Length"), "5");
    EXPECT_EQ(count_of(known, "hello"), 1U);
    const auto unknown = ask(stream_of_two(), head + head);
    EXPECT_EQ(statuses(unknown), "200 200");
    EXPECT_EQ(field(unknown, "Transfer-Encoding"), "chunked");
    EXPECT_EQ(unknown.find("cde"), std::string::npos);
}

TEST(HttpH154, a_large_body_arrives_whole) {
    std::string large(3'000'000, 'x');
    for (std::size_t i = 0; i < large.size(); i += 977) large[i] = static_cast<char>('a' + i % 23);
    const auto answer = ask(Handler([&](Request&) { return Response::bytes(large); }), get + get);
    EXPECT_EQ(statuses(answer), "200 200");
    EXPECT_EQ(body_of(answer).substr(0, large.size()), large);
}

TEST(HttpH155, pipelined_requests_are_answered_in_order_one_at_a_time) {
    int running = 0;
    int most = 0;
    int number = 0;
    const auto handler = Handler([&](Request&) -> Task<Response> {
        most = std::max(most, ++running);
        const int mine = ++number;
        co_await sleep(std::chrono::milliseconds(50 - 10 * mine));
        --running;
        co_return Response::text(std::to_string(mine));
    });
    const auto answer = ask(handler, get + get + get + get);
    EXPECT_EQ(statuses(answer), "200 200 200 200");
    EXPECT_EQ(most, 1);
    std::string order;
    for (auto at = answer.find("\r\n\r\n"); at != std::string::npos; at = answer.find("\r\n\r\n", at + 4))
        order += answer[at + 4];
    EXPECT_EQ(order, "1234");
}

TEST(HttpH155, close_is_obeyed_and_echoed_whoever_says_it) {
    const auto theirs = ask(hello(), "GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n" + get);
    EXPECT_EQ(statuses(theirs), "200");
    EXPECT_EQ(field(theirs, "Connection"), "close");
    const auto ours = ask(Handler([](Request&) {
                              auto response = Response::text("last");
                              response.header("Connection", "close");
                              return response;
                          }),
                          get + get);
    EXPECT_EQ(statuses(ours), "200");
    EXPECT_EQ(count_of(ours, "Connection: close"), 1U);
}

Task<std::size_t> unread_behind_a_busy_handler() {
    io::StreamPair pair = io::stream_pair(1'000'000);
    io::WaitList release;
    const auto handler = Handler([&release](Request&) -> Task<Response> {
        co_await release.wait("the test");
        co_return Response::text("done");
    });
    auto serving = create_task(serve_connection(std::move(pair.second), handler));
    std::string many;
    while (many.size() < 500'000) many += get;
    co_await pair.first.write_all(many);
    const auto total = many.size();
    co_await sleep(5s);  // time enough for the watch to read ahead
    std::size_t left = 0;
    // What the server has taken is what it could take from us again: a write of the rest of the buffer goes
    // through.
    std::string filler(1'000'000, 'x');
    const std::size_t taken = co_await pair.first.write_some(filler);
    left = 1'000'000 - taken;
    serving.cancel();
    co_await serving.join();
    co_return total - left;
}

TEST(HttpL16, behind_a_busy_handler_at_most_64_kib_are_read_ahead) {
    const auto taken = run_at_once(unread_behind_a_busy_handler());
    EXPECT_GE(taken, get.size());
    EXPECT_LE(taken, 64U * 1024U + get.size());
}

TEST(HttpH159, an_exception_is_a_500_without_details_and_the_connection_goes_on) {
    int calls = 0;
    const auto answer = ask(Handler([&calls](Request&) -> Response {
                                if (++calls == 1) throw std::runtime_error("the password is 1234");
                                return Response::text("fine");
                            }),
                            get + get);
    EXPECT_EQ(statuses(answer), "500 200");
    EXPECT_EQ(answer.find("1234"), std::string::npos);
}

TEST(HttpH159, an_answer_that_cannot_be_sent_is_a_500) {
    const auto framing = Handler([](Request&) {
        auto response = Response::text("x");
        response.header("Transfer-Encoding", "chunked");
        return response;
    });
    EXPECT_EQ(statuses(ask(framing, get + get)), "500 500");
    EXPECT_EQ(statuses(ask(Handler([](Request&) { return Response(101); }), get)), "500");
}

TEST(HttpH159, a_body_that_fails_is_cut_so_that_the_client_sees_it) {
    for (const auto& says : {std::optional<std::uint64_t>(), std::optional<std::uint64_t>(5)}) {
        const auto handler = Handler([says](Request&) { return streamed({"ab"}, Pieces::Then::fail, says); });
        std::vector<std::string> input{get};
        const auto answer = run_at_once(talks::talk(handler, ServerOptions(), input, AfterInput::wait));
        EXPECT_TRUE(answer.reset);
        EXPECT_EQ(answer.bytes.find("\r\n0\r\n"), std::string::npos);
    }
}

TEST(HttpH159, a_body_that_breaks_its_promise_of_length_is_cut) {
    for (const std::uint64_t says : {3U, 9U}) {
        const auto handler =
            Handler([says](Request&) { return streamed({"ab", "cde"}, Pieces::Then::end, says); });
        std::vector<std::string> input{get};
        EXPECT_TRUE(run_at_once(talks::talk(handler, ServerOptions(), input, AfterInput::wait)).reset);
    }
}

TEST(HttpX26, no_byte_of_a_header_set_by_a_handler_breaks_the_line) {
    for (int byte = 0; byte < 256; ++byte) {
        const std::string value = std::string("a") + static_cast<char>(byte) + "b";
        const auto answer = ask(Handler([&value](Request&) {
                                    auto response = Response::text("x");
                                    response.header("X-Value", value);
                                    return response;
                                }),
                                get);
        const bool refused = (byte < 0x20 && byte != '\t') || byte == 0x7f;
        EXPECT_EQ(statuses(answer), refused ? "500" : "200") << byte;
        EXPECT_EQ(count_of(answer.substr(0, answer.find("\r\n\r\n")), "\n"), refused ? 3U : 4U) << byte;
    }
}

TEST(HttpH167, one_record_per_request_says_what_it_came_to) {
    std::vector<std::string> lines;
    const auto options = ServerOptions().access_log([&lines](const AccessRecord& record) {
        lines.push_back(std::string(record.method) + " " + std::string(record.target) + " " +
                        std::to_string(record.status) + " " + std::to_string(record.bytes_in) + " " +
                        std::to_string(record.total / 1ms));
        EXPECT_GT(record.bytes_out, 50U);
    });
    const auto handler = Handler([](Request& request) -> Task<Response> {
        co_await sleep(20ms);
        if (request.path() == "/b") throw std::runtime_error("no");
        co_return Response::text("x");
    });
    const std::string second = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    ask(handler, get + second, options);
    const std::vector<std::string> expected = {"GET / 200 " + std::to_string(get.size()) + " 20",
                                               "POST /b 500 " + std::to_string(second.size()) + " 20"};
    EXPECT_EQ(lines, expected);
}

TEST(ServerOptions, zero_is_refused_and_names_what_to_do) {
    EXPECT_THROW(ServerOptions().idle(Duration(0)), std::invalid_argument);
    EXPECT_THROW(ServerOptions().max_connections(0), std::invalid_argument);
    EXPECT_THROW(ServerOptions().max_body_bytes(0), std::invalid_argument);
    EXPECT_NO_THROW(ServerOptions().idle(std::nullopt).max_body_bytes(std::nullopt));
}

}  // namespace
}  // namespace tandem::http
