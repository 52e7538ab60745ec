#include <tandem/task/future.hpp>

#include <tandem/task/as_result.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/backends.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<int> value_of(Future<int> future) {
    const int value = co_await future;
    co_return value;
}

void mark_done(Lines& lines, const Future<std::string>& future, const std::string& result) {
    lines.push_back("setting future result to '" + result + "'");
    future.set_result(result);
}

Task<void> waits_for_a_future(Lines& lines) {
    Future<std::string> all_done;
    lines.push_back("scheduling mark_done");
    this_loop().call_soon([&lines, all_done] { mark_done(lines, all_done, "the result"); });
    const std::string& result = co_await all_done;
    lines.push_back("returned result: '" + result + "'");
}

Task<void> registers_callbacks(Lines& lines, Future<std::string> all_done) {
    for (int n : {1, 2}) {
        all_done.add_done_callback([&lines, n](const Future<std::string>& future) {
            lines.push_back(std::to_string(n) + ": future done: " + future.result());
        });
    }
    co_return;
}

Lines reports_of(Task<void> body) {
    Lines reports;
    VirtualTime time;
    EventLoopOptions options;
    options.time = &time;
    EventLoop loop(options);
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        reports.push_back(context.message + ": " + describe(context.exception));
    });
    loop.run_until_complete(std::move(body));
    loop.poll_once();
    loop.close();
    return reports;
}

}  // namespace

ASYNC_TEST(SemK37, a_second_end_is_refused) {
    Future<int> future;
    EXPECT_FALSE(future.done());
    EXPECT_THROW(static_cast<void>(future.result()), InvalidStateError);
    EXPECT_THROW(static_cast<void>(future.exception()), InvalidStateError);
    future.set_result(1);
    EXPECT_TRUE(future.done());
    EXPECT_TRUE(future.successful());
    EXPECT_EQ(future.result(), 1);
    EXPECT_EQ(future.exception(), nullptr);
    EXPECT_THROW(future.set_result(2), InvalidStateError);
    EXPECT_THROW(future.set_exception(std::runtime_error("late")), InvalidStateError);
    EXPECT_FALSE(future.cancel());
    EXPECT_EQ(future.result(), 1);
    co_return;
}

ASYNC_TEST(SemK37, any_number_of_awaiters_get_the_value_and_an_rvalue_await_takes_it) {
    Future<std::unique_ptr<int>> future;
    this_loop().call_later(1s, [future] { future.set_result(std::make_unique<int>(7)); });
    const auto& shared = co_await future;
    EXPECT_EQ(*shared, 7);
    const auto owned = co_await std::move(future);
    EXPECT_EQ(*owned, 7);
}

ASYNC_TEST(SemK37, cancelling_an_awaiter_leaves_the_future_alone) {
    Future<int> future;
    auto a = create_task(value_of(future));
    auto b = create_task(value_of(future));
    co_await sleep(1s);
    a.cancel();
    const auto end = co_await a.join();
    EXPECT_TRUE(end.cancelled());
    EXPECT_FALSE(future.done());
    future.set_result(5);
    const int value = co_await b;
    EXPECT_EQ(value, 5);
}

ASYNC_TEST(SemK37, a_cancelled_future_gives_its_awaiters_task_cancelled) {
    Future<int> future;
    this_loop().call_later(1s, [future] { future.cancel("not wanted"); });
    auto end = co_await as_result(value_of(future));
    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(future.cancelled());
    EXPECT_THROW(static_cast<void>(future.result()), TaskCancelled);
    EXPECT_THROW(future.set_result(1), InvalidStateError);
}

ASYNC_TEST(SemK37, callbacks_are_posted_in_order_and_may_be_removed_by_an_earlier_one) {
    Lines lines;
    Future<int> future;
    std::uint64_t third = 0;
    future.add_done_callback([&](const Future<int>&) { lines.push_back("1"); });
    future.add_done_callback([&](const Future<int>& f) {
        lines.push_back("2");
        EXPECT_TRUE(f.remove_done_callback(third));
        EXPECT_FALSE(f.remove_done_callback(third));
    });
    third = future.add_done_callback([&](const Future<int>&) { lines.push_back("3"); });
    future.set_result(0);
    lines.push_back("set");
    future.add_done_callback([&](const Future<int>&) { lines.push_back("late"); });
    co_await sleep(0s);
    co_await sleep(0s);
    EXPECT_EQ(lines, (Lines{"set", "1", "2", "late"}));
}

TEST(SemK37, an_error_that_nobody_looked_at_is_reported_once) {
    const auto ignores = []() -> Task<void> {
        const Future<int> future;
        future.set_exception(std::runtime_error("unseen"));
        co_return;
    };
    const auto looks = []() -> Task<void> {
        const Future<int> future;
        future.set_exception(std::runtime_error("seen"));
        EXPECT_NE(future.exception(), nullptr);
        co_return;
    };
    const auto reports = reports_of(ignores());
    ASSERT_EQ(reports.size(), 1U);
    EXPECT_NE(reports[0].find("never retrieved"), std::string::npos);
    EXPECT_NE(reports[0].find("unseen"), std::string::npos);
    EXPECT_TRUE(reports_of(looks()).empty());
}

