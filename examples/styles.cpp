// The same small programs in the styles of other libraries.
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

// G13a: gevent's. Plain functions that block, each in a fiber.

void foo() {
    std::puts("Running in foo");
    sleep(0s).get();
    std::puts("Explicit context switch to foo again");
}

void bar() {
    std::puts("Explicit context to bar");
    sleep(0s).get();
    std::puts("Implicit context switch back to bar");
}

void gr(const std::string& name, Duration length, TimePoint start) {
    const auto seconds = [start] {
        return std::chrono::round<std::chrono::seconds>(this_loop().time() - start).count();
    };
    std::printf("%s started work: %ld s\n", name.c_str(), static_cast<long>(seconds()));
    sleep(length).get();
    std::printf("%s ended work: %ld s\n", name.c_str(), static_cast<long>(seconds()));
}

void three() {
    const auto start = this_loop().time();
    gather(in_fiber(gr, "gr1", 2s, start), in_fiber(gr, "gr2", 2s, start), in_fiber(gr, "gr3", 1s, start))
        .get();
}

int task(int id, Duration length) {
    sleep(length).get();
    return id;
}

void nine() {
    std::mt19937 random(9);
    std::vector<std::pair<Duration, int>> by_length;
    std::string one_by_one;
    for (int id = 1; id <= 9; ++id) {
        by_length.emplace_back(std::chrono::milliseconds(10 * static_cast<int>(random() % 9) + id), id);
        one_by_one += std::to_string(task(id, 1ms));
    }
    std::vector<Task<int>> tasks;
    for (const auto& [length, id] : by_length) tasks.push_back(in_fiber(task, id, length));
    auto done = as_completed(std::move(tasks));
    std::string at_once;
    while (auto ended = done.next().get()) at_once += std::to_string(ended->result());
    std::sort(by_length.begin(), by_length.end());
    std::string expected;
    for (const auto& [length, id] : by_length) expected += std::to_string(id);
    std::printf("one by one: %s\nat once: in the order of their sleeps: %s\n", one_by_one.c_str(),
                at_once == expected ? "yes" : "no");
}

std::string fetch_date(const std::string& url) {
    const auto response = http::get(url).get();
    return std::string(response.headers().get("Date").value_or(""));
}

void three_fetches(const std::string& url) {
    auto start = Clock::now();
    int dates = 0;
    for (int i = 0; i < 3; ++i) dates += !fetch_date(url).empty();
    std::printf("one by one: %ld tenths of a second, %d dates\n",
                static_cast<long>((Clock::now() - start) / 100ms), dates);
    start = Clock::now();
    gather(in_fiber(fetch_date, url), in_fiber(fetch_date, url), in_fiber(fetch_date, url)).get();
    std::printf("at once: %ld tenths of a second\n", static_cast<long>((Clock::now() - start) / 100ms));
}

int main() {
    testing::DemoServer site;

    std::puts("G13a");
    run(gather(in_fiber(foo), in_fiber(bar)));
    run(in_fiber(three));
    run(in_fiber(nine));
    run(in_fiber(three_fetches, site.url("/delay/0.2")));
}
