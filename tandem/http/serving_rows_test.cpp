// Rows of HTTP servers under load and at their end, as in examples/http_serving.cpp; curl and ab judge.
#include <tandem/bridge/to_thread.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/generated_body.hpp>
#include <tandem/http/server.hpp>
#include <tandem/io/read.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/leftovers.hpp>
#include <tandem/testing/server_process.hpp>
#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace tandem::http {
namespace {

using tandem::testing::open_descriptors;

using namespace std::chrono_literals;

Response application(Request&) { return Response::html("<p>Hello World</p>"); }

ASYNC_TEST_REAL_TIME(J21, curl_sees_the_length_of_the_page) {
    if (!testing::find_program("curl")) co_return;
    Server server(application);
    co_await server.start();
    const std::string printed =
        co_await to_thread(testing::printed_by, "curl -si -m 20 " + server.url("/") + " 2>&1");
    co_await server.shutdown(1s);

    EXPECT_NE(printed.find("\r\nContent-Length: 18\r\n"), std::string::npos) << printed;
    EXPECT_TRUE(printed.ends_with("\r\n\r\n<p>Hello World</p>")) << printed;
}

AsyncGenerator<std::string> hello_world() {
    co_yield "<p>Hello";
    co_yield "World</p>";
}

ASYNC_TEST_REAL_TIME(J22, curl_sees_a_chunk_for_each_yield_and_the_closing_one) {
    if (!testing::find_program("curl")) co_return;
    Server server([](Request&) { return Response::stream(generated_body(hello_world()), "text/html"); });
    co_await server.start();
    const std::string raw =
        co_await to_thread(testing::printed_by, "curl -s --raw -m 20 " + server.url("/") + " 2>&1");
    const std::string page =
        co_await to_thread(testing::printed_by, "curl -s -m 20 " + server.url("/") + " 2>&1");
    co_await server.shutdown(1s);

    EXPECT_EQ(raw, "8\r\n<p>Hello\r\n9\r\nWorld</p>\r\n0\r\n\r\n");
    EXPECT_EQ(page, "<p>HelloWorld</p>");
}

Task<void> produce(Queue<std::string>& data_source) {
    for (int i = 0; i < 3; ++i) {
        data_source.put_nowait("Hello World\n");
        co_await sleep(1s);
    }
    co_await sleep(9s);
    data_source.put_nowait("Hello again\n");
}

AsyncGenerator<std::string> ajax_endpoint(Queue<std::string>& data_source, int& empty_polls) {
    for (;;) {
        const auto datum = co_await move_on_after(5s, data_source.get());
        if (datum)
            co_yield *datum;
        else
            ++empty_polls;
    }
}

ASYNC_TEST(J23, each_line_comes_when_it_was_put_and_the_connection_outlives_polls_without_one) {
    Queue<std::string> data_source;
    int empty_polls = 0;
    Server server([&](Request&) {
        return Response::stream(generated_body(ajax_endpoint(data_source, empty_polls)), "application/json");
    });
    co_await server.start();
    Client client;
    const auto begin = this_loop().time();
    auto producing = create_task(produce(data_source));
    auto response = co_await client.get(server.url("/"));
    std::vector<std::string> lines;
    std::vector<Duration> times;
    for (int line = 0; line < 4; ++line) {
        auto chunk = co_await response.next_chunk();
        lines.push_back(chunk.value_or("end"));
        times.push_back(this_loop().time() - begin);
    }
    co_await client.close();
    co_await producing;
    co_await server.shutdown(1s);

    EXPECT_EQ(lines,
              (std::vector<std::string>{"Hello World\n", "Hello World\n", "Hello World\n", "Hello again\n"}));
    EXPECT_EQ(times, (std::vector<Duration>{0s, 1s, 2s, 12s}));
    EXPECT_GE(empty_polls, 1);
}

ASYNC_TEST_REAL_TIME(J26, ab_counts_ten_thousand_complete_requests_and_no_failed_one) {
    if (!testing::find_program("ab")) co_return;
    Server server(application);
    co_await server.start();
    const std::string report =
        co_await to_thread(testing::printed_by, "ab -q -s 20 -n 10000 -c 100 " + server.url("/") + " 2>&1");
    co_await server.shutdown(1s);

    EXPECT_NE(report.find("Complete requests:      10000\n"), std::string::npos) << report;
    EXPECT_NE(report.find("Failed requests:        0\n"), std::string::npos) << report;
    EXPECT_EQ(report.find("Non-2xx"), std::string::npos) << report;
    EXPECT_EQ(server.counts().requests, 10'000U);
}

const std::string get_and_close = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

Task<std::string> ask(std::uint16_t port) {
    net::TcpStream stream = co_await net::connect("127.0.0.1", port);
    co_await stream.write_all(get_and_close);
    const std::string answer = co_await io::read_all(stream);
    co_await stream.close();
    co_return answer.substr(0, answer.find("\r\n"));
}

ASYNC_TEST(V7, of_a_hundred_that_come_at_once_ten_are_handled_and_the_others_wait_until_all_are_served) {
    int now = 0;
    int most = 0;
    const Handler handler([&](Request&) -> Task<Response> {
        most = std::max(most, ++now);
        co_await sleep(10ms);
        --now;
        co_return Response::text("served");
    });
    Server server(handler, ServerOptions().max_connections(10));
    co_await server.start();
    std::vector<Task<std::string>> clients;
    for (int i = 0; i < 100; ++i) clients.push_back(ask(server.port()));
    const auto answers = co_await gather(std::move(clients));
    const auto accepted = server.counts().connections_accepted;
    co_await server.shutdown(1s);

    EXPECT_EQ(most, 10);
    EXPECT_EQ(accepted, 100U);
    EXPECT_EQ(std::count(answers.begin(), answers.end(), "HTTP/1.1 200 OK"), 100);
}

// V9

std::int64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::int64_t pages = 0;
    statm >> pages >> pages;
    return pages * 4096;
}

// What sanitizers keep of freed memory is not ours.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool memory_tells = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool memory_tells = false;
#else
constexpr bool memory_tells = true;
#endif
#else
constexpr bool memory_tells = true;
#endif

/// Asks a million times and never reads.
Task<void> pipeline(net::TcpStream& stream) {
    std::string some;
    for (int i = 0; i < 100; ++i) some += "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for (int i = 0; i < 1'000'000; i += 100) co_await stream.write_all(some);
}

Task<void> until_stalled(const Server& server) {
    std::uint64_t answered = 0;
    do {
        answered = server.counts().requests;
        co_await sleep(200ms);
    } while (server.counts().requests != answered);
}

/// How long all but the slowest hundredth of `count` calls took.
Task<Duration> p99(Client& client, std::string url, std::size_t count) {
    std::vector<Duration> took;
    for (std::size_t i = 0; i < count; ++i) {
        const auto begin = this_loop().time();
        auto response = co_await client.get(url);
        co_await response.bytes();
        took.push_back(this_loop().time() - begin);
    }
    std::sort(took.begin(), took.end());
    co_return took[count * 99 / 100];
}

ASYNC_TEST_NETWORK(V9, who_pipelines_a_million_requests_and_never_reads_costs_no_memory_and_slows_nobody) {
    Server server(application);
    co_await server.start();
    Client other;
    const auto url = server.url("/");
    co_await p99(other, url, 200);
    const auto usual = co_await p99(other, url, 1'000);
    net::TcpStream stream = co_await net::connect("127.0.0.1", server.port());
    const auto before = resident_bytes();
    const auto requests_before = server.counts().requests;
    auto asking = create_task(pipeline(stream));
    co_await until_stalled(server);
    const auto more = resident_bytes() - before;
    const auto answered = server.counts().requests - requests_before;
    const auto beside = co_await p99(other, url, 1'000);
    const bool still_asking = !asking.done();
    asking.cancel();
    co_await asking.join_only();
    stream.abort();
    co_await other.close();
    co_await server.shutdown(1s);

    EXPECT_TRUE(still_asking);
    EXPECT_GT(answered, 1'000U);
    EXPECT_LT(answered, 1'000'000U);
    EXPECT_LT(memory_tells ? more : 0, 2'000'000);
    EXPECT_LE(beside, 2 * usual + 2ms);  // of a machine that others use too
}

ASYNC_TEST(V9, while_such_a_client_is_being_answered_others_have_their_turns) {
    Server server(application);
    co_await server.start();
    Client other;
    const auto url = server.url("/");
    co_await p99(other, url, 1);
    net::TcpStream stream = co_await net::connect("127.0.0.1", server.port());
    auto asking = create_task(pipeline(stream));
    const auto before = server.counts().requests;
    while (server.counts().requests == before) co_await checkpoint();
    const auto begun = server.counts().requests;
    auto response = co_await other.get(url);
    co_await response.bytes();
    const auto passed_over = server.counts().requests - begun;
    asking.cancel();
    co_await asking.join_only();
    stream.abort();
    co_await other.close();
    co_await server.shutdown(1s);

    EXPECT_LT(passed_over, 100U);
}

ASYNC_TEST(V9, in_the_end_it_is_cut_off) {
    Server server(application);
    co_await server.start();
    net::TcpStream stream = co_await net::connect("127.0.0.1", server.port());
    auto asking = create_task(pipeline(stream));
    const auto begin = this_loop().time();
    const auto end = co_await asking.join();
    const auto took = this_loop().time() - begin;
    stream.abort();
    co_await server.shutdown(1s);

    EXPECT_TRUE(end.has_error());
    EXPECT_GE(took, 60s);
    EXPECT_LT(took, 180s);
    EXPECT_EQ(server.counts().connections, 0U);
}

// V21

struct Work {
    int finished = 0;
    int cancelled = 0;

    Task<Response> answer(Request& request) {
        try {
            co_await sleep(request.path() == "/short" ? 1s : 1h);
        } catch (const Cancelled&) {
            ++cancelled;
            throw;
        }
        ++finished;
        co_return Response::text("done");
    }
};

Task<int> status_of(Client& client, std::string url) {
    auto response = co_await as_result(client.get(url));
    co_return response.has_value() ? response.value().status() : 0;
}

ASYNC_TEST(V21, a_server_finishes_what_ends_in_time_cancels_the_rest_and_leaves_neither_task_nor_descriptor) {
    const auto tasks = all_tasks(this_loop()).size();
    const auto descriptors = open_descriptors();
    Work work;
    Client client;
    std::uint16_t port = 0;
    Duration took{};
    int short_status = 0;
    int long_status = 0;
    {
        Server server([&work](Request& request) { return work.answer(request); });
        co_await server.start();
        port = server.port();
        auto quick = create_task(status_of(client, server.url("/short")));
        auto slow = create_task(status_of(client, server.url("/long")));
        co_await sleep(500ms);
        const auto begin = this_loop().time();
        co_await server.shutdown(2s);
        took = this_loop().time() - begin;
        short_status = co_await quick;
        long_status = co_await slow;
    }
    const auto late = co_await as_result(net::connect("127.0.0.1", port));
    co_await client.close();

    EXPECT_EQ(took, 2s);
    EXPECT_EQ(work.finished, 1);
    EXPECT_EQ(work.cancelled, 1);
    EXPECT_EQ(short_status, 200);
    EXPECT_EQ(long_status, 0);
    EXPECT_TRUE(late.has_error());
    EXPECT_EQ(all_tasks(this_loop()).size(), tasks);
    EXPECT_EQ(open_descriptors(), descriptors);
}

ASYNC_TEST(V21, leaving_the_scope_of_a_server_ends_its_requests_too) {
    const auto tasks = all_tasks(this_loop()).size();
    Work work;
    Client client;
    auto listener = co_await net::listen({.host = "127.0.0.1"});
    const auto url = "http://" + listener.local_address() + "/long";
    auto serving = create_task(serve(listener, [&work](Request& request) { return work.answer(request); }));
    auto asking = create_task(status_of(client, url));
    co_await sleep(500ms);
    serving.cancel();
    co_await serving.join_only();
    const int cancelled_by_then = work.cancelled;
    const int status = co_await asking;
    co_await client.close();

    EXPECT_EQ(cancelled_by_then, 1);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(all_tasks(this_loop()).size(), tasks);
}

}  // namespace
}  // namespace tandem::http
