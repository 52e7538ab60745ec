// Rows H10 and H12 to H14: one failed fetch among many, and what is cancelled because of it.
#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/news_tree_internal.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/backends.hpp>
#include <tandem/testing/recorded_loop.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

/// H10a's count: each level catches, logs and throws on.
Task<int> count_logging_errors(NewsTree& news, int id, Lines& log) {
    int total = 0;
    try {
        const auto kids = co_await news.fetch(id);
        std::vector<Task<int>> below;
        for (const int kid : kids) below.push_back(count_logging_errors(news, kid, log));
        const auto counts = co_await gather(std::move(below));
        total = static_cast<int>(kids.size());
        for (const int comments : counts) total += comments;
    } catch (const Boom& boom) {
        log.push_back("error retrieving comments for post " + std::to_string(id) + ": " + boom.what());
        throw;
    }
    co_return total;
}

/// Counts that take one or three fetches, the second of which fails where it is told to.
Task<int> count_of(int post, int fetches, bool fails) {
    for (int i = 0; i < fetches; ++i) co_await sleep(100ms);
    if (fails) throw Boom("BOOM!");
    co_return post * 10;
}

/// H13's count. No code for being cancelled: this only notes that it was, and how many children it had.
struct Cancelling {
    Cancelling(Lines& the_log, int the_id) : log(the_log), id(the_id) {}
    Cancelling(const Cancelling&) = delete;
    Cancelling& operator=(const Cancelling&) = delete;
    ~Cancelling() {
        if (over) return;
        log.push_back("post " + std::to_string(id) + " cancelled, " + std::to_string(children) + " children");
        order.push_back(id);
    }
    Lines& log;
    int id;
    int children = 0;
    bool over = false;
    static inline std::vector<int> order;
};

Task<int> count_noting_cancels(NewsTree& news, int id, Lines& log) {
    Cancelling note(log, id);
    const auto kids = co_await news.fetch(id);
    std::vector<Task<int>> below;
    for (const int kid : kids) below.push_back(count_noting_cancels(news, kid, log));
    note.children = static_cast<int>(kids.size());
    const auto counts = co_await gather(std::move(below));
    note.over = true;
    int total = static_cast<int>(kids.size());
    for (const int comments : counts) total += comments;
    co_return total;
}

bool before(const std::vector<int>& order, int first, int second) {
    return std::find(order.begin(), order.end(), first) < std::find(order.begin(), order.end(), second);
}

}  // namespace

ASYNC_TEST(H10a, an_error_is_logged_once_per_level_of_its_path_and_ends_the_whole_tree) {
    NewsTree news;
    news.boom_at = 14;  // below 5, below 2, below 1
    Lines log;
    const auto start = this_loop().time();
    bool thrown = false;
    try {
        co_await count_logging_errors(news, 1, log);
    } catch (const Boom&) {
        thrown = true;
    }
    const auto took = this_loop().time() - start;
    const int requests = news.requests;
    const auto live = all_tasks(this_loop()).size();
    co_await sleep(10s);

    EXPECT_TRUE(thrown);
    EXPECT_EQ(log, (Lines{"error retrieving comments for post 14: BOOM!",
                          "error retrieving comments for post 5: BOOM!",
                          "error retrieving comments for post 2: BOOM!",
                          "error retrieving comments for post 1: BOOM!"}));
    EXPECT_EQ(took, 400ms);
    EXPECT_EQ(live, 1U);
    EXPECT_LT(requests, NewsTree::comments);
    EXPECT_EQ(news.requests, requests);
}

TEST(H10b, a_callback_that_stops_the_loop_ends_the_run_with_an_error_and_close_ends_the_rest) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        NewsTree news;
        news.boom_at = 2;
        tandem::testing::RecordedLoop recorded(backend);
        const auto poll = [&]() -> Task<void> {
            for (;;) {
                create_task(news.count(1)).on_done([](const TaskHandle<int>& done) {
                    try {
                        static_cast<void>(done.result());
                    } catch (const Boom&) {
                        this_loop().stop();
                    }
                });
                co_await sleep(5s);
            }
        };
        std::string error;
        try {
            recorded.loop.run_until_complete(poll());
        } catch (const InvalidStateError& stopped) {
            error = stopped.what();
        }
        const auto left = all_tasks(recorded.loop).size();
        recorded.loop.close();

        EXPECT_EQ(error.find("event loop stopped before the task completed"), 0U) << error;
        EXPECT_EQ(left, 1U);
        EXPECT_EQ(recorded.records.size(), 1U);  // of the poller, which close() has ended
        EXPECT_EQ(recorded.loop.close_record().pending_tasks, 1U);
        EXPECT_EQ(recorded.loop.close_record().leaked_tasks, 0U);
    }
}

