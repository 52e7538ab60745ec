// G15: Twisted's. Callbacks and errbacks on a deferred, a clock that a test turns, and inlineCallbacks.
#include <examples/styles/parts.hpp>

#include <tandem/tandem.hpp>

#include <poll.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

// A Future is a Deferred: each callback gets what the one before it made.
Task<void> callbacks_and_errbacks() {
    Future<int> deferred;
    auto chain = deferred
                     .then([](int value) {
                         std::printf("callback 1: %d\n", value);
                         throw std::runtime_error("callback 1 failed");
                         return value;
                     })
                     .then([](int value) {
                         std::puts("callback 2 is skipped");
                         return value;
                     })
                     .recover([](const std::exception_ptr& error) {
                         std::printf("errback: %s\n", describe(error).c_str());
                         return 10;
                     })
                     .then([](int value) { std::printf("callback 3: %d\n", value); });
    deferred.set_result(5);
    co_await chain;
}

// Time goes on only when it is told to.
class Clock {
public:
    void advance(Duration by) {
        const auto until = time_.now() + by;
        while (time_.now() < until) loop.poll_once(Deadline(until));
    }

private:
    VirtualTime time_;

public:
    EventLoop loop{{.time = &time_}};
};

void clock_turned_by_hand() {
    const auto start = std::chrono::steady_clock::now();
    Clock clock;
    clock.loop.call_later(100ms, [] { std::puts("called"); });
    std::puts("advance by nothing");
    clock.advance(0s);
    std::puts("advance by one");
    clock.advance(1s);
    clock.loop.close();
    const bool quick = std::chrono::steady_clock::now() - start < 90ms;
    std::printf("waited for: %s\n", quick ? "no" : "yes");
}

// @inlineCallbacks
Task<std::string> fetch(std::string url) {
    auto response = co_await http::get(url);
    const std::string text = co_await response.text();
    co_return text;
}

AsyncGenerator<int> ticks() {
    for (int tick = 1; tick <= 3; ++tick) {
        co_await sleep(10ms);
        co_yield tick;
    }
}

Task<void> print_ticks() {
    auto every = ticks();
    while (auto tick = co_await every.next()) std::printf("tick %d\n", *tick);
}

// A loop of somebody else's, a reactor say, that waits for a descriptor and gives each turn away.
void inside_a_foreign_loop() {
    EventLoop guest;
    auto task = guest.create_task(print_ticks());
    while (!task.done()) {
        const auto left = guest.next_deadline() - guest.time();
        pollfd ready{guest.pollable_fd(), POLLIN, 0};
        const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
        ::poll(&ready, 1, left < 1h ? static_cast<int>(milliseconds) : 1'000);
        guest.poll_once();
    }
    guest.close();
}

}  // namespace

void in_twisteds_style(const testing::DemoServer& site) {
    run(callbacks_and_errbacks());
    clock_turned_by_hand();
    std::printf("%s\n", run(fetch(site.url("/ip"))).c_str());
    inside_a_foreign_loop();
}
