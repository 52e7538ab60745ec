// Rows of the bridge and the rules of Pending's waits: timeouts, cancels, outcomes, awaiters of other loops.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/loop_thread.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::LoopThread;

using tandem::testing::value_after;

Task<int> swallows_cancel(int value) {
    try {
        co_await sleep(1h);
    } catch (const Cancelled&) {
    }
    co_return value;
}
/// Its cleanup takes a while.
Task<int> cleans_up(std::vector<std::string>& lines) {
    const auto cleanup = [](std::vector<std::string>& out) -> Task<void> {
        co_await sleep(10ms);
        out.push_back("cleaned up");
    };
    co_return co_await with_finally(value_after(1h, 1), cleanup(lines));
}

int target = 7;
Task<int> fetch_value() { co_return 4; }
Task<void> fetch_void() { co_return; }
Task<int&> fetch_reference() { co_return target; }
Task<std::unique_ptr<int>> fetch_move_only() { co_return std::make_unique<int>(4); }
Task<int> fetch_error() {
    co_await sleep(0s);
    throw std::range_error("fetch");
}

}  // namespace

static_assert(std::is_same_v<decltype(fetch_value().get()), int>);
static_assert(std::is_same_v<decltype(fetch_value().start()), Pending<int>>);
static_assert(std::is_same_v<decltype(fetch_value().start().get()), int>);
static_assert(std::is_same_v<decltype(std::declval<const Pending<int>&>().get()), const int&>);
static_assert(std::is_same_v<decltype(to_future(fetch_value())), std::future<int>>);
static_assert(std::is_same_v<decltype(run(fetch_value())), int>);
static_assert(std::is_same_v<decltype(fetch_reference().get()), int&>);
static_assert(std::is_same_v<decltype(fetch_void().start().get()), void>);
static_assert(std::is_same_v<decltype(fetch_move_only().start().get()), std::unique_ptr<int>>);

TEST(RB1, one_body_gives_the_same_results_and_errors_in_four_uses) {
    EXPECT_EQ(fetch_value().get(), 4);
    EXPECT_EQ(run(fetch_value()), 4);
    EXPECT_EQ(fetch_value().start().get(), 4);
    EXPECT_EQ(to_future(fetch_value()).get(), 4);

    fetch_void().get();
    run(fetch_void());
    fetch_void().start().get();
    to_future(fetch_void()).get();

    EXPECT_EQ(&fetch_reference().get(), &target);
    EXPECT_EQ(&run(fetch_reference()), &target);
    EXPECT_EQ(&fetch_reference().start().get(), &target);
    EXPECT_EQ(&to_future(fetch_reference()).get(), &target);

    EXPECT_EQ(*fetch_move_only().get(), 4);
    EXPECT_EQ(*run(fetch_move_only()), 4);
    EXPECT_EQ(*fetch_move_only().start().get(), 4);
    EXPECT_EQ(*to_future(fetch_move_only()).get(), 4);

    EXPECT_THROW(fetch_error().get(), std::range_error);
    EXPECT_THROW(run(fetch_error()), std::range_error);
    EXPECT_THROW(fetch_error().start().get(), std::range_error);
    EXPECT_THROW(to_future(fetch_error()).get(), std::range_error);
}

TEST(SemB20, outcome_is_a_value_that_outlives_its_pending_and_asks_for_the_end) {
    const auto outcome = [] {
        auto pending = value_after(1ms, 3).start();
        EXPECT_THROW(static_cast<void>(value_after(1h, 1).start().outcome()), InvalidStateError);
        pending.wait();
        return pending.outcome();
    }();
    EXPECT_EQ(outcome.value(), 3);
    auto slow = value_after(50ms, 1).start();
    EXPECT_TRUE(slow.running());
    EXPECT_THROW(static_cast<void>(slow.exception(1ms)), TimeoutError);
    EXPECT_FALSE(slow.wait(1ms));
    EXPECT_EQ(slow.exception(), nullptr);
}

