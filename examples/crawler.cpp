// A web site crawled: with a limit, by a hundred workers and their queue, and by requests that block.
#include <tandem/tandem.hpp>
#include <tandem/testing/crawl_site.hpp>

#include <chrono>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

/// Where the links of a page lead, as far as they stay on its site.
std::set<std::string> links_of(std::string_view html, const http::Url& page) {
    std::set<std::string> links;
    for (auto at = html.find("href=\""); at != std::string_view::npos; at = html.find("href=\"", at)) {
        at += 6;
        const http::Url link(html.substr(at, html.find('"', at) - at), page);
        if (link.origin() == page.origin()) links.insert(link.href());
    }
    return links;
}

/// The numbers of a site that one has to find out.
void print_counts(const testing::CrawlSite& site, std::size_t pages) {
    int once = 0;
    for (int page = 1; page <= testing::CrawlSite::page_count; ++page)
        once += site.requests_to(testing::CrawlSite::page_path(page)) == 1 ? 1 : 0;
    std::printf("%zu pages, %d of them asked for once, at most %zu requests at a time\n", pages, once,
                site.counts().most_simultaneous);
}

// O4: a task for each link, and a semaphore that lets five of them fetch.

class LimitedCrawler {
public:
    Task<std::size_t> crawl(std::string root) {
        TaskGroup tasks;
        add(tasks, root);
        co_await tasks.join();
        co_await client_.close();
        co_return pages_;
    }

private:
    void add(TaskGroup& tasks, const std::string& url) {
        if (seen_.insert(url).second) tasks.create_task(visit(tasks, url));
    }
    Task<void> visit(TaskGroup& tasks, std::string url) {
        auto place = co_await limit_.hold();
        auto response = co_await client_.get(url, http::Options().with_follow_redirects(false));
        const std::string html = co_await response.text();
        if (response.status() == 200) ++pages_;
        for (const auto& link : links_of(html, *response.url())) add(tasks, link);
    }

    http::Client client_;
    Semaphore limit_{5};
    std::set<std::string> seen_;
    std::size_t pages_ = 0;
};

// R10: "500 lines or less".

struct FetchStatistic {
    std::string url;
    std::string next_url;
    int status = 0;
    std::string exception;
    std::size_t size = 0;
    std::size_t num_urls = 0;
    std::size_t num_new_urls = 0;
    int tries = 0;
};

class Crawler {
public:
    explicit Crawler(const std::string& root, int max_redirect = 10, int max_tries = 4, int max_tasks = 100)
        : max_redirect_(max_redirect), max_tries_(max_tries), max_tasks_(max_tasks) {
        add_url(root, max_redirect_);
    }

    Task<void> crawl() {
        TaskGroup workers;
        for (int i = 0; i < max_tasks_; ++i) workers.create_task(work());
        co_await q_.join();
        workers.cancel("all is fetched");
        co_await workers.join();
        co_await client_.close();
    }

    std::vector<FetchStatistic> done;
    int workers_ended = 0;

private:
    struct Job {
        std::string url;
        int max_redirect;
    };

    void add_url(const std::string& url, int max_redirect) {
        if (seen_urls_.insert(url).second) q_.put_nowait({url, max_redirect});
    }

    /// Waits for URLs for ever; it is cancelled in the end.
    Task<void> work() {
        struct Ended {
            int& count;
            ~Ended() { ++count; }
        } const ended{workers_ended};
        for (;;) {
            Job job = co_await q_.get();
            co_await fetch(job.url, job.max_redirect);
            q_.task_done();
        }
    }

    Task<void> fetch(std::string url, int max_redirect) {
        FetchStatistic statistic;
        statistic.url = url;
        for (bool fetched = false; !fetched && statistic.tries < max_tries_;) {
            ++statistic.tries;
            try {
                auto response = co_await client_.get(url, http::Options().with_follow_redirects(false));
                response.raise_for_status();
                statistic.status = response.status();
                statistic.exception.clear();
                const std::string body = co_await response.text();
                if (const auto location = response.headers().get("Location"))
                    redirect(statistic, http::Url(*location, *response.url()).href(), max_redirect);
                else
                    parse_links(statistic, body, *response.url());
                fetched = true;
            } catch (const http::StatusError& error) {
                statistic.exception = error.what();
            }
        }
        done.push_back(statistic);
    }

