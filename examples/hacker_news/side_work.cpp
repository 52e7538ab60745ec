// H3 to H6: each post that has comments is logged, which is slow. Who waits for that?
#include <examples/hacker_news/news.hpp>

#include <cstdio>
#include <functional>
#include <utility>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

constexpr auto log_time = 40ms;
int posts_logged = 0;

Task<void> log_post(long) {
    co_await sleep(log_time);
    ++posts_logged;
}

using WhenCounted = std::function<Task<void>(long)>;

Task<long> post_number_of_comments(HackerNews& news, long id, WhenCounted log) {
    const auto kids = co_await news.kids(id);
    std::vector<Task<long>> below;
    for (const long kid : kids) below.push_back(post_number_of_comments(news, kid, log));
    const auto counts = co_await gather(std::move(below));
    long total = static_cast<long>(kids.size());
    for (const long count : counts) total += count;
    if (total > 0) co_await log(id);
    co_return total;
}

Task<void> start_logging(long id) {
    create_task(log_post(id), {.name = "log"});
    co_return;
}

// The counting is over, and so is the loop, in each of four ways.

void awaited(const testing::DemoServer& site, long post) {
    HackerNews news(site.url(""));
    EventLoop loop;
    const auto start = loop.time();
    loop.run_until_complete(post_number_of_comments(news, post, log_post));
    const bool slow = loop.time() - start >= 2 * log_time;
    loop.close();
    std::printf("the log's time is part of it: %s\n", slow ? "yes" : "no");
}

void forgotten(const testing::DemoServer& site, long post) {
    HackerNews news(site.url(""));
    EventLoop loop;
    int warnings = 0;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        if (context.task == "log" && context.message.find("still pending") != std::string::npos) ++warnings;
    });
    loop.run_until_complete(post_number_of_comments(news, post, start_logging));
    loop.close();
    std::printf("a warning for each post: %s\n",
                warnings == posts_with_comments(site.world(), post) ? "yes" : "no");
}

void found_again(const testing::DemoServer& site, long post) {
    HackerNews news(site.url(""));
    EventLoop loop;
    loop.run_until_complete(post_number_of_comments(news, post, start_logging));
    loop.run_until_complete(join_all_tasks());
    loop.close();
}

void registered(const testing::DemoServer& site, long post) {
    HackerNews news(site.url(""));
    EventLoop loop;
    std::vector<TaskHandle<void>> registry;
    const auto log_later = [&registry](long id) -> Task<void> {
        registry.push_back(create_task(log_post(id)));
        co_return;
    };
    loop.run_until_complete(post_number_of_comments(news, post, log_later));
    loop.run_until_complete(gather(std::move(registry)));
    loop.close();
}

Task<void> in_a_group(const testing::DemoServer& site, long post) {
    HackerNews news(site.url(""));
    TaskGroup logs;
    const auto log_later = [&logs](long id) -> Task<void> {
        logs.create_task(log_post(id));
        co_return;
    };
    co_await post_number_of_comments(news, post, log_later);
    co_await logs.join();
}

template <class F>
void logs_of(const testing::DemoServer& site, long post, F count) {
    posts_logged = 0;
    count();
    const int posts = posts_with_comments(site.world(), post);
    std::printf("%d of %d posts logged\n", posts_logged, posts);
}

}  // namespace

void side_work(const testing::DemoServer& site) {
    const long post = post_to_count(site);
    std::puts("H3");
    logs_of(site, post, [&] { awaited(site, post); });
    std::puts("H4");
    logs_of(site, post, [&] { forgotten(site, post); });
    std::puts("H5");
    logs_of(site, post, [&] { found_again(site, post); });
    std::puts("H6");
    logs_of(site, post, [&] { registered(site, post); });
    logs_of(site, post, [&] { run(in_a_group(site, post)); });
}
