// HTTP as it is, client and server, on the simulated network.
#include <tandem/http/client.hpp>
#include <tandem/http/router.hpp>
#include <tandem/http/server.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/world.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using testing::World;

std::string page(std::size_t number) {
    return "page " + std::to_string(number) + std::string(number * 50 + 1, 'x');
}

Task<http::Response> answer(http::Request& request) {
    co_await sleep(100ms);
    const auto number = std::string(request.path()).substr(6);
    co_return http::Response::text(page(std::stoul(number)));
}

Task<void> serve_pages() {
    http::Router routes;
    routes.get("/page/{number}", answer);
    net::ListenOptions where;
    where.port = 80;
    auto listener = co_await net::listen(where);
    co_await http::serve(listener, routes);
}

/// Fetches 20 pages, one after the other and whatever happens; how many attempts it took.
Task<int> fetch_pages(int* right) {
    http::Client client;
    int attempts = 0;
    for (std::size_t number = 0; number < 20; ++number) {
        for (bool done = false; !done && attempts < 100;) {
            ++attempts;
            try {
                auto response = co_await client.get("http://api.example/page/" + std::to_string(number));
                const auto text = co_await response.text();
                if (text == page(number)) ++*right;
                done = true;
            } catch (const std::exception&) {
                done = false;
            }
            if (!done) co_await sleep(1s);
        }
    }
    co_await client.close();
    co_return attempts;
}

struct Outcome {
    bool ok = false;
    int right = 0;
    int attempts = 0;
    Duration took{};
    std::uint64_t hash = 0;
};

Outcome job_under(std::uint64_t seed) {
    World world({.seed = seed, .report_failures = false});
    auto server = world.host("api.example", "10.0.0.1");
    auto laptop = world.host("laptop", "10.0.0.2");
    world.net.link("laptop", "api.example", {.latency = 20ms, .jitter = 5ms, .chop = true});
    Outcome outcome;
    server.serve(serve_pages);
    laptop.run([&]() -> Task<void> { outcome.attempts = co_await fetch_pages(&outcome.right); });
    if (seed % 2 == 0) world.net.fault(laptop, server, SimFault::reset, world.random().below(4'000));
    outcome.ok = world.run_until_idle(1h).ok();
    outcome.took = world.elapsed();
    outcome.hash = world.trace_hash();
    return outcome;
}

TEST(SIM1, an_http_client_gets_every_page_of_an_http_server_whatever_the_line_does) {
    for (const auto seed : testing::seeds(20)) {
        const auto outcome = job_under(seed);
        ASSERT_TRUE(outcome.ok) << "seed " << seed;
        ASSERT_EQ(outcome.right, 20) << "seed " << seed;
        EXPECT_GT(outcome.took, 20 * 140ms);
    }
}

TEST(SIM6, an_http_job_under_one_seed_is_the_same_to_the_byte) {
    for (const std::uint64_t seed : {3U, 4U}) {
        const auto once = job_under(seed);
        const auto again = job_under(seed);
        EXPECT_EQ(once.hash, again.hash);
        EXPECT_EQ(once.took, again.took);
    }
}

TEST(SIM10, many_seeds_of_a_job_of_20_urls_run_in_a_second) {
    const auto before = std::chrono::steady_clock::now();
    int runs = 0;
    while (std::chrono::steady_clock::now() - before < 500ms) {
        ASSERT_EQ(job_under(static_cast<std::uint64_t>(++runs)).right, 20);
    }
    const auto per_second =
        runs / std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
    RecordProperty("seeds_per_second", static_cast<int>(per_second));
    std::printf("%.0f seeds a second\n", per_second);
    EXPECT_GT(runs, 5);  // the bar is 200 on an idle core; sanitizers and shared machines take most of it
}

}  // namespace
}  // namespace tandem
