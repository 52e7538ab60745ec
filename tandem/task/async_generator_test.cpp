#include <tandem/task/async_generator.hpp>

#include <tandem/task/as_result.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

struct Note {
    Note(Lines& l, std::string t) : lines(l), text(std::move(t)) {}
    ~Note() { lines.push_back(text); }
    Lines& lines;
    std::string text;
};

AsyncGenerator<int> ticker(int last, Lines& lines) {
    const Note end(lines, "ticker's locals ended");
    for (int i = 1; i <= last; ++i) {
        co_await sleep(1s);
        co_yield i;
    }
}

Task<void> slow_cleanup(Lines& lines) {
    lines.push_back("cleaning up");
    co_await sleep(1s);
    lines.push_back("cleaned up");
}

Task<void> failing_cleanup() {
    co_await sleep(1ms);
    throw std::runtime_error("the cleanup failed");
}

AsyncGenerator<std::string, std::string> listener() {
    std::string heard = "nothing";
    for (;;) {
        try {
            heard = co_yield "heard " + heard;
            co_await sleep(1ms);
        } catch (const std::runtime_error& error) {
            heard = error.what();
        }
    }
}

AsyncGenerator<int> fails() {
    co_yield 1;
    co_await sleep(1ms);
    throw std::runtime_error("failed");
}

AsyncGenerator<int> stubborn() {
    bool again = false;
    try {
        co_yield 1;
    } catch (const Cancelled&) {
        again = true;
    }
    if (again) co_yield 2;
}

Task<void> first_of(AsyncGenerator<int>& numbers, Lines& lines) {
    while (auto number = co_await numbers.next()) {
        lines.push_back(std::to_string(*number));
        co_return;
    }
}

Task<void> read_all(AsyncGenerator<int>& numbers) {
    while (auto number = co_await numbers.next()) static_cast<void>(number);
}

AsyncGenerator<std::uint64_t> says_its_task() {
    for (;;) {
        co_await sleep(0s);
        const auto task = current_task();
        co_yield task->id;
    }
}

Task<std::uint64_t> task_inside(AsyncGenerator<std::uint64_t>& gen) {
    const auto id = co_await gen.next();
    const auto mine = current_task();
    co_return *id == mine->id ? *id : 0;
}

// Under run(), with every report of the loop in `reports`.
Task<void> keep_reports(Lines& reports) {
    this_loop().set_exception_handler([&reports](EventLoop&, const ErrorContext& context) {
        reports.push_back(context.message + (context.exception ? ": " + describe(context.exception) : ""));
    });
    co_return;
}

}  // namespace

ASYNC_TEST(SemK45, each_element_is_awaited_and_the_end_is_nothing) {
    Lines lines;
    std::vector<int> seen;
    const auto start = this_loop().time();
    auto numbers = ticker(3, lines);
    while (auto number = co_await numbers.next()) seen.push_back(*number);
    EXPECT_EQ(seen, (std::vector{1, 2, 3}));
    EXPECT_EQ(this_loop().time() - start, 3s);
    const auto after = co_await numbers.next();
    EXPECT_FALSE(after);
}

ASYNC_TEST(SemK45, the_body_runs_in_the_task_that_awaits_it) {
    auto gen = says_its_task();
    const auto first = co_await create_task(task_inside(gen));
    const auto second = co_await create_task(task_inside(gen));
    EXPECT_NE(first, 0U);
    EXPECT_NE(second, 0U);
    EXPECT_NE(first, second);
}

ASYNC_TEST(SemK45, the_await_tree_shows_the_generators_frame) {
    Lines lines;
    auto numbers = ticker(2, lines);
    auto reader = create_task(read_all(numbers));
    co_await sleep(500ms);
    const auto tree = dump_tree(this_loop());
    co_await reader;
    EXPECT_NE(tree.find("read_all"), std::string::npos) << tree;
    EXPECT_NE(tree.find("ticker"), std::string::npos) << tree;
}

ASYNC_TEST(SemK45, values_are_sent_and_errors_thrown_in) {
    auto ear = listener();
    const auto first = co_await ear.next();
    const auto second = co_await ear.send("hello");
    const auto third = co_await ear.throw_in(std::runtime_error("noise"));
    EXPECT_EQ(first, "heard nothing");
    EXPECT_EQ(second, "heard hello");
    EXPECT_EQ(third, "heard noise");
    co_await ear.aclose();
}

