// Two really different bodies under one name: blocking sockets of the calling thread, and our client on a
// loop.
#include <examples/adapters/blocking_http.hpp>
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <future>
#include <string>
#include <thread>

using namespace tandem;

namespace {

std::thread::id ran_in;

std::string fetch_blocking(std::string url) {
    ran_in = std::this_thread::get_id();
    return adapters::blocking_get(url);
}
Task<std::string> fetch_async(std::string url) {
    ran_in = std::this_thread::get_id();
    auto response = co_await http::get(url);
    co_return co_await response.text();
}
constexpr auto fetch = dual(fetch_blocking, fetch_async);

Task<std::string> awaits(std::string url) { co_return co_await fetch(url); }

/// Tasks spawned on the background loop so far.
std::uint64_t spawned_in_background() {
    std::promise<std::uint64_t> answer;
    background_loop().call_soon_threadsafe(
        [&answer] { answer.set_value(TaskDomain::of(background_loop()).spawned()); });
    return answer.get_future().get();
}

}  // namespace

TEST(A14, both_bodies_bring_the_same_bytes_each_on_its_own_thread) {
    const tandem::testing::DemoServer site;
    const auto url = [&site](int page) { return site.url(tandem::testing::DemoWorld::page_path(page)); };
    const auto before = spawned_in_background();
    for (int page = 1; page <= 10; ++page) {
        EXPECT_EQ(fetch(url(page)).get(), site.world().page_text(page));
        EXPECT_EQ(ran_in, std::this_thread::get_id());
    }
    EXPECT_EQ(spawned_in_background(), before);
    for (int page = 1; page <= 10; ++page) {
        EXPECT_EQ(awaits(url(page)).get(), site.world().page_text(page));
        EXPECT_NE(ran_in, std::this_thread::get_id());
    }
}

TEST(RB2, every_form_brings_the_same_page) {
    const tandem::testing::DemoServer site;
    const std::string url = site.url("/page/7");
    const std::string page = site.world().page_text(7);
    EXPECT_EQ(fetch(url).get(), page);
    EXPECT_EQ(fetch(url).start().get(), page);
    EXPECT_EQ(fetch(url, use_sync), page);
    EXPECT_EQ(fetch(url, use_async).get(), page);
    EXPECT_EQ(fetch(url, use_future).get(), page);
    std::promise<std::string> called;
    fetch(url, use_callback([&called](const Pending<std::string>& done) { called.set_value(done.get()); }));
    EXPECT_EQ(called.get_future().get(), page);
    EXPECT_EQ(run(awaits(url)), page);
    EXPECT_EQ(run(to_thread([&url] { return fetch(url).get(); })), page);
}
