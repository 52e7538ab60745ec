// Rows that fetch pages: by hand over plain streams, with the client, in plain code.
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/server.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/io/read.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/stream_writer.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/demo_site.hpp>
#include <tandem/testing/server_process.hpp>
#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

constexpr std::array<const char*, 3> names = {"www.sina.com.cn", "www.sohu.com", "www.163.com"};

/// Three servers that answer after 0.3 s, and how they are found.
class Hosts {
public:
    Task<void> start() {
        for (const char* name : names) {
            auto server = std::make_unique<Server>([this](Request& request) { return answer(request); });
            co_await server->start();
            where.resolve(name, 80, {net::SocketAddress::ip("127.0.0.1", server->port())});
            servers_.push_back(std::move(server));
        }
    }
    Task<void> stop() {
        for (auto& server : servers_) co_await server->shutdown(1s);
    }
    std::string url(std::size_t host) const { return servers_[host]->url("/"); }

    net::ConnectOptions where;
    int most = 0;

private:
    Task<Response> answer(Request& request) {
        most = std::max(most, ++at_once_);
        co_await sleep(300ms);
        --at_once_;
        co_return Response::html("<h1>Hello</h1>")
            .header("Date", "Tue, 15 Nov 1994 08:12:31 GMT")
            .header("X-Host", request.headers().get("Host").value_or("none"));
    }
    std::vector<std::unique_ptr<Server>> servers_;
    int at_once_ = 0;
};

/// As in examples/wget.cpp.
Task<Lines> wget(const Hosts& hosts, std::string host) {
    Lines headers;
    net::TcpStream stream = co_await net::connect(host, 80, hosts.where);
    net::StreamWriter writer(stream);
    io::LineReader reader(stream);
    writer.write("GET / HTTP/1.0\r\nHost: " + host + "\r\n\r\n");
    co_await writer.drain();
    while (auto line = co_await reader.next()) {
        if (line->empty()) break;
        headers.push_back(*line);
    }
    co_await writer.close();
    co_return headers;
}

Lines head_from(const std::string& host) {
    return {"HTTP/1.1 200 OK",
            "Content-Type: text/html; charset=utf-8",
            "Date: Tue, 15 Nov 1994 08:12:31 GMT",
            "X-Host: " + host,
            "Content-Length: 14",
            "Connection: close"};
}

void expect_heads(const std::vector<Lines>& heads) {
    ASSERT_EQ(heads.size(), names.size());
    for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(heads[i], head_from(names[i]));
}

ASYNC_TEST(E2, three_hosts_at_once_over_plain_streams_give_their_heads_in_the_time_of_one) {
    Hosts hosts;
    co_await hosts.start();
    const auto begin = this_loop().time();
    const auto [sina, sohu, netease] =
        co_await gather(wget(hosts, names[0]), wget(hosts, names[1]), wget(hosts, names[2]));
    const auto took = this_loop().time() - begin;
    co_await hosts.stop();

    expect_heads({sina, sohu, netease});
    EXPECT_EQ(took, 300ms);
    EXPECT_EQ(hosts.most, 3);
}

ASYNC_TEST(E3, tasks_that_are_waited_for_give_the_same) {
    Hosts hosts;
    co_await hosts.start();
    std::vector<TaskHandle<Lines>> tasks;
    for (const char* name : names) tasks.push_back(create_task(wget(hosts, name)));
    co_await wait(tasks);
    co_await hosts.stop();

    std::vector<Lines> heads;
    for (const auto& task : tasks) heads.push_back(task.result());
    expect_heads(heads);
    EXPECT_EQ(hosts.most, 3);
}

ASYNC_TEST_REAL_TIME(O1, curl_sees_the_same_head) {
    if (!testing::find_program("curl")) co_return;
    Hosts hosts;
    co_await hosts.start();
    const std::string url = hosts.url(1);
    const auto [printed, ours] = co_await gather(
        to_thread(testing::printed_by, "curl -sI --http1.0 -m 20 -H 'Host: www.sohu.com' " + url),
        wget(hosts, names[1]));
    co_await hosts.stop();

    std::string lines;
    for (const auto& line : ours) lines += line + "\r\n";
    EXPECT_EQ(printed, lines + "\r\n");
    EXPECT_EQ(hosts.most, 2);
}

ASYNC_TEST(O1, each_of_three_hosts_is_asked_by_its_own_name) {
    Hosts hosts;
    co_await hosts.start();
    std::vector<Task<Lines>> tasks;
    for (const char* name : names) tasks.push_back(wget(hosts, name));
    const auto heads = co_await gather(std::move(tasks));
    co_await hosts.stop();

    expect_heads(heads);
}

Task<std::string> fetch(std::string url) {
    auto response = co_await get(url);
    co_return co_await response.text();
}

Task<std::vector<std::string>> fetch_at_once(std::vector<std::string> urls) {
    std::vector<Task<std::string>> fetches;
    for (const auto& url : urls) fetches.push_back(fetch(url));
    co_return co_await gather(std::move(fetches));
}

