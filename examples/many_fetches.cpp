// Fetches one by one and at once, within a limit, and in the order in which they end.
#include <tandem/io/read.hpp>
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

Task<int> task(int id, Duration length) {
    co_await sleep(length);
    co_return id;
}

Task<std::string> fetch_date(std::string url) {
    auto response = co_await http::get(url);
    co_return std::string(response.headers().get("Date").value_or("no date"));
}

Task<int> fetch_delayed(std::string url, int id) {
    auto response = co_await http::get(url);
    co_await response.bytes();
    co_return id;
}

Task<void> nine() {
    std::mt19937 random(9);
    std::vector<Duration> lengths;
    for (int i = 0; i < 9; ++i) lengths.push_back(std::chrono::milliseconds(random() % 90));
    std::string one_by_one;
    for (int i = 0; i < 9; ++i)
        one_by_one += std::to_string(co_await task(i + 1, lengths[static_cast<std::size_t>(i)] / 10));
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 9; ++i) tasks.push_back(task(i + 1, lengths[static_cast<std::size_t>(i)]));
    std::vector<std::pair<Duration, int>> by_length;
    for (int i = 0; i < 9; ++i) by_length.emplace_back(lengths[static_cast<std::size_t>(i)], i + 1);
    std::sort(by_length.begin(), by_length.end());
    std::string at_once;
    auto done = as_completed(std::move(tasks));
    while (auto handle = co_await done.next()) at_once += std::to_string(handle->result());
    std::string expected;
    for (auto& [length, id] : by_length) expected += std::to_string(id);
    std::printf("one by one: %s\nat once: in the order of their sleeps: %s\n", one_by_one.c_str(),
                at_once == expected ? "yes" : "no");
}

Task<void> in_order_of_completion(std::vector<Task<int>> fetches) {
    auto done = as_completed(std::move(fetches));
    std::string mark;
    while (auto handle = co_await done.next()) {
        mark += ">>";
        std::printf("%s fetch %d\n", mark.c_str(), handle->result());
    }
}

// F1: three waits at once, which do not end in the order in which they began.

Task<std::string> wait_for_io(std::string name, Duration length) {
    std::printf("started %s\n", name.c_str());
    co_await sleep(length);
    std::printf("finished %s\n", name.c_str());
    co_return name;
}

Task<void> by_tasks() {
    auto a = create_task(wait_for_io("a", 2s));
    auto b = create_task(wait_for_io("b", 3s));
    auto c = create_task(wait_for_io("c", 1s));
    const auto [first, second, third] = co_await gather(a, b, c);
    std::printf("results: %s %s %s\n", first.c_str(), second.c_str(), third.c_str());
}

Task<void> by_callbacks() {
    const auto finished = [](const TaskHandle<std::string>& task) {
        std::printf("callback of %s\n", task.result().c_str());
    };
    std::vector<TaskHandle<std::string>> tasks;
    for (const auto& [name, length] : {std::pair("a", 2s), std::pair("b", 3s), std::pair("c", 1s)}) {
        tasks.push_back(create_task(wait_for_io(name, length)));
        tasks.back().add_done_callback(finished);
    }
    co_await wait(tasks);
    co_await checkpoint();
}

// F2: the same pages in plain code and at once.

Task<std::string> fetch(std::string url) {
    auto response = co_await http::get(url);
    co_return co_await response.text();
}

std::vector<std::string> fetch_in_turn(const std::vector<std::string>& urls) {
    std::vector<std::string> bodies;
    for (const auto& url : urls) bodies.push_back(fetch(url).get());
    return bodies;
}

Task<std::vector<std::string>> fetch_at_once(std::vector<std::string> urls) {
    std::vector<Task<std::string>> fetches;
    for (const auto& url : urls) fetches.push_back(fetch(url));
    co_return co_await gather(std::move(fetches));
}

Task<void> sync_and_async() {
    testing::DemoSite site;
    co_await site.start();
    const std::vector<std::string> urls = {site.url("/delay/0.1"), site.url("/delay/0.2"),
                                           site.url("/delay/0.3")};
    auto before = this_loop().time();
    const auto in_turn = co_await in_fiber(fetch_in_turn, urls);
    std::printf("sync: %ld tenths of a second\n", static_cast<long>((this_loop().time() - before) / 100ms));
    before = this_loop().time();
    const auto at_once = co_await fetch_at_once(urls);
    std::printf("async: %ld tenths of a second\n", static_cast<long>((this_loop().time() - before) / 100ms));
    std::printf("the same bodies: %s\n", in_turn == at_once ? "yes" : "no");
    co_await site.stop();
}

// Q3g: no longer than ten seconds.

