// Rows of crawlers, as in examples/crawler.cpp, against a site whose every number is known.
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/server.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/crawl_site.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;
using testing::CrawlSite;
using Paths = std::set<std::string>;

Paths all_pages() {
    Paths paths;
    for (int page = 1; page <= CrawlSite::page_count; ++page) paths.insert(CrawlSite::page_path(page));
    return paths;
}

std::string path_of(const std::string& url) { return std::string(Url(url).path()); }

std::set<std::string> links_of(std::string_view html, const Url& page) {
    std::set<std::string> links;
    for (auto at = html.find("href=\""); at != std::string_view::npos; at = html.find("href=\"", at)) {
        at += 6;
        const Url link(html.substr(at, html.find('"', at) - at), page);
        if (link.origin() == page.origin()) links.insert(link.href());
    }
    return links;
}

/// Asked for each URL by a task of its own, five at a time.
class LimitedCrawler {
public:
    Task<void> crawl(std::string root) {
        TaskGroup tasks;
        add(tasks, root);
        co_await tasks.join();
        co_await client_.close();
    }
    std::map<std::string, int> fetched;  ///< path and status

private:
    void add(TaskGroup& tasks, const std::string& url) {
        if (seen_.insert(url).second) tasks.create_task(visit(tasks, url));
    }
    Task<void> visit(TaskGroup& tasks, std::string url) {
        auto place = co_await limit_.hold();
        auto response = co_await client_.get(url, Options().with_follow_redirects(false));
        const std::string html = co_await response.text();
        fetched[path_of(url)] = response.status();
        for (const auto& link : links_of(html, *response.url())) add(tasks, link);
    }
    Client client_;
    Semaphore limit_{5};
    std::set<std::string> seen_;
};

ASYNC_TEST(O4, five_at_a_time_fetch_every_page_once) {
    const CrawlSite site(5ms);
    Server server(site.routes());
    co_await server.start();
    LimitedCrawler crawler;
    co_await crawler.crawl(server.url("/page/1"));
    co_await server.shutdown(1s);

    for (const auto& path : all_pages()) {
        EXPECT_EQ(crawler.fetched.count(path), 1U) << path;
        EXPECT_EQ(site.requests_to(path), 1U) << path;
    }
    EXPECT_EQ(site.counts().most_simultaneous, 5U);
}

struct Statistic {
    int status = 0;
    int tries = 0;
    std::string next_path;
    std::size_t links = 0;
};

class Crawler {
public:
    explicit Crawler(const std::string& root, int max_redirect = 10) : max_redirect_(max_redirect) {
        add_url(root, max_redirect_);
    }
    Task<void> crawl() {
        TaskGroup workers;
        for (int i = 0; i < 100; ++i) workers.create_task(work());
        co_await q_.join();
        workers_at_the_end = workers_alive;
        workers.cancel("all is fetched");
        co_await workers.join();
        co_await client_.close();
    }
    std::map<std::string, Statistic> done;  ///< by path
    int workers_alive = 0;
    int workers_at_the_end = 0;

private:
    struct Job {
        std::string url;
        int max_redirect;
    };
    void add_url(const std::string& url, int max_redirect) {
        if (seen_urls_.insert(url).second) q_.put_nowait({url, max_redirect});
    }
    Task<void> work() {
        struct Alive {
            explicit Alive(int& of) : count(++of) {}
            ~Alive() { --count; }
            int& count;
        } const alive{workers_alive};
        for (;;) {
            Job job = co_await q_.get();
            co_await fetch(job.url, job.max_redirect);
            q_.task_done();
        }
    }
    Task<void> fetch(std::string url, int max_redirect) {
        Statistic statistic;
        for (bool fetched = false; !fetched && statistic.tries < 4;) {
            ++statistic.tries;
            try {
                auto response = co_await client_.get(url, Options().with_follow_redirects(false));
                statistic.status = response.status();
                response.raise_for_status();
                const std::string body = co_await response.text();
                if (const auto location = response.headers().get("Location")) {
                    const auto next = Url(*location, *response.url());
                    statistic.next_path = next.path();
                    if (max_redirect > 0) add_url(next.href(), max_redirect - 1);
                } else {
                    for (const auto& link : links_of(body, *response.url())) {
                        ++statistic.links;
                        add_url(link, max_redirect_);
                    }
                }
                fetched = true;
            } catch (const StatusError&) {
            }
        }
        done[path_of(url)] = statistic;
    }
    const int max_redirect_;
    Client client_;
    Queue<Job> q_;
    std::set<std::string> seen_urls_;
};

