// H8 to H10: an item that cannot be fetched, and who hears of it.
#include <examples/hacker_news/news.hpp>

#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

constexpr auto period = 80ms;

using Counted = TaskHandle<long>;
using Callback = std::function<void(const Counted&)>;

/// Nobody waits for it, and it may outlast who has started it: so it keeps what it uses.
Task<long> count_or_fail(std::shared_ptr<HackerNews> news, long post, bool fails, bool by_boom) {
    const long comments = co_await news->count_comments(post);
    if (fails && by_boom) throw Boom("BOOM!");
    if (fails) throw OtherError("random generic exception");
    co_return comments;
}

/// Three periods, the second of which fails. The callback looks at how each ends.
Task<void> poll(const testing::DemoServer& site, Callback callback, bool by_boom) {
    this_loop().set_exception_handler([](EventLoop&, const ErrorContext& context) {
        if (context.exception) std::printf("logged: %s\n", describe(context.exception).c_str());
    });
    const auto news = std::make_shared<HackerNews>(site.url(""));
    const long post = post_to_count(site);
    for (int iteration = 1; iteration <= 3; ++iteration) {
        std::printf("Calculating comments. (%d)\n", iteration);
        create_task(count_or_fail(news, post, iteration == 2, by_boom)).on_done(callback);
        co_await sleep(period);
    }
}

void print_count(const Counted& counted) { std::printf("> %ld comments\n", counted.result()); }

void print_count_or_boom(const Counted& counted) {
    try {
        print_count(counted);
    } catch (const Boom& boom) {
        std::printf("> error retrieving comments: %s\n", boom.what());
    }
}

// H10a: caught, logged and thrown on at each level.

Task<long> count_logging_errors(HackerNews& news, long id) {
    long total = 0;
    try {
        const auto kids = co_await news.kids(id);
        std::vector<Task<long>> below;
        for (const long kid : kids) below.push_back(count_logging_errors(news, kid));
        const auto counts = co_await gather(std::move(below));
        total = static_cast<long>(kids.size());
        for (const long count : counts) total += count;
    } catch (const Boom& boom) {
        std::printf("error retrieving comments for post %ld: %s\n", id, boom.what());
        throw;
    }
    co_return total;
}

long with_kids_below(const testing::DemoServer& site, long id) {
    for (const int kid : site.world().kids_of(static_cast<int>(id)))
        if (!site.world().kids_of(kid).empty()) return kid;
    return id;
}

Task<void> logged_at_each_level(const testing::DemoServer& site) {
    const long story = site.world().stories().at(0);
    HackerNews news(site.url(""));
    news.broken = with_kids_below(site, post_to_count(site));
    try {
        co_await count_logging_errors(news, story);
    } catch (const Boom&) {
        std::puts("and that is the end of the whole tree");
    }
    co_await sleep(20ms);  // what is on its way may still be counted
    const auto requests = site.counts().requests;
    co_await sleep(50ms);
    std::printf("requests afterwards: %d\n", static_cast<int>(site.counts().requests - requests));
}

// H10b: the callback stops the loop.

void stopped_by_the_callback(const testing::DemoServer& site) {
    EventLoop loop;
    try {
        const Callback callback = [&loop](const Counted& counted) {
            try {
                print_count(counted);
            } catch (const Boom&) {
                std::puts("> unexpected error, stopping");
                loop.stop();
            }
        };
        loop.run_until_complete(poll(site, callback, true));
    } catch (const InvalidStateError& error) {
        const std::string what = error.what();
        std::printf("%s\n", what.substr(0, what.find(':')).c_str());
    }
    loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
    loop.close();
    std::printf("left running: %d\n", static_cast<int>(loop.close_record().leaked_tasks));
}

// H10c: the callback keeps the error, and the poller looks whether there is one.

Task<void> poll_until_error(const testing::DemoServer& site) {
    const auto news = std::make_shared<HackerNews>(site.url(""));
    const long post = post_to_count(site);
    const auto errors = std::make_shared<std::vector<std::exception_ptr>>();
    for (int iteration = 1;; ++iteration) {
        if (!errors->empty()) {
            std::puts("Error detected, quitting");
            co_return;
        }
        create_task(count_or_fail(news, post, iteration == 2, true))
            .on_done([errors](const Counted& counted) {
                try {
                    print_count(counted);
                } catch (const Boom&) {
                    errors->push_back(std::current_exception());
                }
            });
        co_await sleep(period);
    }
}

}  // namespace

void errors_of_periodic_work(const testing::DemoServer& site) {
    std::puts("H8");
    run(poll(site, print_count, true));
    std::puts("H9a");
    run(poll(site, print_count_or_boom, true));
    std::puts("H9b");
    run(poll(site, print_count_or_boom, false));
}

void errors_along_a_chain(const testing::DemoServer& site) {
    std::puts("H10a");
    run(logged_at_each_level(site));
    std::puts("H10b");
    stopped_by_the_callback(site);
    std::puts("H10c");
    run(poll_until_error(site));
}
