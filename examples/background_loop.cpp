// Plain code that works with a loop on another thread: the built-in background loop, or one of its own.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

using namespace tandem;
using namespace std::chrono_literals;

Task<std::string> fetch(std::string name) {
    co_await sleep(200ms);
    co_return "the page " + name;
}

Task<std::string> fetch_broken() {
    co_await sleep(50ms);
    throw std::domain_error("no such page");
}

Task<std::thread::id> thread_of_loop() { co_return std::this_thread::get_id(); }

Task<void> tick(int& ticks) {
    for (;;) {
        co_await sleep(10ms);
        ++ticks;
    }
}

int main() {
    std::puts("A6");
    const auto first = thread_of_loop().get();
    bool same = true;
    for (int i = 0; i < 1'000; ++i) same = same && thread_of_loop().get() == first;
    std::printf("1000 calls, %s, not this one\n",
                same && first != std::this_thread::get_id() ? "one thread" : "wrong");

    EventLoop loop;
    std::thread worker([&] { loop.run_forever(); });

    std::puts("A7");
    std::promise<void> arrived;
    int next = 0;
    bool in_order = true;
    for (int i = 0; i < 1'000; ++i) {
        loop.call_soon_threadsafe([&, i] {
            in_order = in_order && next++ == i;
            if (i == 999) arrived.set_value();
        });
    }
    arrived.get_future().wait();
    std::printf("1000 callbacks %s\n", in_order ? "in order" : "out of order");

    std::puts("A8");
    int ticks = 0;
    auto ticker = tick(ticks).start(on(loop));
    std::puts(fetch("one").start(on(loop)).get().c_str());
    ticker.cancel_and_wait();
    std::printf("the loop went on meanwhile: %s\n", ticks >= 10 ? "yes" : "no");

    std::puts("A9");
    auto slow = fetch("two").start(on(loop));
    try {
        slow.get(50ms);
    } catch (const TimeoutError&) {
        std::puts("not yet");
    }
    std::puts(slow.get().c_str());

    std::puts("A10");
    std::promise<void> called;
    fetch("three").start(on(loop)).on_done([&](const Pending<std::string>& done) {
        std::printf("callback: %s\n", done.get().c_str());
        called.set_value();
    });
    called.get_future().wait();

    std::puts("A11");
    try {
        fetch_broken().start(on(loop)).get();
    } catch (const std::domain_error& error) {
        std::printf("caught: %s\n", error.what());
    }

    loop.stop_threadsafe();
    worker.join();
}