Task<void> fetch_within_ten_seconds(std::string url) {
    const auto begin = this_loop().time();
    try {
        auto response = co_await timeout(10s, http::get(url));
        const std::string text = co_await response.text();
        std::printf("%d %s\n", response.status(), text.c_str());
    } catch (const TimeoutError&) {
        std::printf("TimeoutError at %ld\n", static_cast<long>((this_loop().time() - begin) / 1s));
    }
}

// Q3j: pages of a server that waits as many seconds as its path says, fetched by four clients.

Task<std::string> page(net::SocketAddress server, int seconds) {
    net::TcpStream stream = co_await net::connect(server);
    co_await stream.write_all("GET /" + std::to_string(seconds) + " HTTP/1.0\r\n\r\n");
    const std::string response = co_await io::read_all(stream);
    co_await stream.close();
    co_return response.substr(response.find("\r\n\r\n") + 4);
}

using Pages = std::vector<std::string>;
const std::vector<int> waits = {1, 5, 3, 2};

Pages sync_client(net::SocketAddress server) {
    Pages pages;
    for (const int seconds : waits) pages.push_back(page(server, seconds).get());
    return pages;
}

Task<Pages> async_one_by_one(net::SocketAddress server) {
    Pages pages;
    for (const int seconds : waits) {
        std::string text = co_await page(server, seconds);
        pages.push_back(std::move(text));
    }
    co_return pages;
}

Task<Pages> async_together(net::SocketAddress server) {
    std::vector<Task<std::string>> pages;
    for (const int seconds : waits) pages.push_back(page(server, seconds));
    co_return co_await gather(std::move(pages));
}

Task<Pages> with_http_client(net::SocketAddress server) {
    std::vector<std::string> urls;
    for (const int seconds : waits)
        urls.push_back("http://127.0.0.1:" + std::to_string(server.port()) + "/" + std::to_string(seconds));
    co_return co_await fetch_at_once(std::move(urls));
}

Task<http::Response> wait_and_answer(http::Request& request) {
    const std::string seconds(request.path_value("seconds"));
    co_await sleep(std::chrono::seconds(std::stoi(seconds)));
    co_return http::Response::text("Waited for " + seconds + " seconds.");
}

Task<Pages> timed(const char* client, Task<Pages> work) {
    const auto begin = this_loop().time();
    Pages pages = co_await std::move(work);
    std::printf("%s: %ld s\n", client, static_cast<long>((this_loop().time() - begin) / 1s));
    co_return pages;
}

Task<void> web_scraper() {
    http::Router routes;
    routes.get("/{seconds}", wait_and_answer);
    http::Server server(routes);
    co_await server.start();
    const auto address = net::SocketAddress::ip("127.0.0.1", server.port());
    const Pages first = co_await timed("sync", in_fiber(sync_client, address));
    const Pages second = co_await timed("async, one by one", async_one_by_one(address));
    const Pages third = co_await timed("async, together", async_together(address));
    const Pages fourth = co_await timed("with the HTTP client", with_http_client(address));
    for (const auto& text : first) std::puts(text.c_str());
    std::printf("four times the same: %s\n",
                first == second && first == third && first == fourth ? "yes" : "no");
    co_await server.shutdown(1s);
}

int main() {
    testing::DemoServer site;
    VirtualTime time;

    std::puts("F1");
    run(by_tasks(), {.time = &time});
    run(by_callbacks(), {.time = &time});

    std::puts("F2");
    run(sync_and_async(), {.time = &time});

    std::puts("Q3g");
    run(fetch_within_ten_seconds(site.url("/get?a=1")));
    run(fetch_within_ten_seconds(site.url("/delay/3600")), {.time = &time});

    std::puts("Q3j");
    run(web_scraper(), {.time = &time});

    std::puts("G3");
    run(nine());

    std::puts("G4");
    const auto url = site.url("/delay/0.2");
    auto start = Clock::now();
    int dates = 0;
    for (int i = 0; i < 3; ++i) dates += fetch_date(url).get() != "no date";
    std::printf("one by one: %ld tenths of a second, %d dates\n",
                static_cast<long>((Clock::now() - start) / 100ms), dates);
    start = Clock::now();
    run(gather(fetch_date(url), fetch_date(url), fetch_date(url)));
    std::printf("at once: %ld tenths of a second\n", static_cast<long>((Clock::now() - start) / 100ms));

    std::puts("G5");
    std::vector<Task<int>> fetches;
    fetches.push_back(fetch_delayed(site.url("/delay/0.3"), 1));
    fetches.push_back(fetch_delayed(site.url("/delay/0.1"), 2));
    fetches.push_back(fetch_delayed(site.url("/delay/0.2"), 3));
    run(in_order_of_completion(std::move(fetches)));
}
