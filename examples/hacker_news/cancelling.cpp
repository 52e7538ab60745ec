// H12 to H14: what is not wanted any more is cancelled.
#include <examples/hacker_news/news.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <utility>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

std::vector<long> three_posts(const testing::DemoServer& site) {
    const auto& stories = site.world().stories();
    return {stories.begin(), stories.begin() + 3};
}

// H12a: one fails, and what is pending then is cancelled.

Task<void> until_the_first_error(const testing::DemoServer& site) {
    HackerNews news(site.url(""));
    const auto posts = three_posts(site);
    news.broken = posts[1];
    std::vector<TaskHandle<long>> tasks;
    for (const long post : posts) tasks.push_back(create_task(news.count_comments(post)));
    const auto waited = co_await wait(tasks, {.return_when = FIRST_EXCEPTION});
    for (const auto& done : waited.done) std::printf("done: %s\n", describe(done.exception()).c_str());
    for (const auto& pending : waited.pending) pending.cancel();
    for (const auto& pending : waited.pending) {
        try {
            co_await pending;
        } catch (const TaskCancelled&) {
            std::puts("pending: cancelled");
        }
    }
}

// H12b: a map from task to post names the results.

Task<void> named_results(const testing::DemoServer& site) {
    HackerNews news(site.url(""));
    std::map<std::uint64_t, long> post_of;
    std::vector<TaskHandle<long>> tasks;
    for (const long post : three_posts(site)) {
        tasks.push_back(create_task(news.count_comments(post)));
        post_of[tasks.back().id()] = post;
    }
    const auto waited = co_await wait(tasks, {.return_when = FIRST_EXCEPTION});
    std::map<long, long> comments_of;
    for (const auto& done : waited.done) comments_of[post_of[done.id()]] = done.result();
    for (const auto& [post, comments] : comments_of)
        std::printf("Post %ld has %ld comments\n", post, comments);
}

// H13: nothing needs to be written for it; Counting only tells what happens.

struct Counting {
    explicit Counting(long the_id) : id(the_id) { ++live; }
    Counting(const Counting&) = delete;
    Counting& operator=(const Counting&) = delete;
    ~Counting() {
        --live;
        if (!over) cancelled.push_back(id);
    }
    long id;
    bool over = false;
    static inline int live = 0;
    static inline std::vector<long> cancelled;
};

Task<long> count_comments(HackerNews& news, long id) {
    Counting counting(id);
    const auto kids = co_await news.kids(id);
    std::vector<Task<long>> below;
    for (const long kid : kids) below.push_back(count_comments(news, kid));
    const auto counts = co_await gather(std::move(below));
    counting.over = true;
    long total = static_cast<long>(kids.size());
    for (const long count : counts) total += count;
    co_return total;
}

bool innermost_first(const testing::DemoWorld& world, const std::vector<long>& order) {
    const auto place = [&](long id) { return std::find(order.begin(), order.end(), id); };
    for (const long id : order)
        for (const int kid : world.kids_of(static_cast<int>(id)))
            if (place(kid) != order.end() && place(kid) > place(id)) return false;
    return true;
}

Task<void> cancelled_with_its_children(const testing::DemoServer& site) {
    const long story = site.world().stories().at(0);
    HackerNews news(site.url(""));
    auto counting = create_task(count_comments(news, story));
    while (news.fetches < 20) co_await sleep(1ms);
    const int live = Counting::live;
    counting.cancel();
    const auto outcome = co_await counting.join();
    const auto cancelled = std::exchange(Counting::cancelled, {});
    std::printf("the story was %s\n", outcome.cancelled() ? "cancelled" : "counted");
    std::printf("with all that lived below it: %s\n",
                live > 1 && live == static_cast<int>(cancelled.size()) ? "yes" : "no");
    std::printf("innermost first: %s\n", innermost_first(site.world(), cancelled) ? "yes" : "no");
    co_await sleep(20ms);  // what is on its way may still be counted
    const auto requests = site.counts().requests;
    co_await sleep(50ms);
    std::printf("requests afterwards: %d\n", static_cast<int>(site.counts().requests - requests));
}

// H14: the wait for the results is not to be disturbed.

Task<void> print_results(const testing::DemoServer& site) {
    HackerNews news(site.url(""));
    const long post = site.world().stories().at(0);
    std::vector<TaskHandle<long>> tasks;
    tasks.push_back(create_task(news.count_comments(post)));
    const auto waited = co_await shield(wait(tasks));
    for (const auto& done : waited.done) std::printf("Post %ld has %ld comments\n", post, done.result());
    try {
        co_await sleep(10s);
    } catch (const Cancelled&) {
        std::puts("cancelled");
        throw;
    }
}

Task<void> shielded(const testing::DemoServer& site) {
    auto printing = create_task(print_results(site));
    co_await sleep(1ms);
    printing.cancel();
    co_await printing.join();
}

}  // namespace

void cancelling(const testing::DemoServer& site) {
    std::puts("H12a");
    run(until_the_first_error(site));
    std::puts("H12b");
    run(named_results(site));
    std::puts("H13");
    run(cancelled_with_its_children(site));
    std::puts("H14");
    run(shielded(site));
}
