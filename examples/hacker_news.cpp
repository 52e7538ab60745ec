// A story's comments on a Hacker News-shaped site, counted recursively.  Try:  ./hacker_news --help
#include <examples/hacker_news/news.hpp>

#include <tandem/tandem.hpp>
#include <tandem/testing/demo_site.hpp>

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

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
    HackerNews news(site.url(""), std::move(client), 100ms);
    try {
        co_await gather(news.item(1), news.page("/delay/5"));
    } catch (const TimeoutError&) {
        std::puts("one slow item, and the whole gather ends at its timeout");
    }
}

// H7: periodic work, every 5 seconds, three times.

class Monitor {
public:
    long seconds() const {
        return std::chrono::round<std::chrono::seconds>(this_loop().time() - start_).count();
    }

    Task<void> work(Duration length) {
        ++at_once_;
        std::printf("%ld s: starts, %d at once\n", seconds(), at_once_);
        co_await sleep(length);
        --at_once_;
    }
    Task<void> broken_work() {
        std::printf("%ld s: starts\n", seconds());
        co_await sleep(1s);
        throw std::runtime_error("an artificial error");
    }

    // H7a: awaits the work, then sleeps.
    Task<void> work_and_sleep() {
        for (int period = 0; period < 3; ++period) {
            co_await work(2s);
            co_await sleep(5s);
        }
    }
    // H7b: does not wait for the work.
    Task<void> start_and_sleep() {
        for (int period = 0; period < 3; ++period) {
            create_task(work(7s));
            co_await sleep(5s);
        }
        co_await sleep(2s);
    }
    // H7d, H7e: a plain function that starts the work, and itself again.
    void start_periodically(int periods, bool broken) {
        if (periods == 0) return this_loop().stop();
        create_task(broken ? broken_work() : work(2s));
        this_loop().call_later(5s, [this, periods, broken] { start_periodically(periods - 1, broken); });
    }

private:
    TimePoint start_ = this_loop().time();
    int at_once_ = 0;
};

Task<void> work_and_sleep() {
    Monitor monitor;
    co_await monitor.work_and_sleep();
}

Task<void> start_and_sleep() {
    Monitor monitor;
    co_await monitor.start_and_sleep();
}

// H7c: each iteration has a counter of its own, and its statistics are printed in the end.
struct Counter {
    int iteration;
    int fetched = 0;
};

Task<void> fetch_counting(std::shared_ptr<Counter> counter) {
    for (int item = 0; item < 3 + counter->iteration; ++item) {
        co_await sleep(2s);
        ++counter->fetched;
    }
}

Task<void> count_periodically() {
    for (int iteration = 1; iteration <= 3; ++iteration) {
        auto counter = std::make_shared<Counter>(Counter{iteration});
        create_task(fetch_counting(counter)).on_done([counter](const TaskHandle<void>&) {
            std::printf("iteration %d fetched %d\n", counter->iteration, counter->fetched);
        });
        co_await sleep(5s);
    }
    co_await sleep(10s);
}

// A loop on which no second is waited for.
struct QuickLoop {
    void start_periodically(bool broken) {
        std::optional<Monitor> monitor;
        loop.call_soon([&] { monitor.emplace().start_periodically(3, broken); });
        loop.run_forever();
    }
    VirtualTime time;
    EventLoop loop{{.time = &time}};
};

int main(int words, char** arguments) {
    if (words > 1) return main_with_arguments({arguments + 1, arguments + words});

    testing::DemoServer site(testing::DemoOptions().item_delay(0s));
    std::puts("H1");
    run(count(site));
    std::puts("H2");
    run(too_slow(site));
    side_work(site);
    errors_of_periodic_work(site);
    errors_along_a_chain(site);
    std::puts("H11");
    run(mixed(site));
    cancelling(site);
    news_as_data(site);
    arguments_and_log(site);

    VirtualTime time;
    std::puts("H7a");
    run(work_and_sleep(), {.time = &time});

    std::puts("H7b");
    run(start_and_sleep(), {.time = &time});

    std::puts("H7c");
    run(count_periodically(), {.time = &time});

    std::puts("H7d");
    QuickLoop quick;
    quick.start_periodically(false);

    std::puts("H7e");
    quick.loop.set_exception_handler([](EventLoop&, const ErrorContext& context) {
        if (context.exception) std::printf("logged: %s\n", describe(context.exception).c_str());
    });
    quick.start_periodically(true);
    quick.loop.close();
}
