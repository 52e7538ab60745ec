// Bodies, limits of size and of time: H156 to H158, L1 to L13.
#include <tandem/http/server_talk_internal.hpp>

#include <gtest/gtest.h>

#include <chrono>
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
using talks::field;
using talks::run_at_once;
using talks::settle;
using talks::statuses;
using talks::talk;

const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

std::string post(const std::string& body, const std::string& fields = {}) {
    return "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
}
std::string chunk(const std::string& text) {
    char size[20];
    std::snprintf(size, sizeof size, "%zx", text.size());
    return std::string(size) + "\r\n" + text + "\r\n";
}
const std::string post_chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n";

Handler echo() {
    return Handler([](Request& request) -> Task<Response> {
        std::string text = co_await request.text();
        co_return Response::text(std::move(text));
    });
}
Handler deaf() {
    return Handler([](Request&) { return Response::text("deaf"); });
}

TEST(RequestBody, arrives_whole_whatever_the_framing_and_the_pieces) {
    std::string large;
    for (int i = 0; large.size() < 200'000; ++i) large += std::to_string(i) + ",";
    EXPECT_EQ(body_of(ask(echo(), post(large))), large);
    const auto chunked =
        post_chunked + "\r\n" + chunk(large.substr(0, 7)) + chunk(large.substr(7)) + "0\r\n\r\n";
    EXPECT_EQ(body_of(ask(echo(), chunked)), large);
    std::vector<std::string> bytes;
    for (const char c : post_chunked + "\r\n" + chunk("hello ") + chunk("world") + "0\r\n\r\n" + get)
        bytes.emplace_back(1, c);
    const auto answer = run_at_once(talk(echo(), ServerOptions(), bytes, AfterInput::half_close)).bytes;
    EXPECT_EQ(statuses(answer), "200 200");
    EXPECT_EQ(body_of(answer).substr(0, 11), "hello world");
}

TEST(RequestBody, can_be_read_in_pieces) {
    std::vector<std::size_t> pieces;
    const auto handler = Handler([&pieces](Request& request) -> Task<Response> {
        char buffer[5];
        std::string all;
        while (const std::size_t count = co_await request.read_some(MutableBytes(buffer, sizeof buffer))) {
            pieces.push_back(count);
            all.append(buffer, count);
        }
        co_return Response::text(std::move(all));
    });
    EXPECT_EQ(body_of(ask(handler, post("hello world!"))), "hello world!");
    EXPECT_EQ(pieces, (std::vector<std::size_t>{5, 5, 2}));
}

TEST(RequestBody, a_peer_that_ends_within_it_is_told_so_and_the_handler_sees_an_error) {
    bool incomplete = false;
    const auto handler = Handler([&incomplete](Request& request) -> Task<Response> {
        try {
            co_await request.bytes();
        } catch (const IncompleteBody& error) {
            incomplete = error.received() == 3 && error.expected() == 10U;
            throw;
        }
        co_return Response::text("never");
    });
    const auto answer = ask(handler, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_EQ(statuses(answer), "400");
    EXPECT_TRUE(incomplete);
}

TEST(RequestBody, of_a_request_that_outlived_its_handler_cannot_be_read) {
    std::vector<Request> kept;
    const auto handler = Handler([&kept](Request& request) {
        kept.push_back(std::move(request));
        return Response::text("kept");
    });
    EXPECT_EQ(statuses(ask(handler, post("abc") + get)), "200 200");
    EXPECT_THROW(run(kept[0].text()), InvalidStateError);
}

TEST(HttpH156, a_small_body_that_nobody_read_is_read_away_and_the_connection_goes_on) {
    EXPECT_EQ(statuses(ask(deaf(), post(std::string(60'000, 'x')) + get)), "200 200");
    std::vector<std::string> late = {
        post(""), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", "a", "b", "c", get};
    EXPECT_EQ(statuses(run_at_once(talk(deaf(), ServerOptions(), late, AfterInput::half_close)).bytes),
              "200 200 200");
}

TEST(HttpH156, a_large_body_that_nobody_read_ends_the_connection_and_the_answer_says_so) {
    const auto answer = ask(deaf(), post(std::string(100'000, 'x')) + get);
    EXPECT_EQ(statuses(answer), "200");
    EXPECT_EQ(field(answer, "Connection"), "close");
    const auto chunked =
        ask(deaf(), post_chunked + "\r\n" + chunk(std::string(100'000, 'x')) + "0\r\n\r\n" + get);
    EXPECT_EQ(statuses(chunked), "200");
    EXPECT_EQ(field(chunked, "Connection"), "close");
}

TEST(HttpH156, a_body_that_does_not_come_is_waited_for_one_second_only) {
    const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";
    Duration waited{};
    const auto timed =
        ServerOptions().access_log([&waited](const AccessRecord& record) { waited = record.total; });
    const auto answer = ask(deaf(), head, timed, AfterInput::wait);
    EXPECT_EQ(statuses(answer), "200");
    EXPECT_EQ(field(answer, "Connection"), "close");
    EXPECT_EQ(waited, 1s);
}

const std::string expecting = "Expect: 100-continue\r\n";

Task<std::string> converse(Handler handler, std::string head, std::string body, std::string* before) {
    io::StreamPair pair = io::stream_pair();
    auto serving = create_task(serve_connection(std::move(pair.second), std::move(handler)));
    co_await pair.first.write_all(head);
    co_await settle();
    char buffer[200];
    if (pair.first.unread_bytes() > 0) {
        const std::size_t count = co_await pair.first.read_some(MutableBytes(buffer, sizeof buffer));
        before->assign(buffer, count);
    }
    co_await pair.first.write_all(body);
    co_await pair.first.shutdown_write();
    talks::Answer answer = co_await talks::read_answer(&pair.first);
    co_await pair.first.close();
    co_await serving;
    co_return answer.bytes;
}

TEST(HttpH157, a_100_goes_out_when_the_handler_first_reads) {
    std::string before;
    const auto head = "POST / HTTP/1.1\r\nHost: h\r\n" + expecting + "Content-Length: 5\r\n\r\n";
    const auto after = run_at_once(converse(echo(), head, "hello" + get, &before));
    EXPECT_EQ(before, "HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ(statuses(after), "200 200");
    EXPECT_EQ(body_of(after).substr(0, 5), "hello");
}

TEST(HttpH157, a_handler_that_does_not_read_sends_no_100_and_the_connection_ends) {
    std::string before;
    const auto head = "POST / HTTP/1.1\r\nHost: h\r\n" + expecting + "Content-Length: 5\r\n\r\n";
    const auto after = run_at_once(converse(deaf(), head, get, &before));
    EXPECT_EQ(statuses(before), "200");
    EXPECT_EQ(field(before, "Connection"), "close");
    EXPECT_EQ(after, "");
}

TEST(HttpH157, a_body_that_is_there_already_does_not_desynchronise) {
    EXPECT_EQ(statuses(ask(echo(), post("hello", expecting) + get)), "200 200");
    EXPECT_EQ(statuses(ask(deaf(), post("hello", expecting) + get)), "200 200");
}

TEST(HttpH157, another_expectation_is_417_and_a_1_0_client_gets_no_100) {
    EXPECT_EQ(statuses(ask(echo(), post("hello", "Expect: miracles\r\n") + get)), "417");
    const auto old = ask(echo(), "POST / HTTP/1.0\r\n" + expecting + "Content-Length: 5\r\n\r\nhello");
    EXPECT_EQ(statuses(old), "200");
}

TEST(HttpH158, a_body_over_the_limit_is_413_before_the_handler_runs_if_it_says_so) {
    int calls = 0;
    const auto handler = Handler([&calls](Request& request) -> Task<Response> {
        ++calls;
        co_await request.bytes();
        co_return Response::text("fine");
    });
    const auto options = ServerOptions().max_body_bytes(10);
    EXPECT_EQ(statuses(ask(handler, post("0123456789") + get, options)), "200 200");
    EXPECT_EQ(calls, 2);
    const auto answer = ask(handler, post("0123456789a") + get, options);
    EXPECT_EQ(statuses(answer), "413");
    EXPECT_EQ(field(answer, "Connection"), "close");
    EXPECT_EQ(calls, 2);
    EXPECT_EQ(
        statuses(ask(handler, post_chunked + "\r\n" + chunk("01234") + chunk("567890") + "0\r\n\r\n" + get,
                     options)),
        "413");
    EXPECT_EQ(calls, 3);
}

TEST(HttpH158, a_route_may_have_a_limit_of_its_own) {
    Router routes;
    routes.post("/", echo())
        .post("/tiny", echo(), RouteOptions::max_body(2))
        .post("/any", echo(), RouteOptions::any_body());
    const auto to = [&](const std::string& path, std::size_t bytes) {
        auto request = post(std::string(bytes, 'x'));
        request.replace(request.find("/ "), 1, path);
        return statuses(ask(routes, request, ServerOptions().max_body_bytes(1000)));
    };
    EXPECT_EQ(to("/", 1000), "200");
    EXPECT_EQ(to("/", 1001), "413");
    EXPECT_EQ(to("/tiny", 2), "200");
    EXPECT_EQ(to("/tiny", 3), "413");
    EXPECT_EQ(to("/any", 2'000'000), "200");
}

TEST(HttpL21, a_body_announced_as_huge_allocates_nothing_before_it_comes) {
    std::size_t reserved = 0;
    const auto handler = Handler([&reserved](Request& request) -> Task<Response> {
        try {
            co_await request.bytes();
        } catch (const IncompleteBody&) {
            reserved = request.body().in_memory().capacity();
        }
        co_return Response::text("x");
    });
    ask(handler, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\n\r\nabc",
        ServerOptions().max_body_bytes(std::nullopt));
    EXPECT_GT(reserved, 0U);
    EXPECT_LT(reserved, 100'000U);
}

TEST(HttpX6, every_limit_of_a_head_has_its_status) {
    const auto with = [](const std::string& fields) {
        return statuses(ask(deaf(), "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + get));
    };
    EXPECT_EQ(statuses(ask(deaf(), "GET /" + std::string(8'200, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n")),
              "414");
    EXPECT_EQ(with("X: " + std::string(17'000, 'a') + "\r\n"), "431");
    EXPECT_EQ(with(std::string(300, 'n') + ": a\r\n"), "400");
    std::string many;
    for (int i = 0; i < 100; ++i) many += "X: a\r\n";
    EXPECT_EQ(with(many), "431");
    std::string large;
    for (int i = 0; i < 7; ++i) large += "X: " + std::string(10'000, 'a') + "\r\n";
    EXPECT_EQ(with(large), "431");
}

struct Timed {
    std::string bytes;
    bool reset = false;
    Duration took{};
};

/// One byte of `input` every `pause`, until the server ends it.
Task<Timed> dribble(std::string input, Duration pause, Handler handler) {
    io::StreamPair pair = io::stream_pair();
    auto serving = create_task(serve_connection(std::move(pair.second), std::move(handler)));
    const auto began = this_loop().time();
    auto reading = create_task(talks::read_answer(&pair.first));
    try {
        for (std::size_t i = 0; i < input.size() && !reading.done(); ++i) {
            const std::string byte(1, input[i]);
            co_await pair.first.write_all(byte);
            co_await sleep(pause);
        }
    } catch (const std::exception&) {
        // It has ended.
    }
    talks::Answer answer = co_await std::move(reading);
    Timed timed;
    timed.bytes = answer.bytes;
    timed.reset = answer.reset;
    timed.took = this_loop().time() - began;
    co_await pair.first.close();
    co_await serving;
    co_return timed;
}

TEST(HttpL10, a_head_that_dribbles_is_cut_with_408_after_ten_seconds) {
    const auto timed =
        run_at_once(dribble("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(100, 'a'), 500ms, deaf()));
    EXPECT_EQ(statuses(timed.bytes), "408");
    EXPECT_GE(timed.took, 10s);
    EXPECT_LE(timed.took, 13s);
}

TEST(HttpL10, the_deadline_of_a_later_head_begins_with_its_first_byte) {
    const auto handler = deaf();
    const auto timed = run_at_once(dribble(get + "GET / HT", 1s, handler));
    // 27 bytes at one a second: the first head itself is too slow.
    EXPECT_EQ(statuses(timed.bytes), "408");
    std::vector<std::string> input{get + "GET / HT"};
    EXPECT_EQ(statuses(run_at_once(talk(handler, ServerOptions(), input, AfterInput::wait)).bytes),
              "200 408");
}

TEST(HttpL11, a_body_slower_than_500_bytes_a_second_is_cut_with_408) {
    const std::string slow = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
    const auto timed = run_at_once(dribble(slow + std::string(1000, 'x'), 50ms, echo()));
    EXPECT_EQ(statuses(timed.bytes), "408");
    EXPECT_GE(timed.took, 15s);
    EXPECT_LE(timed.took, 20s);
    const auto steady = run_at_once(
        dribble("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 20000\r\n\r\n" +
                    std::string(20'000, 'x'),
                1ms, echo()));
    EXPECT_EQ(statuses(steady.bytes), "200");
}

Task<Duration> idle_time(std::string first) {
    io::StreamPair pair = io::stream_pair();
    auto serving = create_task(serve_connection(std::move(pair.second), deaf()));
    const auto began = this_loop().time();
    co_await pair.first.write_all(first);
    talks::Answer answer = co_await talks::read_answer(&pair.first);
    const auto took = this_loop().time() - began;
    EXPECT_FALSE(answer.reset);
    EXPECT_EQ(statuses(answer.bytes), "200");
    co_await pair.first.close();
    co_await serving;
    co_return took;
}

TEST(HttpL12, an_idle_connection_is_closed_quietly_after_a_minute) {
    const auto took = run_at_once(idle_time(get));
    EXPECT_GE(took, 60s);
    EXPECT_LE(took, 61s);
}

Task<Timed> take_nothing() {
    io::StreamPair pair = io::stream_pair();
    const auto handler = Handler([](Request&) { return Response::bytes(std::string(1'000'000, 'x')); });
    auto serving = create_task(serve_connection(std::move(pair.second), handler));
    const auto began = this_loop().time();
    co_await pair.first.write_all(get);
    co_await serving;
    Timed timed;
    timed.took = this_loop().time() - began;
    talks::Answer answer = co_await talks::read_answer(&pair.first);
    timed.reset = answer.reset;
    co_return timed;
}

TEST(HttpL13, a_peer_that_takes_nothing_for_a_minute_is_reset) {
    const auto timed = run_at_once(take_nothing());
    EXPECT_GE(timed.took, 60s);
    EXPECT_LE(timed.took, 61s);
    EXPECT_TRUE(timed.reset);
}

}  // namespace
}  // namespace tandem::http
