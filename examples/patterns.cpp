// Limits, retries and groups, as they come up in every program.
#include <tandem/tandem.hpp>
#include <tandem/testing/async_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

long seconds_since(TimePoint start) {
    return static_cast<long>(
        std::chrono::duration_cast<std::chrono::seconds>(this_loop().time() - start).count());
}

Task<std::string> fetch(std::string site, Duration delay) {
    co_await sleep(delay);
    co_return "response of " + site;
}

Task<void> limited_fetch(Semaphore& semaphore, int& running, int& most) {
    auto permit = co_await semaphore.hold();
    most = std::max(most, ++running);
    co_await fetch("a site", 1s);
    --running;
}

Task<void> rate_limit() {
    const auto start = this_loop().time();
    Semaphore semaphore(3);
    int running = 0;
    int most = 0;
    std::vector<Task<void>> fetches;
    for (int i = 0; i < 10; ++i) fetches.push_back(limited_fetch(semaphore, running, most));
    co_await gather(std::move(fetches));
    std::printf("10 fetches in %ld s, at most %d at once\n", seconds_since(start), most);
}

Task<void> timeouts() {
    const auto start = this_loop().time();
    try {
        co_await timeout(1s, fetch("slow.com", 10s));
    } catch (const TimeoutError&) {
        std::printf("at %ld: Timeout for slow.com\n", seconds_since(start));
    }

    const auto all = []() -> Task<void> {
        co_await fetch("one.com", 1s);
        co_await gather(fetch("two.com", 2s), fetch("three.com", 10s));
    };
    try {
        co_await timeout(3s, all());
    } catch (const TimeoutError&) {
        std::printf("at %ld: the overall limit, %zu task left\n", seconds_since(start),
                    all_tasks(this_loop()).size());
    }

    auto fallback = co_await move_on_after(1s, fetch("slow.com", 10s));
    std::printf("at %ld: %s\n", seconds_since(start), fallback.value_or("cached response").c_str());
}

Task<void> retries() {
    const auto start = this_loop().time();
    const auto attempt = [start]() -> Task<void> {
        std::printf("attempt at %ld\n", seconds_since(start));
        co_await sleep(0s);
        throw std::runtime_error("connection refused");
    };
    try {
        co_await retry(RetryOptions().seed(1).jitter(0.05), attempt);
    } catch (const RetryError& error) {
        std::printf("%s\n", error.what());
    }
}

Task<int> work(int number) {
    co_await sleep(std::chrono::seconds(number));
    co_return number;
}

Task<void> fails_after(Duration delay) {
    co_await sleep(delay);
    throw std::runtime_error("one of them failed");
}

Task<void> groups() {
    TaskGroup group;
    auto one = group.create_task(work(1));
    auto two = group.create_task(work(2));
    co_await group.join();
    std::printf("results: %d, %d\n", one.result(), two.result());
    try {
        group.create_task(work(3));
    } catch (const InvalidStateError&) {
        std::puts("no create_task after the end");
    }

    TaskGroup failing;
    auto sibling = failing.create_task(work(10));
    failing.create_task(fails_after(1s));
    try {
        co_await failing.join();
    } catch (const ExceptionGroup& error) {
        std::printf("%s\nsibling cancelled: %s\n", error.what(), sibling.cancelled() ? "yes" : "no");
    }
}

/// A request that stands still in one of its phases.
Task<void> request(int stalled) {
    for (int phase = 0; phase < 4; ++phase) {
        const Duration length = phase == stalled ? Duration(1h) : Duration(100ms);
        co_await sleep(length);
    }
}

Task<void> one_limit() {
    const char* const phases[] = {"connect", "TLS", "redirect", "body"};
    for (int stalled = 0; stalled < 4; ++stalled) {
        const auto start = this_loop().time();
        try {
            co_await timeout(5s, request(stalled));
        } catch (const TimeoutError&) {
            std::printf("a stall in %s: TimeoutError at %ld\n", phases[stalled], seconds_since(start));
        }
    }
}

int main() {
    std::puts("U25b");
    testing::run(rate_limit());
    std::puts("U25e");
    testing::run(timeouts());
    std::puts("U25f");
    testing::run(retries());
    std::puts("U25h");
    testing::run(groups());
    std::puts("V13");
    testing::run(one_limit());
}