    void redirect(FetchStatistic& statistic, std::string next_url, int max_redirect) {
        statistic.next_url = next_url;
        if (max_redirect > 0) add_url(next_url, max_redirect - 1);
    }

    void parse_links(FetchStatistic& statistic, const std::string& body, const http::Url& url) {
        statistic.size = body.size();
        for (const auto& link : links_of(body, url)) {
            ++statistic.num_urls;
            statistic.num_new_urls += seen_urls_.contains(link) ? 0 : 1;
            add_url(link, max_redirect_);
        }
    }

    const int max_redirect_;
    const int max_tries_;
    const int max_tasks_;
    http::Client client_;
    Queue<Job> q_;
    std::set<std::string> seen_urls_;
};

void report(const Crawler& crawler) {
    int pages = 0;
    int redirects = 0;
    std::map<std::string, int> tries;
    for (const auto& statistic : crawler.done) {
        pages += statistic.size > 0 ? 1 : 0;
        redirects += statistic.next_url.empty() ? 0 : 1;
        if (statistic.tries > 1) tries[std::string(http::Url(statistic.url).path())] = statistic.tries;
    }
    std::printf("%d pages, %d redirects\n", pages, redirects);
    for (const auto& [path, count] : tries) std::printf("%s: %d tries\n", path.c_str(), count);
    std::printf("%d workers have ended\n", crawler.workers_ended);
}

// AA4: the same pages by requests one after the other, and at once.

std::set<std::string> crawl_blocking(const std::string& root) {
    http::Client client;
    std::set<std::string> pages;
    std::set<std::string> seen = {root};
    std::vector<std::string> todo = {root};
    while (!todo.empty()) {
        const std::string url = todo.back();
        todo.pop_back();
        for (int tries = 0; tries < 4; ++tries) {
            auto response = client.get(url, http::Options().with_follow_redirects(false)).get();
            if (response.status() >= 500) continue;
            if (response.status() != 200) break;
            pages.insert(std::string(response.url()->path()));
            for (const auto& link : links_of(response.text().get(), *response.url()))
                if (seen.insert(link).second) todo.push_back(link);
            break;
        }
    }
    client.close().get();
    return pages;
}

Task<std::set<std::string>> crawl_at_once(std::string root) {
    Crawler crawler(root);
    co_await crawler.crawl();
    std::set<std::string> pages;
    for (const auto& statistic : crawler.done)
        if (statistic.size > 0) pages.insert(std::string(http::Url(statistic.url).path()));
    co_return pages;
}

/// A site that is served as long as it is there.
class Served {
public:
    explicit Served(Duration delay) : site(delay), server_(site.routes()) {}
    Task<std::string> start() {
        co_await server_.start();
        co_return server_.url("/page/1");
    }
    Task<void> stop() { return server_.shutdown(1s); }

    const testing::CrawlSite site;

private:
    http::Server server_;
};

Task<void> limited() {
    Served served(5ms);
    const std::string root = co_await served.start();
    LimitedCrawler crawler;
    const std::size_t pages = co_await crawler.crawl(root);
    print_counts(served.site, pages);
    co_await served.stop();
}

Task<void> by_workers() {
    Served served(5ms);
    const std::string root = co_await served.start();
    Crawler crawler(root);
    co_await crawler.crawl();
    report(crawler);
    co_await served.stop();
}

Task<void> compared() {
    Served one(20ms);
    const std::string its_root = co_await one.start();
    const auto begin = this_loop().time();
    const auto blocking = co_await in_fiber(crawl_blocking, its_root);
    const auto blocking_time = this_loop().time() - begin;
    co_await one.stop();

    Served other(20ms);
    const std::string root = co_await other.start();
    const auto again = this_loop().time();
    const auto at_once = co_await crawl_at_once(root);
    const auto time = this_loop().time() - again;
    co_await other.stop();

    std::printf("%zu pages, the same from both: %s\n", blocking.size(), blocking == at_once ? "yes" : "no");
    std::printf("at once in less than three tenths of the time: %s\n",
                time * 10 < blocking_time * 3 ? "yes" : "no");
}

int main() {
    std::puts("O4");
    run(limited());

    std::puts("R10");
    run(by_workers());

    std::puts("AA4");
    run(compared());
}
