// Async creep, stopped: plain functions call an async one and stay plain; one name serves both kinds of
// caller.
#include <examples/adapters/blocking_http.hpp>
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <chrono>
#include <coroutine>
#include <cstdio>
#include <latch>
#include <string>
#include <thread>
#include <type_traits>

using namespace tandem;
using namespace std::chrono_literals;

// A1: none of these three becomes a coroutine.
Task<int> leaf() {
    co_await sleep(10ms);
    co_return 42;
}

int c() { return leaf().get(); }
int b() { return c(); }
int a() { return b(); }
static_assert(std::is_same_v<decltype(a()), int>);

// A14: one body, used in both ways,
Task<std::string> fetch(std::string url) {
    auto response = co_await http::get(url);
    co_return co_await response.text();
}

Task<std::string> async_caller(std::string url) { co_return co_await fetch(url); }

// and one name for two bodies that a library has anyway.
std::string sync_fetch(std::string url) { return "blocking " + adapters::blocking_get(url); }
Task<std::string> async_fetch(std::string url) {
    auto response = co_await http::get(url);
    const std::string text = co_await response.text();
    co_return "async " + text;
}
constexpr auto fetch_either = dual(sync_fetch, async_fetch);

Task<std::string> dual_caller(std::string url) { co_return co_await fetch_either(url); }

// A15: the article's function, which looks who calls it.
std::latch printed(2);

void print(const std::string& text) {
    std::puts(text.c_str());
    printed.count_down();
}

void fetch_and_print(std::string url) {
    if (in_async_context()) {
        std::puts("Calling ASYNC method");
        async_fetch(url).start().on_done([](const Pending<std::string>& done) { print(done.get()); });
    } else {
        std::puts("Calling BLOCKING method");
        print(sync_fetch(url));
    }
}

void call_sync_fetch(std::string url) { fetch_and_print(url); }

Task<void> call_async_fetch(std::string url) {
    fetch_and_print(url);
    co_return;
}

// A16: who is an async caller?
void tell(const char* who) { std::printf("%s: %s\n", who, in_async_context() ? "async" : "sync"); }

Task<void> coroutine() {
    tell("coroutine");
    co_return;
}

Generator<int> generator(const char* consumed) {
    tell(consumed);
    co_yield 1;
}

AsyncGenerator<int> async_generator() {
    tell("async generator");
    co_yield 1;
}

struct Awaitable {
    bool await_ready() const {
        tell("awaitable of one's own");
        return true;
    }
    void await_suspend(std::coroutine_handle<>) const {}
    void await_resume() const {}
};

Task<void> nothing() { co_return; }

Task<void> async_kinds() {
    co_await coroutine();
    for ([[maybe_unused]] const int each : generator("generator that a coroutine consumes")) {
    }
    auto generated = async_generator();
    while (auto each = co_await generated.next()) {
    }
    co_await Awaitable();
    this_loop().call_soon(tell, "callback of the loop");
    co_await sleep(1ms);
    auto handle = create_task(nothing());
    handle.on_done([](auto) { tell("done callback"); });
    co_await handle.join();
    co_await sleep(1ms);
    co_await to_thread(tell, "worker");
    co_await in_fiber(tell, "fiber");
}

// A17: the caller's own word.
Task<void> tagged(std::string url) {
    const std::string awaited = co_await fetch_either(url, use_async);
    std::printf("coroutine, use_async: %s\n", awaited.c_str());
    const std::string blocked = fetch_either(url, use_sync);
    std::printf("coroutine, use_sync: %s\n", blocked.c_str());
}

// A18: called without awaiting.
Task<void> call_and_go_on(std::string url) {
    auto handle = create_task(fetch(url));
    handle.on_done([](TaskHandle<std::string> done) { std::printf("callback %s\n", done.result().c_str()); });
    std::puts("called");
    std::puts("other work");
    co_await handle;
    co_await checkpoint();
}

int main() {
    testing::DemoServer site;
    const auto ip = site.url("/ip");

    std::puts("A1");
    std::printf("a() is %d\n", a());

    std::puts("A14");
    std::printf("plain: %s\n", fetch(ip).get().c_str());
    std::printf("async: %s\n", run(async_caller(ip)).c_str());
    std::printf("plain: %s\n", fetch_either(ip).get().c_str());
    std::printf("async: %s\n", run(dual_caller(ip)).c_str());

    std::puts("A15");
    call_sync_fetch(ip);
    run(call_async_fetch(ip));
    printed.wait();

    std::puts("A16");
    tell("main");
    std::thread(tell, "thread").join();
    for ([[maybe_unused]] const int each : generator("generator that plain code consumes")) {
    }
    run(async_kinds());

    std::puts("A17");
    std::printf("plain, use_sync: %s\n", fetch_either(ip, use_sync).c_str());
    std::printf("plain, use_async: %s\n", fetch_either(ip, use_async).get().c_str());
    run(tagged(ip));

    std::puts("A18");
    run(call_and_go_on(ip));

    std::puts("A20");
    try {
        this_loop();
    } catch (const std::runtime_error&) {
        std::puts("no event loop runs on this thread");
    }
    std::printf("content: %zu bytes\n", http::get(ip).get().bytes().get().size());
}
