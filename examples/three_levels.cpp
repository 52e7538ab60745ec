// A program of three levels: whoever is above calls a plain function, that calls a library with two bodies,
// and the library sees who is at the bottom of it all.
#include <tandem/tandem.hpp>

#include <coroutine>
#include <cstdio>
#include <string>
#include <thread>

using namespace tandem;

// The library.
std::string fetch_blocking() { return "the blocking body"; }
Task<std::string> fetch_async() { co_return "the async body"; }
constexpr auto fetch = dual(fetch_blocking, fetch_async);

// The level between: plain, and it stays so.
std::string title() {
    try {
        return fetch().get();
    } catch (const WouldDeadlock&) {
        return "WouldDeadlock: co_await it, or go through in_fiber or to_thread";
    }
}

void report(const char* who) { std::printf("%s: %s\n", who, title().c_str()); }

// The level above, in all its kinds.
Task<void> coroutine() {
    report("coroutine, through a plain function");
    const std::string text = co_await fetch();
    std::printf("coroutine, by co_await: %s\n", text.c_str());
}

Generator<int> generator(const char* consumed) {
    report(consumed);
    co_yield 1;
}

AsyncGenerator<int> async_generator() {
    report("async generator");
    co_yield 1;
}

struct Awaitable {
    bool await_ready() const {
        report("awaitable of one's own");
        return true;
    }
    void await_suspend(std::coroutine_handle<>) const {}
    void await_resume() const {}
};

Task<void> nothing() { co_return; }

Task<void> async_levels() {
    co_await coroutine();
    this_loop().call_soon(report, "callback");
    co_await checkpoint();
    auto handle = create_task(nothing());
    handle.on_done([](auto) { report("done callback"); });
    co_await handle.join();
    co_await checkpoint();
    for ([[maybe_unused]] const int each : generator("generator, consumed by a coroutine")) {
    }
    auto generated = async_generator();
    while (auto each = co_await generated.next()) {
    }
    co_await Awaitable();
    co_await to_thread(report, "worker");
    co_await in_fiber(report, "fiber");
}

int main() {
    report("main");
    std::thread(report, "thread").join();
    for ([[maybe_unused]] const int each : generator("generator, consumed by main")) {
    }
    run(async_levels());
}
