// The same small programs in the styles of other libraries.
#include <examples/styles/parts.hpp>

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
    std::printf("one by one: %ld x 100 ms, %d dates\n", static_cast<long>((Clock::now() - start) / 100ms),
                dates);
    start = Clock::now();
    gather(in_fiber(fetch_date, url), in_fiber(fetch_date, url), in_fiber(fetch_date, url)).get();
    std::printf("at once: %ld x 100 ms\n", static_cast<long>((Clock::now() - start) / 100ms));
}

// G13b: Tornado's. A coroutine awaits a list of others at once.

namespace tornado {

Task<void> foo() {
    std::puts("Running in foo");
    co_await sleep(0s);
    std::puts("Explicit context switch to foo again");
}

Task<void> bar() {
    std::puts("Explicit context to bar");
    co_await sleep(0s);
    std::puts("Implicit context switch back to bar");
}

Task<void> switching() {
    std::vector<Task<void>> both;
    both.push_back(foo());
    both.push_back(bar());
    co_await gather(std::move(both));
}

Task<void> gr(std::string name, Duration length, TimePoint start) {
    const auto seconds = [start] {
        return std::chrono::round<std::chrono::seconds>(this_loop().time() - start).count();
    };
    std::printf("%s started work: %ld s\n", name.c_str(), static_cast<long>(seconds()));
    co_await sleep(length);
    std::printf("%s ended work: %ld s\n", name.c_str(), static_cast<long>(seconds()));
}

Task<void> three() {
    const auto start = this_loop().time();
    std::vector<Task<void>> all;
    all.push_back(gr("gr1", 2s, start));
    all.push_back(gr("gr2", 2s, start));
    all.push_back(gr("gr3", 1s, start));
    co_await gather(std::move(all));
}

Task<int> task(int id, Duration length, std::string& ended) {
    co_await sleep(length);
    ended += std::to_string(id);
    co_return id;
}

Task<void> nine() {
    std::mt19937 random(9);
    std::vector<std::pair<Duration, int>> by_length;
    std::string one_by_one;
    std::string at_once;
    std::vector<Task<int>> tasks;
    for (int id = 1; id <= 9; ++id) {
        by_length.emplace_back(std::chrono::milliseconds(10 * static_cast<int>(random() % 9) + id), id);
        co_await task(id, 1ms, one_by_one);
        tasks.push_back(task(id, by_length.back().first, at_once));
    }
    const std::vector<int> results = co_await gather(std::move(tasks));
    std::sort(by_length.begin(), by_length.end());
    std::string expected;
    for (const auto& [length, id] : by_length) expected += std::to_string(id);
    std::printf("one by one: %s\nat once: in the order of their sleeps: %s\n", one_by_one.c_str(),
                at_once == expected ? "yes" : "no");
    std::printf("results in the order of the list: %s\n",
                std::is_sorted(results.begin(), results.end()) ? "yes" : "no");
}

Task<std::string> fetch_date(std::string url) {
    auto response = co_await http::get(url);
    co_return std::string(response.headers().get("Date").value_or(""));
}

Task<void> three_fetches(std::string url) {
    auto start = Clock::now();
    int dates = 0;
    for (int i = 0; i < 3; ++i) {
        const std::string date = co_await fetch_date(url);
        dates += !date.empty();
    }
    std::printf("one by one: %ld x 100 ms, %d dates\n", static_cast<long>((Clock::now() - start) / 100ms),
                dates);
    start = Clock::now();
    std::vector<Task<std::string>> fetches;
    for (int i = 0; i < 3; ++i) fetches.push_back(fetch_date(url));
    co_await gather(std::move(fetches));
    std::printf("at once: %ld x 100 ms\n", static_cast<long>((Clock::now() - start) / 100ms));
}

}  // namespace tornado

// G13d: `@asyncio.coroutine` and `yield from`. A generator yields what is to be awaited, and a trampoline
// awaits it.

namespace generators {

using Steps = Generator<Task<int>, int>;

Task<void> trampoline(Steps steps) {
    auto step = steps.next();
    while (step) {
        const int result = co_await std::move(*step);
        step = steps.send(result);
    }
}

Task<int> pause(Duration length) {
    co_await sleep(length);
    co_return 0;
}

Steps foo() {
    std::puts("Running in foo");
    co_yield pause(0s);
    std::puts("Explicit context switch to foo again");
}

Steps bar() {
    std::puts("Explicit context to bar");
    co_yield pause(0s);
    std::puts("Implicit context switch back to bar");
}

Task<int> fetch(std::string url, int id) {
    auto response = co_await http::get(url);
    co_await response.bytes();
    co_return id;
}

template <class Completions>
Task<int> next_of(Completions& done) {
    auto handle = co_await done.next();
    co_return handle ? handle->result() : 0;
}

Steps in_order_of_completion(std::vector<Task<int>> fetches) {
    auto done = as_completed(std::move(fetches));
    std::string mark;
    for (;;) {
        const int id = co_yield next_of(done);
        if (id == 0) break;
        mark += ">>";
        std::printf("%s fetch %d\n", mark.c_str(), id);
    }
}

std::vector<Task<int>> three_fetches(const testing::DemoServer& site) {
    std::vector<Task<int>> fetches;
    fetches.push_back(fetch(site.url("/delay/0.12"), 1));
    fetches.push_back(fetch(site.url("/delay/0.04"), 2));
    fetches.push_back(fetch(site.url("/delay/0.08"), 3));
    return fetches;
}

}  // namespace generators

int main() {
    testing::DemoServer site;
    VirtualTime time;  // of what only sleeps

    std::puts("G13a");
    run(gather(in_fiber(foo), in_fiber(bar)));
    run(in_fiber(three), {.time = &time});
    run(in_fiber(nine), {.time = &time});
    run(in_fiber(three_fetches, site.url("/delay/0.1")));

    std::puts("G13b");
    run(tornado::switching());
    run(tornado::three(), {.time = &time});
    run(tornado::nine(), {.time = &time});
    run(tornado::three_fetches(site.url("/delay/0.1")));

    std::puts("G13c");
    in_trios_style(site);

    std::puts("G13d");
    run(gather(generators::trampoline(generators::foo()), generators::trampoline(generators::bar())));
    run(generators::trampoline(generators::in_order_of_completion(generators::three_fetches(site))));

    std::puts("G15");
    in_twisteds_style(site);
}
