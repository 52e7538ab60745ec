#include <tandem/testing/demo_site.hpp>

#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/dates.hpp>
#include <tandem/task/gather.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace tandem::testing {
namespace {

using namespace std::chrono_literals;

TEST(DemoWorld, every_page_can_be_reached_from_the_first) {
    const DemoWorld world;
    std::set<int> reached{1};
    std::vector<int> unread{1};
    while (!unread.empty()) {
        const int page = unread.back();
        unread.pop_back();
        for (const int next : world.links_of(page)) {
            ASSERT_GE(next, 1);
            ASSERT_LE(next, world.page_count());
            if (reached.insert(next).second) unread.push_back(next);
        }
    }
    EXPECT_EQ(reached.size(), 1'000U);
}

TEST(DemoWorld, pages_have_mixed_sizes_and_delays_that_stay_the_same) {
    const DemoWorld world;
    const DemoWorld again;
    std::size_t smallest = 1 << 20, largest = 0;
    Duration shortest = 1h, longest = 0s;
    for (int page = 1; page <= world.page_count(); ++page) {
        const auto text = world.page_text(page);
        ASSERT_EQ(text.size(), world.page_bytes(page)) << page;
        ASSERT_EQ(text, again.page_text(page));
        smallest = std::min(smallest, text.size());
        largest = std::max(largest, text.size());
        shortest = std::min(shortest, world.page_delay(page));
        longest = std::max(longest, world.page_delay(page));
    }
    EXPECT_GE(smallest, 512U);
    EXPECT_LT(smallest, 600U);
    EXPECT_LE(largest, 64U * 1024U);
    EXPECT_GT(largest, 60U * 1024U);
    EXPECT_GE(shortest, 2ms);
    EXPECT_LT(shortest, 3ms);
    EXPECT_LE(longest, 60ms);
    EXPECT_GT(longest, 55ms);
}

int comments_below(const DemoWorld& world, int id, int depth, int& deepest) {
    deepest = std::max(deepest, depth);
    int count = 0;
    for (const int kid : world.kids_of(id)) count += 1 + comments_below(world, kid, depth + 1, deepest);
    return count;
}

TEST(DemoWorld, the_comments_of_all_stories_are_thousands_in_trees_of_depth_4_and_counted_right) {
    const DemoWorld world;
    int all = 0;
    int deepest = 0;
    for (const int story : world.stories()) {
        const int below = comments_below(world, story, 0, deepest);
        EXPECT_EQ(below, world.comment_count(story));
        all += below;
    }
    EXPECT_EQ(all + static_cast<int>(world.stories().size()), world.item_count());
    EXPECT_GT(all, 3'000);
    EXPECT_EQ(deepest, 4);
}

Task<int> count_over_http(std::string base, int id) {
    http::Response reply = co_await http::get(base + "/v0/item/" + std::to_string(id) + ".json");
    const std::string json = co_await reply.text();
    std::vector<Task<int>> kids;
    const auto at = json.find("\"kids\":[");
    if (at != std::string::npos) {
        auto list = std::string_view(json).substr(at + 8);
        list = list.substr(0, list.find(']'));
        while (!list.empty()) {
            const auto comma = std::min(list.find(','), list.size());
            kids.push_back(count_over_http(base, std::stoi(std::string(list.substr(0, comma)))));
            list.remove_prefix(std::min(comma + 1, list.size()));
        }
    }
    int count = static_cast<int>(kids.size());
    const std::vector<int> below = co_await gather(std::move(kids));
    for (const int more : below) count += more;
    co_return count;
}

Task<void> check_story() {
    DemoSite site(DemoOptions().stories(2).item_delay(1ms));
    co_await site.start();
    const int story = site.world().stories().back();
    const int counted = co_await count_over_http(site.url(""), story);
    EXPECT_EQ(counted, site.world().comment_count(story));
    EXPECT_EQ(site.counts().requests, static_cast<std::uint64_t>(counted) + 1);
    EXPECT_GT(site.counts().most_simultaneous, 5U);
    EXPECT_EQ(site.counts().simultaneous, 0U);
    co_await site.stop();
}

TEST(DemoSite, a_storys_comments_fetched_over_http_are_as_many_as_the_world_says) {
    tandem::run(check_story());
}

std::string body_of(const std::string& url) {
    auto reply = http::get(url).get();
    return reply.text().get();
}

TEST(DemoServer, answers_plain_programs_from_a_thread_of_its_own) {
    const DemoServer server;
    EXPECT_EQ(body_of(server.url("/page/7")), server.world().page_text(7));
    EXPECT_EQ(body_of(server.url("/get?a=x%22y")), "{\"args\": {\"a\": \"x\\\"y\"}}");
    EXPECT_EQ(body_of(server.url("/ip")), "{\"ip\": \"10.0.0.1\"}");
    EXPECT_EQ(body_of(server.url("/query")), "{\"query\": \"10.0.0.1\"}");
    EXPECT_EQ(body_of(server.url("/v0/item/1.json")), "null");
    EXPECT_EQ(http::get(server.url("/error")).get().status(), 500);
    EXPECT_EQ(http::get(server.url("/page/1001")).get().status(), 404);
    EXPECT_EQ(http::get(server.url("/redirect/3")).get().history().size(), 3U);
    EXPECT_EQ(server.world().requests_to("/page/7"), 1U);
    EXPECT_EQ(server.counts().requests, 11U);
}

TEST(DemoServer, a_delay_is_waited_for_and_answered_with_a_date) {
    const DemoServer server;
    const auto begin = std::chrono::steady_clock::now();
    const auto reply = http::get(server.url("/delay/0.05")).get();
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
    EXPECT_TRUE(http::parse_http_date(reply.headers().get("Date").value_or("")));
}

TEST(DemoServer, a_port_that_is_taken_is_an_error_of_the_constructor) {
    const DemoServer first;
    EXPECT_THROW(DemoServer(DemoOptions().port(first.port())), std::system_error);
}

}  // namespace
}  // namespace tandem::testing
