// A story's comments on a Hacker News-shaped site, counted recursively.
#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

/// The numbers of the first JSON array behind `key`: enough for `"kids":[1,2]`.
std::vector<long> numbers_behind(std::string_view json, std::string_view key) {
    std::vector<long> numbers;
    auto at = json.find(key);
    if (at == std::string_view::npos) return numbers;
    at = json.find('[', at);
    while (at != std::string_view::npos && json[at] != ']') {
        long number = 0;
        const auto [end, error] = std::from_chars(json.data() + at + 1, json.data() + json.size(), number);
        if (error != std::errc()) break;
        numbers.push_back(number);
        at = static_cast<std::size_t>(end - json.data());
    }
    return numbers;
}

class HackerNews {
public:
    explicit HackerNews(std::string base, http::Client client = http::Client(), Duration limit = 10s)
        : base_(std::move(base)), client_(std::move(client)), limit_(limit) {}

    Task<std::string> page(std::string path) {
        ++fetches;
        auto response = co_await timeout(limit_, client_.get(base_ + path));
        co_return co_await response.text();
    }
    Task<std::string> item(long id) { return page("/v0/item/" + std::to_string(id) + ".json"); }
    Task<long> count_comments(long id) {
        const auto json = co_await item(id);
        const auto kids = numbers_behind(json, "\"kids\"");
        std::vector<Task<long>> below;
        for (const long kid : kids) below.push_back(count_comments(kid));
        const auto counts = co_await gather(std::move(below));
        long total = static_cast<long>(kids.size());
        for (const long count : counts) total += count;
        co_return total;
    }
    Task<std::vector<long>> top_stories() {
        auto response = co_await client_.get(base_ + "/v0/topstories.json");
        co_return numbers_behind(co_await response.text(), "[");
    }

    long fetches = 0;

private:
    std::string base_;
    http::Client client_;
    Duration limit_;
};

Task<std::string> checked(std::string url) {
    auto response = co_await http::get(url);
    response.raise_for_status();
    co_return co_await response.text();
}

Task<void> count(testing::DemoServer& site) {
    HackerNews news(site.url(""));
    const auto stories = co_await news.top_stories();
    const long comments = co_await news.count_comments(stories.at(0));
    std::printf("%ld comments, %ld fetches: %s\n", comments, news.fetches,
                comments == site.world().comment_count(static_cast<int>(stories.at(0)))
                    ? "as many as there are"
                    : "wrong");
}

Task<void> mixed(testing::DemoServer& site) {
    auto results = co_await gather_results(checked(site.url("/get?a=1")), checked(site.url("/error")),
                                           checked("http://no-such-host.invalid/"));
    auto& [good, error, unknown] = results;
    std::printf("%s, a %s, a %s\n", good.value().c_str(),
                error.error().is<http::StatusError>() ? "status error" : "?",
                unknown.error().is<net::DnsError>() ? "name that does not exist" : "?");
}

Task<void> too_slow(testing::DemoServer& site) {
    http::PoolLimits pool;
    pool.max_connections = 4;
    http::Client client{http::ClientOptions().pool(pool)};
    HackerNews news(site.url(""), std::move(client), 300ms);
    try {
        co_await gather(news.item(1), news.page("/delay/5"));
    } catch (const TimeoutError&) {
        std::puts("one slow item, and the whole gather ends at its timeout");
    }
}

int main() {
    testing::DemoServer site;
    std::puts("H1");
    run(count(site));
    std::puts("H2");
    run(too_slow(site));
    std::puts("H11");
    run(mixed(site));
}
