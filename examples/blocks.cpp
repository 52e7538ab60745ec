// Blocks of async work inside a linear program, each waiting for several things at once.
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>

using namespace tandem;
using namespace std::chrono_literals;

Task<std::string> fetch(std::string url) {
    auto response = co_await http::get(url);
    co_return co_await response.text();
}

Task<std::string> after(Duration delay, std::string name) {
    try {
        co_await sleep(delay);
    } catch (const Cancelled&) {
        std::printf("%s cancelled\n", name.c_str());
        throw;
    }
    co_return name;
}

Task<std::string> fails(Duration delay) {
    co_await sleep(delay);
    throw std::domain_error("the second one failed");
}

Task<void> started_before_awaited() {
    auto handle = create_task(after(20ms, "child"));
    std::puts("created");
    co_await sleep(50ms);
    std::printf("it ran while its creator slept: %s\n", handle.done() ? "yes" : "no");
    std::puts(handle.result().c_str());
}

int main() {
    testing::DemoServer site;
    using Clock = std::chrono::steady_clock;

    std::puts("A2");
    const auto start = Clock::now();
    auto [one, two, three] =
        run(gather(fetch(site.url("/get?a=1")), fetch(site.url("/delay/0.3")), fetch(site.url("/ip"))));
    const bool together = Clock::now() - start < 500ms;
    std::printf("%s and %s, %s\n", one.c_str(), three.c_str(),
                together ? "in the time of the longest" : "too slow");

    std::puts("A3");
    EventLoop loop;
    auto first = loop.run_until_complete(fetch(site.url("/get?a=2")));
    auto second = loop.run_until_complete(gather(after(10ms, first), fetch(site.url("/query"))));
    std::printf("%s, then %s\n", std::get<0>(second).c_str(), std::get<1>(second).c_str());

    std::puts("A4");
    run(started_before_awaited());

    std::puts("A5");
    try {
        run(gather(after(300ms, "first"), fails(100ms), after(200ms, "third")));
    } catch (const std::domain_error& error) {
        std::printf("caught: %s\n", error.what());
    }
    auto outcomes = run(gather_results(after(30ms, "first"), fails(10ms), after(20ms, "third")));
    auto& [good, bad, fine] = outcomes;
    std::printf("%s, %s, %s\n", good.value().c_str(), bad.error().what().c_str(), fine.value().c_str());
}
