// Rows H3 to H6, H8 and H9: work beside the work, awaited, forgotten, found again, kept; and errors of work
// that is started periodically.
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/join_all_tasks.hpp>
#include <tandem/task/news_tree_internal.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/backends.hpp>
#include <tandem/testing/recorded_loop.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

/// The side work: a slow write to a log.
class PostLog {
public:
    Task<void> log_post(int id) {
        ++begun;
        try {
            co_await sleep(1s);
        } catch (const Cancelled&) {
            ++cancelled;
            throw;
        }
        lines.push_back("Post logged " + std::to_string(id));
    }

    int begun = 0;
    int cancelled = 0;
    Lines lines;
};

/// Starts the side work and goes on.
Task<void> start_logging(PostLog& log, int id) {
    create_task(log.log_post(id), {.name = "log"});
    co_return;
}

Task<int> count_and_log_later(NewsTree& news, PostLog& log) {
    const auto then = [&log](int id) { return start_logging(log, id); };
    co_return co_await news.count(1, then);
}

bool each_once(Lines lines) {
    std::sort(lines.begin(), lines.end());
    return std::adjacent_find(lines.begin(), lines.end()) == lines.end();
}

/// The article's poller: starts the work each period and looks at its end in a callback.
class Poller {
public:
    explicit Poller(std::function<void(const TaskHandle<int>&)> callback) : callback_(std::move(callback)) {}

    Task<void> poll(int iterations, int broken_iteration, int NewsTree::* error) {
        for (int iteration = 1; iteration <= iterations; ++iteration) {
            started.push_back(iteration);
            create_task(count(iteration == broken_iteration ? error : nullptr), {.name = "count"})
                .on_done(callback_);
            co_await sleep(5s);
        }
    }

    std::vector<int> started;

private:
    static Task<int> count(int NewsTree::* error) {
        NewsTree news;
        if (error) news.*error = 7;
        co_return co_await news.count(1);
    }
    std::function<void(const TaskHandle<int>&)> callback_;
};

}  // namespace

ASYNC_TEST(H3, side_work_that_is_awaited_makes_the_whole_as_slow_as_its_slowest_chain) {
    NewsTree news;
    PostLog log;
    const auto start = this_loop().time();
    const auto then = [&log](int id) { return log.log_post(id); };
    const int comments = co_await news.count(1, then);

    EXPECT_EQ(comments, NewsTree::comments);
    EXPECT_EQ(log.lines.size(), 40U);
    EXPECT_EQ(this_loop().time() - start, NewsTree::levels_of_fetches + 4 * 1s);
}

TEST(H4, side_work_that_is_forgotten_is_cancelled_joined_and_warned_of_task_by_task) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        NewsTree news;
        PostLog log;
        tandem::testing::RecordedLoop recorded(backend);
        const int comments = recorded.loop.run_until_complete(count_and_log_later(news, log));
        recorded.loop.close();

        EXPECT_EQ(comments, NewsTree::comments);
        EXPECT_EQ(log.lines, Lines{});
        EXPECT_EQ(log.begun, NewsTree::with_kids);
        EXPECT_EQ(log.cancelled, NewsTree::with_kids);
        ASSERT_EQ(recorded.records.size(), static_cast<std::size_t>(NewsTree::with_kids));
        for (const auto& record : recorded.records) {
            EXPECT_EQ(record.task, "log");
            EXPECT_EQ(record.message.find("task was still pending when its loop closed"), 0U);
        }
    }
}

TEST(H5, all_tasks_that_are_left_can_be_joined_before_the_loop_is_closed) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        NewsTree news;
        PostLog log;
        tandem::testing::RecordedLoop recorded(backend);
        recorded.loop.run_until_complete(count_and_log_later(news, log));
        const auto left = all_tasks(recorded.loop).size();
        recorded.loop.run_until_complete(join_all_tasks());
        recorded.loop.close();

        EXPECT_EQ(left, static_cast<std::size_t>(NewsTree::with_kids));
        EXPECT_EQ(log.lines.size(), 40U);
        EXPECT_TRUE(each_once(log.lines));
        EXPECT_EQ(recorded.records.size(), 0U);
    }
}

TEST(H6, a_registry_of_handles_that_is_gathered_loses_no_side_work) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        NewsTree news;
        PostLog log;
        std::vector<TaskHandle<void>> registry;
        tandem::testing::RecordedLoop recorded(backend);
        const auto with_registry = [&]() -> Task<int> {
            const auto then = [&](int id) -> Task<void> {
                registry.push_back(create_task(log.log_post(id)));
                co_return;
            };
            co_return co_await news.count(1, then);
        };
        recorded.loop.run_until_complete(with_registry());
        recorded.loop.run_until_complete(gather(std::move(registry)));
        recorded.loop.close();

        EXPECT_EQ(log.lines.size(), 40U);
        EXPECT_TRUE(each_once(log.lines));
        EXPECT_EQ(recorded.records.size(), 0U);
    }
}