TEST(SemB22, cancel_and_wait_gives_cancelled_or_the_value_or_the_error) {
    const auto fails_instead = []() -> Task<int> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
        }
        throw std::range_error("instead");
    };
    const auto begun = [](Pending<int> pending) {
        std::this_thread::sleep_for(2ms);  // cancelled before its first step, a task has no say
        return pending;
    };
    EXPECT_TRUE(begun(value_after(1h, 1).start()).cancel_and_wait(5s).cancelled());
    EXPECT_EQ(begun(swallows_cancel(6).start()).cancel_and_wait(5s).value(), 6);
    EXPECT_TRUE(begun(fails_instead().start()).cancel_and_wait(5s).error().is<std::range_error>());
}

TEST(SemBt1, value_error_timeout_then_cancel_and_cancel_from_inside_leave_no_task) {
    LoopThread mine;
    EXPECT_EQ(value_after(1ms, 1).start(on(mine.loop)).get(), 1);
    EXPECT_THROW(fetch_error().start(on(mine.loop)).get(), std::range_error);
    auto slow = value_after(1h, 1).start(on(mine.loop));
    EXPECT_THROW(slow.get(2ms), TimeoutError);
    EXPECT_TRUE(slow.cancel_and_wait(5s).cancelled());
    const auto cancels_itself = []() -> Task<int> {
        const auto me = [](TaskNode* node) { node->cancel(make_reason("from inside", SourceLocation())); };
        me(current_task_node());
        co_return co_await value_after(1h, 1);
    };
    EXPECT_THROW(cancels_itself().start(on(mine.loop)).get(), TaskCancelled);
    const auto live = []() -> Task<std::size_t> { co_return TaskDomain::of(this_loop()).live(); };
    EXPECT_EQ(live().start(on(mine.loop)).get(), 1U);
}

TEST(SemB27, join_gives_the_end_as_a_value_and_many_loops_may_wait_at_once) {
    LoopThread mine;
    auto work = value_after(20ms, 9).start(on(mine.loop));
    auto failing = fetch_error().start(on(mine.loop));
    const auto waits = [](Pending<int> value, Pending<int> error) -> Task<int> {
        auto [first, second] = co_await gather(value.join(), error.join());
        co_return first.value() + (second.has_error() ? 1 : 0);
    };
    std::vector<std::thread> loops;
    std::atomic<int> right = 0;
    for (int i = 0; i < 4; ++i) loops.emplace_back([&] { right += run(waits(work, failing)) == 10; });
    for (auto& loop : loops) loop.join();
    EXPECT_EQ(right, 4);
}

TEST(SemB27, a_temporary_moves_its_value_out_and_one_loop_may_await_its_own) {
    const auto main = []() -> Task<int> {
        auto boxed = fetch_move_only().start(on(this_loop()));
        auto box = co_await std::move(boxed);
        auto mine = value_after(1ms, 2).start(on(this_loop()));
        co_return *box + co_await mine;
    };
    EXPECT_EQ(run(main()), 6);
}

TEST(SemB28, two_submissions_run_concurrently_and_two_callbacks_one_after_the_other) {
    LoopThread mine;
    std::vector<std::string> lines;
    const auto body = [](std::vector<std::string>& out, const char* name) -> Task<void> {
        out.push_back(std::string(name) + " begins");
        co_await sleep(2ms);
        out.push_back(std::string(name) + " ends");
    };
    auto first = body(lines, "1").start(on(mine.loop));
    auto second = body(lines, "2").start(on(mine.loop));
    first.get();
    second.get();
    std::promise<void> over;
    mine.loop.call_soon_threadsafe([&] {
        lines.push_back("a begins");
        lines.push_back("a ends");
    });
    mine.loop.call_soon_threadsafe([&] {
        lines.push_back("b begins");
        over.set_value();
    });
    over.get_future().wait();
    EXPECT_EQ(lines, (std::vector<std::string>{"1 begins", "2 begins", "1 ends", "2 ends", "a begins",
                                               "a ends", "b begins"}));
}

