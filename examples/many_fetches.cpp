// The same fetches one by one and at once, and in the order in which they end.
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

int main() {
    testing::DemoServer site;

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