TEST(SemK37, awaiting_it_on_another_loop_is_refused) {
    EventLoop other;
    const Future<int> future(other);
    EventLoop loop;
    EXPECT_THROW(loop.run_until_complete(value_of(future)), WrongLoop);
    EXPECT_THROW(static_cast<void>(loop.run_until_complete(future)), WrongLoop);
}

TEST(S4a, run_until_complete_of_a_future_that_a_callback_sets) {
    Lines lines;
    EventLoop loop;
    const Future<std::string> all_done(loop);
    lines.push_back("scheduling mark_done");
    loop.call_soon([&] { mark_done(lines, all_done, "all done"); });
    lines.push_back("entering event loop");
    const auto result = loop.run_until_complete(all_done);
    lines.push_back("returned result: '" + result + "'");
    lines.push_back("closing event loop");
    loop.close();
    lines.push_back("future result: '" + all_done.result() + "'");
    EXPECT_EQ(lines,
              (Lines{"scheduling mark_done", "entering event loop", "setting future result to 'all done'",
                     "returned result: 'all done'", "closing event loop", "future result: 'all done'"}));
}

ASYNC_TEST(S4b, a_future_is_awaited) {
    Lines lines;
    co_await waits_for_a_future(lines);
    EXPECT_EQ(lines, (Lines{"scheduling mark_done", "setting future result to 'the result'",
                            "returned result: 'the result'"}));
}

ASYNC_TEST(S4c, two_callbacks_run_in_order) {
    Lines lines;
    Future<std::string> all_done;
    lines.push_back("registering callbacks on future");
    co_await registers_callbacks(lines, all_done);
    lines.push_back("setting result of future");
    all_done.set_result("the result");
    co_await sleep(0s);
    EXPECT_EQ(lines, (Lines{"registering callbacks on future", "setting result of future",
                            "1: future done: the result", "2: future done: the result"}));
}

ASYNC_TEST(G15, an_error_skips_value_callbacks_until_an_error_callback_takes_it) {
    Lines lines;
    Future<int> deferred;
    const auto chained = deferred
                             .then([&](int value) {
                                 lines.push_back("value " + std::to_string(value));
                                 if (value > 1) throw std::runtime_error("too large");
                                 return value;
                             })
                             .then([&](int) {
                                 lines.push_back("skipped");
                                 return 0;
                             })
                             .recover([&](const std::exception_ptr& error) {
                                 lines.push_back(describe(error));
                                 return 10;
                             })
                             .then([&](int value) { lines.push_back("recovered " + std::to_string(value)); });
    deferred.set_result(5);
    co_await chained;
    EXPECT_EQ(lines, (Lines{"value 5", "std::runtime_error: too large", "recovered 10"}));
}

ASYNC_TEST(G15, callbacks_that_give_futures_are_waited_for) {
    const auto later = [](int value) {
        Future<int> future;
        this_loop().call_later(1s, [future, value] { future.set_result(value * 2); });
        return future;
    };
    const auto start = this_loop().time();
    const int value = co_await later(1).then(later).then(later);
    EXPECT_EQ(value, 8);
    EXPECT_EQ(this_loop().time() - start, 3s);
}

namespace {

/// Twisted's `Clock.advance`: time goes on only here.
void turn_clock(EventLoop& loop, Duration by) {
    const auto until = loop.time() + by;
    while (loop.time() < until) loop.poll_once(Deadline(until));
}

}  // namespace

TEST(G15, a_call_in_a_tenth_of_a_second_comes_while_the_clock_is_advanced_by_one_and_in_no_time) {
    for (const auto backend : tandem::testing::backends()) {
        SCOPED_TRACE(tandem::testing::name_of(backend));
        VirtualTime time;
        EventLoop loop({.backend = backend, .time = &time});
        Future<std::string> deferred(loop);
        Lines lines;
        const auto start = time.now();
        deferred.then([&](const std::string& text) {
            lines.push_back(text + " at " + std::to_string((time.now() - start) / 1ms));
        });
        loop.call_later(100ms, [deferred] { deferred.set_result("called"); });
        const auto began = std::chrono::steady_clock::now();
        turn_clock(loop, 50ms);
        lines.push_back("half of it");
        turn_clock(loop, 1s);

        EXPECT_EQ(lines, (Lines{"half of it", "called at 100"}));
        EXPECT_EQ(time.now() - start, 1'050ms);
        EXPECT_LT(std::chrono::steady_clock::now() - began, 90ms);
    }
}
