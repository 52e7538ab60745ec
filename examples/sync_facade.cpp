// A synchronous face for an asynchronous library: one line for each call, and no second implementation.
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

using namespace tandem;

// The library, written once.
namespace news {

Task<std::string> page(std::string url) {
    auto response = co_await http::get(url);
    response.raise_for_status();
    co_return co_await response.text();
}

Task<std::size_t> total_bytes(std::string first, std::string second) {
    const auto pages = co_await gather(page(first), page(second));
    co_return std::get<0>(pages).size() + std::get<1>(pages).size();
}

// Its face for plain code.
namespace blocking {
std::string page(std::string url) { return news::page(std::move(url)).get(); }
std::size_t total_bytes(std::string a, std::string b) { return news::total_bytes(a, b).get(); }
}  // namespace blocking

}  // namespace news

// And for a library that is not one's own.
namespace http_blocking {
http::Response get(std::string_view url) { return http::get(url).get(); }
}  // namespace http_blocking

// Old code, which knows of no coroutine.
std::size_t old_report(const testing::DemoServer& site) {
    try {
        news::blocking::page(site.url("/error"));
    } catch (const http::StatusError& error) {
        std::printf("status %d arrives as ever\n", error.status());
    }
    return news::blocking::total_bytes(site.url("/ip"), site.url("/query"));
}

Task<void> new_report(const testing::DemoServer& site) {
    const std::size_t bytes = co_await news::total_bytes(site.url("/ip"), site.url("/query"));
    std::printf("coroutine: %zu bytes\n", bytes);
    const std::size_t same = co_await to_thread(old_report, std::cref(site));
    std::printf("old code on a worker: %zu bytes\n", same);
    const std::size_t again = co_await in_fiber(old_report, std::cref(site));
    std::printf("old code on a fiber: %zu bytes\n", again);
    try {
        old_report(site);
    } catch (const WouldDeadlock&) {
        std::puts("old code in a coroutine: WouldDeadlock");
    }
}

int main() {
    const testing::DemoServer site;
    std::printf("plain: %zu bytes\n", old_report(site));
    std::printf("plain, one call: %s\n", http_blocking::get(site.url("/ip")).text().get().c_str());
    run(new_report(site));
}