ASYNC_TEST(H10c, a_callback_that_keeps_the_error_ends_the_poller_at_its_next_look) {
    NewsTree news;
    news.boom_at = 2;
    std::vector<std::exception_ptr> errors;
    Lines log;
    const auto start = this_loop().time();
    const auto poll = [&]() -> Task<void> {
        for (;;) {
            if (!errors.empty()) {
                log.push_back("Error detected, quitting");
                co_return;
            }
            create_task(news.count(1)).on_done([&](const TaskHandle<int>& done) {
                try {
                    log.push_back(std::to_string(done.result()) + " comments");
                } catch (const Boom&) {
                    errors.push_back(std::current_exception());
                }
            });
            co_await sleep(5s);
        }
    };
    co_await poll();

    EXPECT_EQ(log, (Lines{"Error detected, quitting"}));
    EXPECT_EQ(errors.size(), 1U);
    EXPECT_EQ(this_loop().time() - start, 5s);
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
}

ASYNC_TEST(H12a, the_first_error_ends_the_wait_and_what_is_pending_is_cancelled_and_joined) {
    std::vector<TaskHandle<int>> tasks;
    tasks.push_back(create_task(count_of(1, 1, false)));
    tasks.push_back(create_task(count_of(2, 2, true)));
    tasks.push_back(create_task(count_of(3, 3, false)));
    tasks.push_back(create_task(count_of(4, 3, false)));
    const auto start = this_loop().time();
    const auto waited = co_await wait(tasks, {.return_when = FIRST_EXCEPTION});
    const auto took = this_loop().time() - start;
    Lines joined;
    for (const auto& pending : waited.pending) {
        pending.cancel();
        try {
            co_await pending;
        } catch (const TaskCancelled&) {
            joined.push_back("cancelled");
        }
    }

    EXPECT_EQ(took, 200ms);
    TANDEM_CO_ASSERT_EQ(waited.done.size(), 2U);
    EXPECT_EQ(waited.done[0].result(), 10);
    EXPECT_THROW(waited.done[1].result(), Boom);
    EXPECT_EQ(joined, (Lines{"cancelled", "cancelled"}));
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
}

ASYNC_TEST(H12b, a_map_from_task_to_post_names_each_result) {
    const std::vector<int> posts{8863, 8952, 9129};
    std::map<std::uint64_t, int> post_of;
    std::vector<TaskHandle<int>> tasks;
    for (const int post : posts) {
        tasks.push_back(create_task(count_of(post, post % 3 + 1, false)));
        post_of[tasks.back().id()] = post;
    }
    const auto waited = co_await wait(tasks, {.return_when = FIRST_EXCEPTION});

    EXPECT_EQ(waited.done.size(), 3U);
    for (const auto& done : waited.done) EXPECT_EQ(done.result(), post_of.at(done.id()) * 10);
}

ASYNC_TEST(H13, a_cancelled_parent_takes_all_its_descendants_along_innermost_first) {
    NewsTree news;
    Lines log;
    Cancelling::order.clear();
    auto counting = create_task(count_noting_cancels(news, 1, log));
    co_await sleep(350ms);  // 1 + 3 + 9 have their children, 27 are being fetched
    const auto live = all_tasks(this_loop()).size() - 1;
    const int requests = news.requests;
    counting.cancel();
    const auto outcome = co_await counting.join();
    const auto order = std::exchange(Cancelling::order, {});
    co_await sleep(10s);

    EXPECT_TRUE(outcome.cancelled());
    EXPECT_EQ(live, 40U);
    EXPECT_EQ(order.size(), live);
    EXPECT_EQ(log.back(), "post 1 cancelled, 3 children");
    EXPECT_EQ(std::count(log.begin(), log.end(), "post 14 cancelled, 0 children"), 1);
    for (int id = 1; id <= 13; ++id) {
        for (const int kid : NewsTree::kids_of(id))
            EXPECT_TRUE(before(order, kid, id)) << kid << " is below " << id;
    }
    EXPECT_EQ(news.requests, requests);
}

ASYNC_TEST(H14, a_shielded_wait_completes_and_the_cancel_comes_at_the_next_await) {
    Lines log;
    const auto start = this_loop().time();
    const auto results = [&]() -> Task<void> {
        std::vector<TaskHandle<int>> tasks;
        tasks.push_back(create_task(count_of(1, 2, false)));
        tasks.push_back(create_task(count_of(2, 3, false)));
        const auto waited = co_await shield(wait(tasks));
        for (const auto& done : waited.done)
            log.push_back(std::to_string(done.result()) + " comments after " +
                          std::to_string((this_loop().time() - start) / 1ms));
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            log.push_back("cancelled");
            throw;
        }
    };
    auto working = create_task(results());
    co_await sleep(100ms);
    working.cancel();
    const auto outcome = co_await working.join();

    EXPECT_EQ(log, (Lines{"10 comments after 300", "20 comments after 300", "cancelled"}));
    EXPECT_TRUE(outcome.cancelled());
    EXPECT_EQ(this_loop().time() - start, 300ms);
}
