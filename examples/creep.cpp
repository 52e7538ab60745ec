// Async creep, stopped: plain functions call an async one and stay plain; one name serves both kinds of
// caller.
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <type_traits>

using namespace tandem;
using namespace std::chrono_literals;

Task<int> leaf() {
    co_await sleep(10ms);
    co_return 42;
}

int c() { return leaf().get(); }
int b() { return c(); }
int a() { return b(); }
static_assert(std::is_same_v<decltype(a()), int>);

Task<std::string> fetch(std::string url) {
    auto response = co_await http::get(url);
    co_return co_await response.text();
}

Task<std::string> async_caller(std::string url) { co_return co_await fetch(url); }

std::string fetch_blocking(std::string) { return "blocking body"; }
Task<std::string> fetch_async(std::string) { co_return "async body"; }
constexpr auto fetch_either = dual(fetch_blocking, fetch_async);

Task<std::string> dual_caller() { co_return co_await fetch_either(std::string("u")); }

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
    std::printf("plain: %s\n", fetch_either(std::string("u")).get().c_str());
    std::printf("async: %s\n", run(dual_caller()).c_str());

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
