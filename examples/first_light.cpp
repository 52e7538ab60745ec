// What tandem is for, on a site of its own: a thousand pages one by one and all at once, and a story's
// comments counted by a recursive function.  Try:  first_light [-v]
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

using namespace tandem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

struct Fetched {
    std::size_t pages = 0;
    std::size_t bytes = 0;
    double seconds = 0;
};

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Written once: the plain loop below calls it with `.get()`, the gather awaits it.
Task<std::size_t> page_bytes(http::Client& client, std::string url) {
    auto reply = co_await client.get(url);
    reply.raise_for_status();
    const std::string& body = co_await reply.bytes();
    co_return body.size();
}

http::Client client_with(std::size_t connections) {
    http::PoolLimits pool;
    pool.max_connections = connections;
    return http::Client(http::ClientOptions().pool(pool));
}

Fetched one_by_one(const testing::DemoServer& site, int pages) {
    auto client = client_with(1);
    Fetched result;
    const auto start = Clock::now();
    for (int page = 1; page <= pages; ++page) {
        result.bytes += page_bytes(client, site.url(testing::DemoWorld::page_path(page))).get();
        ++result.pages;
    }
    result.seconds = seconds_since(start);
    return result;
}

Task<Fetched> all_at_once(const testing::DemoServer& site, int pages, std::size_t connections) {
    auto client = client_with(connections);
    std::vector<Task<std::size_t>> fetches;
    const auto start = Clock::now();
    for (int page = 1; page <= pages; ++page)
        fetches.push_back(page_bytes(client, site.url(testing::DemoWorld::page_path(page))));
    const auto sizes = co_await gather(std::move(fetches));
    Fetched result;
    result.pages = sizes.size();
    for (const auto size : sizes) result.bytes += size;
    result.seconds = seconds_since(start);
    co_await client.close();
    co_return result;
}

std::vector<int> numbers_in(std::string_view json, std::string_view key) {
    std::vector<int> numbers;
    auto at = json.find(key);
    if (at != std::string_view::npos) at = json.find('[', at);
    while (at != std::string_view::npos && at < json.size() && json[at] != ']') {
        int number = 0;
        const auto [end, error] = std::from_chars(json.data() + at + 1, json.data() + json.size(), number);
        if (error != std::errc()) break;
        numbers.push_back(number);
        at = static_cast<std::size_t>(end - json.data());
    }
    return numbers;
}

Task<int> count_comments(http::Client& client, const testing::DemoServer& site, int id) {
    auto reply = co_await client.get(site.url("/v0/item/" + std::to_string(id) + ".json"));
    const auto kids = numbers_in(co_await reply.text(), "\"kids\"");
    std::vector<Task<int>> below;
    for (const int kid : kids) below.push_back(count_comments(client, site, kid));
    const auto counts = co_await gather(std::move(below));
    int total = static_cast<int>(kids.size());
    for (const int count : counts) total += count;
    co_return total;
}

Task<int> count_below(const testing::DemoServer& site, int story, std::size_t connections) {
    auto client = client_with(connections);
    const int comments = co_await count_comments(client, site, story);
    co_await client.close();
    co_return comments;
}

std::string bar(double part, std::size_t width, bool fancy) {
    auto cells = static_cast<std::size_t>(part * static_cast<double>(width) + 0.5);
    cells = std::clamp<std::size_t>(cells, 1, width);
    std::string text;
    for (std::size_t i = 0; i < cells; ++i) text += fancy ? "█" : "#";
    return text;
}

void say_which_backend() {
    const EventLoop loop;
    std::printf("backend: %s", std::string(loop.backend_name()).c_str());
    if (!loop.fallback_reason().empty())
        std::printf(" (io_uring is not used: %s)", loop.fallback_reason().c_str());
    std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
    const bool verbose = argc > 1 && std::strcmp(argv[1], "-v") == 0;
    constexpr int sample = 50;
    constexpr std::size_t connections = 64;
    if (verbose) say_which_backend();

    testing::DemoServer site;
    const auto& world = site.world();
    const int pages = world.page_count();
    std::size_t sample_bytes = 0, all_bytes = 0;
    for (int page = 1; page <= pages; ++page) {
        all_bytes += world.page_bytes(page);
        if (page <= sample) sample_bytes += world.page_bytes(page);
    }
    std::printf("A site of %d pages of 0.5 to 64 KiB, each 2 to 60 ms away, serves on %s\n", pages,
                site.url("").c_str());

    const auto slow = one_by_one(site, sample);
    const auto fast = run(all_at_once(site, pages, connections));
    const double slow_all = slow.seconds * pages / sample;
    const double factor = slow_all / fast.seconds;

    const int story = *std::max_element(world.stories().begin(), world.stories().end(), [&](int a, int b) {
        return world.comment_count(a) < world.comment_count(b);
    });
    const auto start = Clock::now();
    const int comments = run(count_below(site, story, connections));
    const double comment_seconds = seconds_since(start);

    const bool fancy = ::isatty(STDOUT_FILENO) != 0 && std::getenv("LANG") &&
                       std::string_view(std::getenv("LANG")).find("UTF-8") != std::string_view::npos;
    std::printf("\n  %-42s %8s %10s %9s\n", "", "pages", "MiB", "seconds");
    std::printf("  %-42s %8zu %10.1f %9.2f\n", "one by one, f(url).get(): a sample", slow.pages,
                static_cast<double>(slow.bytes) / (1 << 20), slow.seconds);
    std::printf("  %-42s %8d %10.1f %9.2f  %s\n", "one by one, all of them: extrapolated", pages,
                static_cast<double>(all_bytes) / (1 << 20), slow_all, bar(1, 24, fancy).c_str());
    std::printf("  %-42s %8zu %10.1f %9.2f  %s\n", "all at once, gather() on 64 connections", fast.pages,
                static_cast<double>(fast.bytes) / (1 << 20), fast.seconds,
                bar(1 / factor, 24, fancy).c_str());
    std::printf("\n  %.0f times as fast, with the same function: it was written once.\n", factor);
    std::printf("  A story's %d comments, counted by a recursive gather: %.2f s.\n", comments,
                comment_seconds);

    const bool right =
        slow.bytes == sample_bytes && fast.bytes == all_bytes && comments == world.comment_count(story);
    std::printf("  Every byte and every comment counted: %s.\n", right ? "correct" : "WRONG");
    std::printf("\nNow with your own URLs:\n  build/release/cli/tandem fetch -P pages -i urls.txt\n");
    return right ? 0 : 1;
}