ASYNC_TEST(SemK45, next_is_a_checkpoint_that_leaves_the_body_alone) {
    Lines lines;
    auto numbers = ticker(3, lines);
    co_await numbers.next();
    auto reader = create_task(read_all(numbers));
    co_await sleep(0s);
    reader.cancel();
    const auto end = co_await reader.join();
    EXPECT_TRUE(end.cancelled());
    const auto after = co_await numbers.next();
    EXPECT_FALSE(after);  // Cancelled was thrown at the body's own await, and ended it
}

ASYNC_TEST(SemK46, dropped_half_way_its_locals_are_destroyed_at_once) {
    Lines lines;
    {
        auto numbers = ticker(3, lines);
        co_await numbers.next();
    }
    lines.push_back("after");
    EXPECT_EQ(lines, (Lines{"ticker's locals ended", "after"}));
}

TEST(SemK46, dropped_in_another_thread_its_locals_are_destroyed_on_its_loop) {
    std::thread::id ended_in;
    struct WhereItEnds {
        explicit WhereItEnds(std::thread::id& w) : where(w) {}
        ~WhereItEnds() { where = std::this_thread::get_id(); }
        std::thread::id& where;
    };
    const auto one = [](std::thread::id& where) -> AsyncGenerator<int> {
        const WhereItEnds local(where);
        co_await sleep(0s);
        co_yield 1;
        co_yield 2;
    };
    const auto body = [](AsyncGenerator<int> gen) -> Task<void> {
        co_await gen.next();
        std::thread([taken = std::move(gen)]() mutable { const auto gone = std::move(taken); }).join();
        co_await sleep(0s);
    };
    run(body(one(ended_in)));
    EXPECT_EQ(ended_in, std::this_thread::get_id());
}

ASYNC_TEST(SemK46, async_closing_finishes_awaiting_cleanup_before_the_next_statement) {
    Lines lines;
    auto numbers = with_finally(ticker(3, lines), slow_cleanup(lines));
    co_await async_closing(numbers, first_of(numbers, lines));
    lines.push_back("after");
    EXPECT_EQ(lines, (Lines{"1", "ticker's locals ended", "cleaning up", "cleaned up", "after"}));
}

ASYNC_TEST(SemK46, aclose_runs_awaiting_cleanup_and_is_harmless_the_second_time) {
    Lines lines;
    auto numbers = with_finally(ticker(3, lines), slow_cleanup(lines));
    co_await numbers.next();
    co_await numbers.aclose();
    co_await numbers.aclose();
    const auto after = co_await numbers.next();
    EXPECT_FALSE(after);
    EXPECT_EQ(lines, (Lines{"ticker's locals ended", "cleaning up", "cleaned up"}));
}

ASYNC_TEST(SemK46, cleanup_that_awaits_runs_in_a_cancelled_task_too) {
    Lines lines;
    auto numbers = with_finally(ticker(3, lines), slow_cleanup(lines));
    auto reader = create_task(async_closing(numbers, read_all(numbers)));
    co_await sleep(1500ms);
    reader.cancel();
    co_await reader.join();
    EXPECT_EQ(lines, (Lines{"ticker's locals ended", "cleaning up", "cleaned up"}));
}

ASYNC_TEST(SemK46, one_never_started_runs_nothing_when_closed_or_dropped) {
    Lines lines;
    auto numbers = ticker(3, lines);
    co_await numbers.aclose();
    const auto after = co_await numbers.next();
    static_cast<void>(ticker(3, lines));
    EXPECT_FALSE(after);
    EXPECT_TRUE(lines.empty());
}

ASYNC_TEST(SemK47, a_second_next_while_one_is_running_is_refused) {
    Lines lines;
    auto numbers = ticker(1, lines);
    auto reader = create_task(read_all(numbers));
    co_await sleep(0s);
    auto second = co_await as_result(numbers.next());
    TANDEM_CO_ASSERT_TRUE(second.has_error());
    EXPECT_TRUE(second.error().is<InvalidStateError>()) << second.error().what();
    auto third = co_await as_result(numbers.throw_in(std::runtime_error("too early")));
    TANDEM_CO_ASSERT_TRUE(third.has_error());
    EXPECT_TRUE(third.error().is<InvalidStateError>());
    co_await reader;
}