TEST(RB10, a_cancel_from_plain_code_reaches_an_idle_loop_at_once_and_tells_what_came_of_it) {
    LoopThread mine;
    Duration best = 1h;
    for (int i = 0; i < 20; ++i) {
        auto pending = value_after(1h, 1).start(on(mine.loop));
        std::this_thread::sleep_for(2ms);
        const auto start = std::chrono::steady_clock::now();
        EXPECT_TRUE(pending.cancel("enough"));
        pending.wait();
        best = std::min<Duration>(best, std::chrono::steady_clock::now() - start);
        EXPECT_TRUE(pending.cancelled());
    }
    EXPECT_LT(best, 1ms);
    auto swallowing = swallows_cancel(8).start(on(mine.loop));
    std::this_thread::sleep_for(2ms);
    EXPECT_EQ(swallowing.cancel_and_wait(5s).value(), 8);
    auto slow = shield(value_after(50ms, 2)).start(on(mine.loop));
    std::this_thread::sleep_for(2ms);
    EXPECT_THROW(static_cast<void>(slow.cancel_and_wait(2ms)), TimeoutError);
    EXPECT_EQ(slow.get(), 2);
}

TEST(RB11, a_pending_goes_on_past_the_limit_and_a_call_is_ended_and_cleaned_up) {
    auto pending = value_after(40ms, 5).start();
    EXPECT_THROW(static_cast<void>(pending.get(2ms)), TimeoutError);
    EXPECT_EQ(pending.get(), 5);

    std::vector<std::string> lines;
    try {
        static_cast<void>(cleans_up(lines).get(10ms));
    } catch (const TimeoutError&) {
        lines.push_back("timed out");
    }
    EXPECT_EQ(lines, (std::vector<std::string>{"cleaned up", "timed out"}));
}

TEST(SemC101, a_stop_token_cancels_the_work_and_waits_for_its_cleanup) {
    std::vector<std::string> lines;
    std::stop_source source;
    std::thread stops([&] {
        std::this_thread::sleep_for(20ms);
        source.request_stop();
    });
    try {
        static_cast<void>(cleans_up(lines).get(source.get_token()));
    } catch (const TaskCancelled& cancelled) {
        lines.push_back(cancelled.reason());
    }
    stops.join();
    EXPECT_EQ(lines, (std::vector<std::string>{"cleaned up", "get(stop_token) was asked to stop"}));
    EXPECT_EQ(value_after(1ms, 2).get(std::stop_source().get_token()), 2);
    EXPECT_THROW(static_cast<void>(value_after(1h, 2).get(source.get_token())), TaskCancelled);
}

TEST(SemC101, a_stop_token_serves_tasks_that_give_references_for_every_kind_of_caller) {
    static int kept = 5;
    const auto lend = [](Duration delay) -> Task<int&> {
        co_await sleep(delay);
        co_return kept;
    };
    const auto borrow = [lend]() -> int* {
        std::stop_source source;
        int& lent = lend(1ms).get(source.get_token());
        source.request_stop();
        bool stopped = false;
        try {
            lend(1h).get(source.get_token());
        } catch (const TaskCancelled&) {
            stopped = true;
        }
        return stopped ? &lent : nullptr;
    };
    EXPECT_EQ(borrow(), &kept);
    EXPECT_EQ(run(to_thread(borrow)), &kept);
    EXPECT_EQ(run(in_fiber(borrow)), &kept);
}

TEST(SemC101, detached_on_timeout_the_work_goes_on) {
    std::promise<void> finished;
    const auto body = [](std::promise<void>& end) -> Task<int> {
        co_await sleep(30ms);
        end.set_value();
        co_return 1;
    };
    EXPECT_THROW(static_cast<void>(body(finished).get({.deadline = 2ms, .detach_on_timeout = true})),
                 TimeoutError);
    EXPECT_EQ(finished.get_future().wait_for(10s), std::future_status::ready);
}

TEST(SemB5, get_returns_when_the_frame_and_its_arguments_are_gone) {
    auto shared = std::make_shared<int>(1);
    const auto body = [](std::shared_ptr<int> kept, Duration delay) -> Task<int> {
        if (delay > 0s) co_await sleep(delay);
        co_return *kept;
    };
    for (int i = 0; i < 300; ++i) {
        body(shared, i % 2 ? 0s : Duration(1000)).get();
        ASSERT_EQ(shared.use_count(), 1);
        body(shared, i % 2 ? 0s : Duration(1000)).start().get();
        ASSERT_EQ(shared.use_count(), 1);
    }
}