Paths pages_of(const Crawler& crawler) {
    Paths pages;
    for (const auto& [path, statistic] : crawler.done) {
        if (statistic.status == 200) pages.insert(path);
    }
    return pages;
}

ASYNC_TEST(R10, a_hundred_workers_find_all_pages_follow_redirects_and_try_four_times) {
    const CrawlSite site(5ms);
    Server server(site.routes());
    co_await server.start();
    Crawler crawler(server.url("/page/1"));
    co_await crawler.crawl();
    co_await server.shutdown(1s);

    EXPECT_EQ(pages_of(crawler), all_pages());
    int redirects = 0;
    int broken = 0;
    for (const auto& [path, statistic] : crawler.done) {
        redirects += statistic.next_path.empty() ? 0 : 1;
        broken += statistic.status >= 500 ? 1 : 0;
        const bool flaky = std::any_of(CrawlSite::flaky().begin(), CrawlSite::flaky().end(),
                                       [&](int page) { return CrawlSite::page_path(page) == path; });
        EXPECT_EQ(statistic.tries, flaky ? 3 : statistic.status >= 500 ? 4 : 1) << path;
        EXPECT_EQ(site.requests_to(path), static_cast<std::uint64_t>(statistic.tries)) << path;
    }
    EXPECT_EQ(redirects, CrawlSite::redirect_count);
    EXPECT_EQ(broken, CrawlSite::broken_count);
    EXPECT_EQ(crawler.done.size(), 207U);  // nothing of other sites
    EXPECT_EQ(crawler.done["/moved/4"].next_path, "/moved/5");
    EXPECT_EQ(crawler.done["/moved/5"].next_path, "/moved/4");
    EXPECT_EQ(crawler.workers_at_the_end, 100);
    EXPECT_EQ(crawler.workers_alive, 0);
}

ASYNC_TEST(R10, no_redirect_is_followed_past_the_limit) {
    Server server([](Request& request) {
        const int hop = std::stoi(std::string(request.path().substr(1)));
        return Response::redirect("/" + std::to_string(hop + 1));
    });
    co_await server.start();
    Crawler crawler(server.url("/0"));
    co_await crawler.crawl();
    co_await server.shutdown(1s);

    EXPECT_EQ(crawler.done.size(), 11U);
    EXPECT_EQ(crawler.done.count("/10"), 1U);
}

/// Plain code; `get()` blocks whoever calls it.
Paths crawl_blocking(const std::string& root) {
    Client client;
    Paths pages;
    std::set<std::string> seen = {root};
    std::vector<std::string> todo = {root};
    while (!todo.empty()) {
        const std::string url = todo.back();
        todo.pop_back();
        for (int tries = 0; tries < 4; ++tries) {
            auto response = client.get(url, Options().with_follow_redirects(false)).get();
            if (response.status() >= 500) continue;
            if (response.status() != 200) break;
            pages.insert(path_of(url));
            for (const auto& link : links_of(response.text().get(), *response.url()))
                if (seen.insert(link).second) todo.push_back(link);
            break;
        }
    }
    client.close().get();
    return pages;
}

ASYNC_TEST_NETWORK(AA4,
                   many_requests_at_once_take_less_than_three_tenths_of_blocking_ones_for_the_same_pages) {
    const bool simulated = this_loop().backend_name() == "sim";
    const Duration delay = simulated ? 20ms : 8ms;
    const CrawlSite one(delay);
    Server first(one.routes());
    co_await first.start();
    auto begin = this_loop().time();
    const Paths blocking = co_await in_fiber(crawl_blocking, first.url("/page/1"));
    const auto blocking_time = this_loop().time() - begin;
    co_await first.shutdown(1s);

    const CrawlSite other(delay);
    Server second(other.routes());
    co_await second.start();
    begin = this_loop().time();
    Crawler crawler(second.url("/page/1"));
    co_await crawler.crawl();
    const auto time = this_loop().time() - begin;
    co_await second.shutdown(1s);

    EXPECT_EQ(blocking, all_pages());
    EXPECT_EQ(pages_of(crawler), all_pages());
    // 200 pages, three that fail twice and two that fail four times, and three links to what has moved.
    if (simulated) {
        EXPECT_EQ(blocking_time, 217 * delay);
    }
    EXPECT_GE(blocking_time, 217 * delay);
    EXPECT_LT(time * 10, blocking_time * 3);
}

}  // namespace
}  // namespace tandem::http