ASYNC_TEST(H6, a_task_group_is_such_a_registry) {
    NewsTree news;
    PostLog log;
    const auto start = this_loop().time();
    TaskGroup group;
    const auto then = [&](int id) -> Task<void> {
        group.create_task(log.log_post(id));
        co_return;
    };
    co_await news.count(1, then);
    const auto counted = this_loop().time() - start;
    co_await group.join();

    EXPECT_EQ(counted, NewsTree::levels_of_fetches);
    EXPECT_EQ(this_loop().time() - start, NewsTree::levels_of_fetches + 1s);
    EXPECT_EQ(log.lines.size(), 40U);
    EXPECT_TRUE(each_once(log.lines));
}

TEST(H8, an_error_that_surfaces_in_a_done_callback_is_told_to_the_loop_which_goes_on) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        std::vector<int> counts;
        Poller poller([&](const TaskHandle<int>& done) { counts.push_back(done.result()); });
        tandem::testing::RecordedLoop recorded(backend);
        recorded.loop.run_until_complete(poller.poll(3, 2, &NewsTree::boom_at));
        recorded.loop.close();

        EXPECT_EQ(poller.started, (std::vector<int>{1, 2, 3}));
        EXPECT_EQ(counts, (std::vector<int>{120, 120}));
        ASSERT_EQ(recorded.records.size(), 1U);
        const auto& record = recorded.records[0];
        EXPECT_THROW(std::rethrow_exception(record.exception), Boom);
        EXPECT_EQ(record.task, "count");
        EXPECT_NE(record.message.find("callback"), std::string::npos) << record.message;
    }
}

namespace {

/// 01b and 01c: the callback catches Boom and nothing else.
struct Caught {
    std::vector<int> counts;
    Lines errors;
    std::vector<ErrorContext> records;
};
Caught poll_catching_boom(BackendChoice backend, int NewsTree::* error) {
    Caught caught;
    Poller poller([&](const TaskHandle<int>& done) {
        try {
            caught.counts.push_back(done.result());
        } catch (const Boom& boom) {
            caught.errors.push_back(boom.what());
        }
    });
    tandem::testing::RecordedLoop recorded(backend);
    recorded.loop.run_until_complete(poller.poll(3, 2, error));
    recorded.loop.close();
    caught.records = recorded.records;
    return caught;
}

}  // namespace

TEST(H9a, a_boom_caught_inside_the_callback_is_told_to_nobody) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        const auto caught = poll_catching_boom(backend, &NewsTree::boom_at);

        EXPECT_EQ(caught.counts.size(), 2U);
        EXPECT_EQ(caught.errors, (Lines{"BOOM!"}));
        EXPECT_EQ(caught.records.size(), 0U);
    }
}

TEST(H9b, another_type_passes_the_callbacks_catch_and_keeps_its_type) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        const auto caught = poll_catching_boom(backend, &NewsTree::other_error_at);

        EXPECT_EQ(caught.counts.size(), 2U);
        EXPECT_EQ(caught.errors, Lines{});
        ASSERT_EQ(caught.records.size(), 1U);
        EXPECT_THROW(std::rethrow_exception(caught.records[0].exception), std::domain_error);
    }
}

ASYNC_TEST(JoinAllTasks, returns_at_once_when_nobody_else_is_there) {
    const auto start = this_loop().time();
    co_await join_all_tasks();

    EXPECT_EQ(this_loop().time(), start);
}

ASYNC_TEST(JoinAllTasks, leaves_out_housekeeping_which_would_never_end) {
    const auto forever = []() -> Task<void> {
        for (;;) co_await sleep(1h);
    };
    auto keeper = create_task(forever(), {.name = "keeper", .housekeeping = true});
    create_task(as_task(sleep(1s)));
    const auto start = this_loop().time();
    co_await join_all_tasks();
    const auto waited = this_loop().time() - start;
    keeper.cancel();
    co_await keeper.join();

    EXPECT_EQ(waited, 1s);
}

ASYNC_TEST(JoinAllTasks, cancelled_ends_the_wait_and_nobody_else) {
    auto other = create_task(as_task(sleep(2s)));
    auto joining = create_task(join_all_tasks());
    co_await sleep(1s);
    joining.cancel();
    co_await joining.join();
    const bool went_on = !other.done();
    co_await other;

    EXPECT_TRUE(joining.cancelled());
    EXPECT_TRUE(went_on);
}
