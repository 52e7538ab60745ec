#include <examples/hacker_news/news.hpp>

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

using namespace tandem;

namespace {

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

}  // namespace

HackerNews::HackerNews(std::string base, http::Client client, Duration limit)
    : base_(std::move(base)), client_(std::move(client)), limit_(limit) {}

Task<std::string> HackerNews::page(std::string path) {
    ++fetches;
    auto response = co_await timeout(limit_, client_.get(base_ + path));
    co_return co_await response.text();
}

Task<std::string> HackerNews::item(long id) {
    auto json = co_await page("/v0/item/" + std::to_string(id) + ".json");
    if (id == broken) throw Boom("BOOM!");
    co_return json;
}

Task<std::vector<long>> HackerNews::kids(long id) {
    const auto json = co_await item(id);
    co_return numbers_behind(json, "\"kids\"");
}

Task<long> HackerNews::count_comments(long id) {
    const auto kids = co_await this->kids(id);
    std::vector<Task<long>> below;
    for (const long kid : kids) below.push_back(count_comments(kid));
    const auto counts = co_await gather(std::move(below));
    long total = static_cast<long>(kids.size());
    for (const long count : counts) total += count;
    co_return total;
}

Task<std::vector<long>> HackerNews::top_stories() {
    const auto json = co_await page("/v0/topstories.json");
    co_return numbers_behind(json, "[");
}

int posts_with_comments(const testing::DemoWorld& world, long id) {
    const auto& kids = world.kids_of(static_cast<int>(id));
    int posts = kids.empty() ? 0 : 1;
    for (const int kid : kids) posts += posts_with_comments(world, kid);
    return posts;
}

long post_to_count(const testing::DemoServer& site) {
    const auto& world = site.world();
    const auto& kids = world.kids_of(world.stories().at(0));
    for (const int kid : kids)
        if (posts_with_comments(world, kid) > 2) return kid;
    throw std::logic_error("no comment of the first story has comments with comments");
}
