// The rows of the reading list that fetch something, against the demo world on loopback.
#include <tandem/http/dates.hpp>
#include <tandem/tandem.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/demo_site.hpp>

#include <gtest/gtest.h>

#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {

Task<std::string> fetch(std::string url) {
    auto response = co_await http::get(url);
    co_return co_await response.text();
}

Task<std::string> date_of(std::string url) {
    http::Client client;  // one client per request, as the original has it
    auto response = co_await client.get(url);
    std::string date(response.headers().get("Date").value_or(""));
    co_await client.close();
    co_return date;
}

Task<int> fetch_numbered(std::string url, int number) {
    auto response = co_await http::get(url);
    co_await response.bytes();
    co_return number;
}

std::vector<int> kids_in(std::string_view json) {
    std::vector<int> kids;
    auto at = json.find("\"kids\"");
    if (at != std::string_view::npos) at = json.find('[', at);
    while (at != std::string_view::npos && at < json.size() && json[at] != ']') {
        int number = 0;
        const auto [end, error] = std::from_chars(json.data() + at + 1, json.data() + json.size(), number);
        if (error != std::errc()) break;
        kids.push_back(number);
        at = static_cast<std::size_t>(end - json.data());
    }
    return kids;
}

/// The original's crawler: one shared client, a timeout around each fetch.
class Comments {
public:
    Comments(http::Client& client, const tandem::testing::DemoServer& site, Duration limit)
        : client_(client), site_(site), limit_(limit) {}

    Task<int> count(int id) {
        const auto json = co_await timeout(limit_, item(id));
        const auto kids = kids_in(json);
        std::vector<Task<int>> below;
        for (const int kid : kids) below.push_back(count(kid));
        const auto counts = co_await gather(std::move(below));
        int total = static_cast<int>(kids.size());
        for (const int comments : counts) total += comments;
        co_return total;
    }

    int fetches = 0;
    int slow_item = 0;  ///< this one is asked of a server that takes 30 s

private:
    Task<std::string> item(int id) {
        ++fetches;
        std::string path = "/delay/30";
        if (id != slow_item) path = "/v0/item/" + std::to_string(id) + ".json";
        auto response = co_await client_.get(site_.url(path));
        co_return co_await response.text();
    }
    http::Client& client_;
    const tandem::testing::DemoServer& site_;
    Duration limit_;
};

/// A tree without a network: every node takes 0.1 s.
Task<int> count_chain(int level) {
    co_await sleep(100ms);
    if (level == 0) co_return 0;
    std::vector<Task<int>> below;
    below.push_back(count_chain(level - 1));
    const auto counts = co_await gather(std::move(below));
    co_return counts[0] + 1;
}

}  // namespace

TEST(A2, three_hosts_are_asked_in_the_time_of_one_and_answer_in_argument_order) {
    const tandem::testing::DemoServer first, second, third;
    const auto start = Clock::now();
    const auto results = run(gather(fetch(first.url("/delay/0.3")), fetch(second.url("/get?a=2")),
                                    fetch(third.url("/delay/0.3"))));

    EXPECT_LT(Clock::now() - start, 500ms);
    EXPECT_EQ(std::get<1>(results), R"({"args": {"a": "2"}})");
    EXPECT_EQ(first.counts().requests, 1U);
    EXPECT_EQ(third.counts().requests, 1U);
}

TEST(A20, content_and_text_of_a_page_in_plain_code) {
    const tandem::testing::DemoServer site;
    const auto& world = site.world();
    auto content = http::get(site.url(tandem::testing::DemoWorld::page_path(7))).get().bytes().get();

    EXPECT_EQ(content, world.page_text(7));
    EXPECT_EQ(http::get(site.url("/ip")).get().text().get(), R"({"ip": "10.0.0.1"})");
}