ASYNC_TEST(SemK47, closing_it_while_a_next_is_running_is_refused) {
    Lines lines;
    auto numbers = ticker(1, lines);
    auto reader = create_task(read_all(numbers));
    co_await sleep(0s);
    auto closing = co_await as_result(numbers.aclose());
    TANDEM_CO_ASSERT_TRUE(closing.has_error());
    EXPECT_TRUE(closing.error().is<InvalidStateError>()) << closing.error().what();
    co_await reader;
}

ASYNC_TEST(SemK47, an_exception_ends_it_and_later_nexts_find_the_end) {
    auto gen = fails();
    co_await gen.next();
    auto failure = co_await as_result(gen.next());
    TANDEM_CO_ASSERT_TRUE(failure.has_error());
    EXPECT_EQ(failure.error().what(), "failed");
    const auto after = co_await gen.next();
    EXPECT_FALSE(after);
}

ASYNC_TEST(SemK47, yielding_once_more_when_closed_is_an_error_of_aclose) {
    auto gen = stubborn();
    co_await gen.next();
    auto failure = co_await as_result(gen.aclose());
    TANDEM_CO_ASSERT_TRUE(failure.has_error());
    EXPECT_TRUE(failure.error().is<InvalidStateError>());
}

TEST(SemK48, run_closes_what_was_left_suspended_and_dropped) {
    Lines lines;
    const auto body = [&]() -> Task<void> {
        auto numbers = with_finally(ticker(3, lines), slow_cleanup(lines));
        co_await numbers.next();
    };
    tandem::testing::run(body());
    EXPECT_EQ(lines, (Lines{"ticker's locals ended", "cleaning up", "cleaned up"}));
}

TEST(SemK48, run_closes_what_somebody_still_holds_after_its_tasks_are_joined) {
    Lines lines;
    auto numbers = with_finally(ticker(9, lines), slow_cleanup(lines));
    const auto forever = [&]() -> Task<void> {
        const Note end(lines, "the last task was joined");
        co_await sleep(1h);
    };
    const auto body = [&]() -> Task<void> {
        auto other = create_task(forever());
        co_await numbers.next();
    };
    tandem::testing::run(body());
    EXPECT_EQ(lines,
              (Lines{"the last task was joined", "ticker's locals ended", "cleaning up", "cleaned up"}));
    EXPECT_TRUE(numbers.done());
}

TEST(SemK48, close_closes_them_too_and_reports_errors_of_their_cleanup) {
    Lines lines;
    Lines reports;
    auto numbers = with_finally(ticker(9, lines), failing_cleanup());
    VirtualTime time;
    EventLoopOptions options;
    options.time = &time;
    EventLoop loop(options);
    loop.run_until_complete(keep_reports(reports));
    loop.run_until_complete(first_of(numbers, lines));
    loop.close();
    EXPECT_EQ(lines, (Lines{"1", "ticker's locals ended"}));
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_NE(reports[0].find("the cleanup failed"), std::string::npos) << reports[0];
}

TEST(SemLt12, abandoned_half_way_it_is_closed_on_its_loop_also_when_dropped_in_another_thread) {
    Lines lines;
    std::thread::id cleaned_in;
    const auto cleanup = [&]() -> Task<void> {
        co_await sleep(1ms);
        cleaned_in = std::this_thread::get_id();
    };
    const auto body = [&]() -> Task<void> {
        auto numbers = with_finally(ticker(9, lines), cleanup());
        co_await numbers.next();
        std::thread([taken = std::move(numbers)]() mutable { const auto gone = std::move(taken); }).join();
        co_await sleep(1s);
        lines.push_back("main goes on");
    };
    tandem::testing::run(body());
    EXPECT_EQ(lines, (Lines{"ticker's locals ended", "main goes on"}));
    EXPECT_EQ(cleaned_in, std::this_thread::get_id());
}

TEST(SemLt12, debug_builds_name_it) {
    Lines lines;
    Lines reports;
    VirtualTime time;
    RunOptions options;
    options.time = &time;
    options.debug = true;
    const auto body = [&]() -> Task<void> {
        co_await keep_reports(reports);
        auto numbers = ticker(9, lines);
        co_await numbers.next();
    };
    run(body(), options);
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_NE(reports[0].find("ticker"), std::string::npos) << reports[0];
    EXPECT_NE(reports[0].find("dropped half-way"), std::string::npos) << reports[0];
}