TEST(F2, three_pages_take_the_sum_in_plain_code_and_the_longest_at_once_and_are_the_same) {
    using Clock = std::chrono::steady_clock;
    const testing::DemoServer site;
    const std::vector<std::string> urls = {site.url("/delay/0.1"), site.url("/delay/0.2"),
                                           site.url("/delay/0.3")};
    auto begin = Clock::now();
    std::vector<std::string> in_turn;
    for (const auto& url : urls) in_turn.push_back(fetch(url).get());
    const auto sync_time = Clock::now() - begin;
    begin = Clock::now();
    const auto at_once = run(fetch_at_once(urls));
    const auto async_time = Clock::now() - begin;

    EXPECT_EQ(in_turn, at_once);
    EXPECT_EQ(in_turn,
              (std::vector<std::string>{"{\"delay\": 0.1}", "{\"delay\": 0.2}", "{\"delay\": 0.3}"}));
    EXPECT_GE(sync_time, 600ms);
    EXPECT_GE(async_time, 300ms);
    EXPECT_LT(async_time, sync_time - 100ms);
    EXPECT_EQ(site.counts().most_simultaneous, 3U);
}

/// Answers at `/`, and nowhere else ever.
Handler silent_elsewhere() {
    return Handler([](Request& request) -> Task<Response> {
        if (request.path() != "/") co_await sleep(24h);
        co_return Response::text("here I am");
    });
}

/// Where no loop's client must stay.
Task<void> get_within_ten_seconds(Client& client, std::string url, std::string& page) {
    auto response = co_await timeout(10s, client.get(url));
    EXPECT_EQ(response.status(), 200);
    page = co_await response.text();
}

ASYNC_TEST(Q3g, a_page_comes_in_time_and_a_server_that_never_answers_is_a_timeout_at_ten_seconds) {
    Server server(silent_elsewhere());
    co_await server.start();
    Client client;
    std::string page;
    co_await get_within_ten_seconds(client, server.url("/"), page);
    const auto begin = this_loop().time();
    const auto late = co_await as_result(get_within_ten_seconds(client, server.url("/never"), page));
    const auto took = this_loop().time() - begin;
    co_await client.close();
    co_await server.shutdown(1s);

    EXPECT_EQ(page, "here I am");
    EXPECT_TRUE(late.has_error() && late.error().is<tandem::TimeoutError>());
    EXPECT_EQ(took, 10s);
}

// Q3j, as in examples/many_fetches.cpp.

using Pages = std::vector<std::string>;
constexpr std::array<int, 4> waits = {1, 5, 3, 2};

Task<std::string> page_by_hand(net::SocketAddress server, int seconds) {
    net::TcpStream stream = co_await net::connect(server);
    co_await stream.write_all("GET /" + std::to_string(seconds) + " HTTP/1.0\r\n\r\n");
    const std::string response = co_await io::read_all(stream);
    co_await stream.close();
    co_return response.substr(response.find("\r\n\r\n") + 4);
}

Pages sync_client(net::SocketAddress server) {
    Pages pages;
    for (const int seconds : waits) pages.push_back(page_by_hand(server, seconds).get());
    return pages;
}

Task<Pages> one_by_one(net::SocketAddress server) {
    Pages pages;
    for (const int seconds : waits) {
        std::string text = co_await page_by_hand(server, seconds);
        pages.push_back(std::move(text));
    }
    co_return pages;
}

Task<Pages> together(net::SocketAddress server) {
    std::vector<Task<std::string>> pages;
    for (const int seconds : waits) pages.push_back(page_by_hand(server, seconds));
    co_return co_await gather(std::move(pages));
}

Task<std::string> page_by(Client& client, std::string url) {
    auto response = co_await client.get(url);
    co_return co_await response.text();
}

Task<Pages> with_client(Client& client, const Server& server) {
    std::vector<Task<std::string>> pages;
    for (const int seconds : waits)
        pages.push_back(page_by(client, server.url("/" + std::to_string(seconds))));
    co_return co_await gather(std::move(pages));
}

struct Timed {
    Pages pages;
    Duration took{};
};

Task<Timed> timed(Task<Pages> work) {
    const auto begin = this_loop().time();
    Timed timed;
    timed.pages = co_await std::move(work);
    timed.took = this_loop().time() - begin;
    co_return timed;
}

Task<Response> wait_and_answer(Request& request) {
    const std::string seconds(request.path_value("seconds"));
    co_await sleep(std::chrono::seconds(std::stoi(seconds)));
    co_return Response::text("Waited for " + seconds + " seconds.");
}

ASYNC_TEST(Q3j, four_clients_of_a_slow_server_get_the_same_pages_in_11_11_5_and_5_seconds) {
    Router routes;
    routes.get("/{seconds}", wait_and_answer);
    Server server(routes);
    co_await server.start();
    const auto address = net::SocketAddress::ip("127.0.0.1", server.port());
    Client client;
    const Timed sync = co_await timed(in_fiber(sync_client, address));
    const Timed in_turn = co_await timed(one_by_one(address));
    const Timed at_once = co_await timed(together(address));
    const Timed pooled = co_await timed(with_client(client, server));
    co_await client.close();
    co_await server.shutdown(1s);

    const Pages expected = {"Waited for 1 seconds.", "Waited for 5 seconds.", "Waited for 3 seconds.",
                            "Waited for 2 seconds."};
    EXPECT_EQ(sync.pages, expected);
    EXPECT_EQ(in_turn.pages, expected);
    EXPECT_EQ(at_once.pages, expected);
    EXPECT_EQ(pooled.pages, expected);
    EXPECT_EQ(sync.took, 11s);
    EXPECT_EQ(in_turn.took, 11s);
    EXPECT_EQ(at_once.took, 5s);
    EXPECT_EQ(pooled.took, 5s);
}

}  // namespace
}  // namespace tandem::http