ASYNC_TEST_REAL_TIME(A20, text_is_equal_for_utf_8_and_latin_1_pages) {
    http::Router routes;
    routes.get("/utf-8", [](http::Request&) {
        return http::Response::bytes("gr\xc3\xbc\xc3\x9f", "text/plain; charset=utf-8");
    });
    routes.get("/latin-1", [](http::Request&) {
        return http::Response::bytes("gr\xfc\xdf", "text/plain; charset=iso-8859-1");
    });
    net::ListenOptions where;
    where.host = "127.0.0.1";
    auto listener = co_await net::listen(where);
    const std::string base = "http://" + listener.local_address();
    auto serving = create_task(http::serve(listener, routes));
    http::Client client;
    auto utf8 = co_await client.get(base + "/utf-8");
    const std::string first = co_await utf8.text();
    auto latin1 = co_await client.get(base + "/latin-1");
    const std::string second = co_await latin1.text();
    co_await client.close();
    serving.cancel();
    co_await serving.join();

    EXPECT_EQ(first, "gr\xc3\xbc\xc3\x9f");
    EXPECT_EQ(second, first);
}

TEST(G4, three_fetches_take_three_times_as_long_one_by_one_and_each_has_a_date) {
    const tandem::testing::DemoServer site;
    const auto url = site.url("/delay/0.2");
    auto start = Clock::now();
    std::vector<std::string> dates;
    for (int i = 0; i < 3; ++i) dates.push_back(run(date_of(url)));
    const auto one_by_one = Clock::now() - start;
    start = Clock::now();
    run(gather(date_of(url), date_of(url), date_of(url)));
    const auto at_once = Clock::now() - start;

    EXPECT_GE(one_by_one, 600ms);
    EXPECT_GE(at_once, 200ms);
    EXPECT_LT(at_once, 400ms);
    for (const auto& date : dates) EXPECT_TRUE(http::parse_http_date(date).has_value()) << date;
}

TEST(G5, as_completed_gives_the_fetches_in_the_order_of_their_delays) {
    const tandem::testing::DemoServer site;
    std::vector<Task<int>> fetches;
    fetches.push_back(fetch_numbered(site.url("/delay/0.3"), 1));
    fetches.push_back(fetch_numbered(site.url("/delay/0.1"), 2));
    fetches.push_back(fetch_numbered(site.url("/delay/0.2"), 3));
    const auto lines = [](std::vector<Task<int>> tasks) -> Task<std::vector<std::string>> {
        std::vector<std::string> printed;
        std::string mark;
        auto done = as_completed(std::move(tasks));
        while (auto handle = co_await done.next()) {
            mark += ">>";
            printed.push_back(mark + " " + std::to_string(handle->result()));
        }
        co_return printed;
    };

    EXPECT_EQ(run(lines(std::move(fetches))), (std::vector<std::string>{">> 2", ">>>> 3", ">>>>>> 1"}));
}

TEST(H1, a_storys_comments_are_counted_recursively_with_one_fetch_each) {
    const tandem::testing::DemoServer site;
    const int story = site.world().stories().at(0);
    http::Client client;
    Comments comments(client, site, 10s);

    EXPECT_EQ(run(comments.count(story)), site.world().comment_count(story));
    EXPECT_EQ(comments.fetches, site.world().comment_count(story) + 1);
    EXPECT_EQ(site.counts().requests, static_cast<std::uint64_t>(comments.fetches));
}

ASYNC_TEST(H1, a_chain_of_a_thousand_levels_takes_a_tenth_of_a_second_each_and_no_stack) {
    const auto start = this_loop().time();
    const int levels = co_await count_chain(1'000);

    EXPECT_EQ(levels, 1'000);
    EXPECT_EQ(this_loop().time() - start, 1'001 * 100ms);
}

TEST(H2, one_shared_client_keeps_to_its_pools_limit) {
    const tandem::testing::DemoServer site;
    http::PoolLimits pool;
    pool.max_connections = 8;
    http::Client client{http::ClientOptions().pool(pool)};
    Comments comments(client, site, 10s);
    run(comments.count(site.world().stories().at(0)));

    EXPECT_LE(site.counts().most_simultaneous, 8U);
}

TEST(H2, one_slow_item_ends_the_whole_tree_at_its_timeout) {
    const tandem::testing::DemoServer site;
    const int story = site.world().stories().at(0);
    http::Client client;
    Comments comments(client, site, 500ms);
    comments.slow_item = site.world().kids_of(story).at(0);
    const auto start = Clock::now();

    EXPECT_THROW(run(comments.count(story)), TimeoutError);
    EXPECT_GE(Clock::now() - start, 500ms);
    EXPECT_LT(Clock::now() - start, 1'500ms);
}
