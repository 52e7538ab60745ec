// Code that only knows how to block, and is not changed: from a thread, on a worker, and on a fiber.
#include <hooks/blocking_client.h>
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A21: a library that has only a sync API, beside the async one that it may call.

Task<int> price_of(int article) {
    co_await sleep(1ms);
    co_return 3 * article;
}

int cheaper(const void* a, const void* b) {
    return price_of(*static_cast<const int*>(a)).get() - price_of(*static_cast<const int*>(b)).get();
}

std::string cheapest_first(std::vector<int> articles) {
    std::qsort(articles.data(), articles.size(), sizeof(int), cheaper);
    std::string text;
    for (const int article : articles) text += " " + std::to_string(article);
    return text;
}

// Called by a coroutine as if it did not wait.
Task<std::string> in_a_step(std::vector<int> articles) { co_return cheapest_first(std::move(articles)); }

// J4, J10: a client in C, by getaddrinfo, connect, send and recv.

long fetch(const std::string& port, const std::string& path) {
    std::array<char, 4096> body{};
    return blocking_get("localhost", port.c_str(), path.c_str(), body.data(), body.size());
}

Task<std::vector<long>> by_hooks(int count, std::string port) {
    std::vector<Task<long>> fetches;
    for (int i = 0; i < count; ++i)
        fetches.push_back(in_fiber({.hook_blocking_calls = true}, fetch, port, "/delay/0.1"));
    co_return co_await gather(std::move(fetches));
}

Task<std::vector<long>> by_threads(int count, std::string port) {
    std::vector<Task<long>> fetches;
    for (int i = 0; i < count; ++i) fetches.push_back(to_thread(fetch, port, "/delay/0.1"));
    co_return co_await gather(std::move(fetches));
}

void report(const char* how, Clock::time_point start, const std::vector<long>& lengths) {
    int answers = 0;
    for (const long length : lengths) answers += length > 0;
    std::printf("%s: %d answers in %s\n", how, answers,
                Clock::now() - start < 800ms ? "0.1 s" : "0.1 s each");
}

int main() {
    std::puts("A21");
    const std::vector<int> articles = {4, 1, 5, 2, 3};
    std::printf("plain code:%s\n", cheapest_first(articles).c_str());
    std::printf("to_thread: %s\n", run(to_thread(cheapest_first, articles)).c_str());
    std::printf("in_fiber:  %s\n", run(in_fiber(cheapest_first, articles)).c_str());
    std::printf("portal:    %s\n", run(in_a_step(articles), {.blocking = Blocking::portal}).c_str());

    const testing::DemoServer site;
    const auto port = std::to_string(site.port());
    std::puts("J4");
    auto start = Clock::now();
    std::vector<long> lengths;
    for (int i = 0; i < 9; ++i) lengths.push_back(fetch(port, "/delay/0.1"));
    report("one after the other", start, lengths);
    start = Clock::now();
    lengths = run(by_hooks(9, port));
    report("in nine fibers", start, lengths);
    std::printf("at once: %zu\n", site.counts().most_simultaneous);

    std::puts("J10");
    start = Clock::now();
    lengths = run(by_hooks(20, port));
    report("twenty fibers with hooked calls", start, lengths);
    start = Clock::now();
    lengths = run(by_threads(20, port));
    report("twenty threads", start, lengths);
    start = Clock::now();
    lengths.clear();
    for (int i = 0; i < 8; ++i) lengths.push_back(fetch(port, "/delay/0.1"));
    report("outside of a fiber", start, lengths);
}
