// Rows of the reading list about async iteration, and about the styles that led to it.
#include <tandem/task/async_scope.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/generator.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

std::string after(TimePoint start) { return std::to_string((this_loop().time() - start) / 100ms); }

AsyncGenerator<int> ticker(Duration delay, int to) {
    for (int i = 0; i < to; ++i) {
        co_yield i;
        co_await sleep(delay);
    }
}
AsyncGenerator<int> even(AsyncGenerator<int> numbers) {
    while (auto number = co_await numbers.next())
        if (*number % 2 == 0) co_yield *number;
}

struct Manager {
    Manager(Lines& l, std::string n, Duration i, Duration o)
        : lines(&l), name(std::move(n)), to_enter(i), to_leave(o), start(this_loop().time()) {}
    Task<int> enter() {
        co_await sleep(to_enter);
        lines->push_back(name + " enter at " + after(start));
        co_return 1;
    }
    Task<void> exit() {
        co_await sleep(to_leave);
        lines->push_back(name + " exit at " + after(start));
    }
    Lines* lines;
    std::string name;
    Duration to_enter;
    Duration to_leave;
    TimePoint start;
};

Task<void> say(Lines& lines, std::string line) {
    lines.push_back(std::move(line));
    co_return;
}
Task<void> clean(Lines& lines) {
    co_await sleep(1s);
    lines.push_back("cleaned up");
}
Task<void> only_the_first(AsyncGenerator<int>& ticks) {
    auto first = co_await ticks.next();
    static_cast<void>(first);
}

AsyncGenerator<std::string> greeting(Lines& lines) {
    co_await sleep(1s);
    co_yield "Hello";
    co_await sleep(500ms);
    lines.push_back("done");
}

AsyncGenerator<double, double> averager() {
    double total = 0;
    double average = 0;
    for (int n = 1;; ++n) {
        total += co_yield average;
        average = total / n;
        co_await sleep(1ms);
    }
}

Generator<Duration, void, std::string> receive(Lines& lines) {
    co_yield 1s;
    lines.push_back("received");
    co_return "a page";
}
Generator<Duration> delegating(Lines& lines) {
    lines.push_back("connecting");
    co_yield 1s;
    const std::string page = co_yield elements_of(receive(lines));
    lines.push_back("got " + page);
}
Generator<Duration> flat(Lines& lines) {
    lines.push_back("connecting");
    co_yield 1s;
    co_yield 1s;
    lines.push_back("received");
    lines.push_back("got a page");
}
void bounce(const std::shared_ptr<Generator<Duration>>& steps, const Future<void>& end) {
    if (const auto delay = steps->next())
        this_loop().call_later(*delay, [steps, end] { bounce(steps, end); });
    else
        end.set_result();
}
Future<void> run_steps(Generator<Duration> steps) {
    const Future<void> end;
    bounce(std::make_shared<Generator<Duration>>(std::move(steps)), end);
    return end;
}
Future<void> by_callbacks(Lines& lines) {
    const Future<void> end;
    lines.push_back("connecting");
    this_loop().call_later(1s, [&lines, end] {
        this_loop().call_later(1s, [&lines, end] {
            lines.push_back("received");
            lines.push_back("got a page");
            end.set_result();
        });
    });
    return end;
}
Task<void> by_awaiting(Lines& lines) {
    lines.push_back("connecting");
    co_await sleep(2s);
    lines.push_back("received");
    lines.push_back("got a page");
}

Future<int> add_one(int value, Lines& lines) {
    const Future<int> sum;
    this_loop().call_later(1s, [value, sum, &lines] {
        lines.push_back(std::to_string(value) + " + 1");
        sum.set_result(value + 1);
    });
    return sum;
}

}  // namespace

ASYNC_TEST(T1, a_ticker_is_consumed_filtered_and_collected_and_scopes_close_in_order) {
    const auto all = co_await collect(ticker(1s, 3));
    const auto some = co_await collect(even(ticker(1s, 3)));
    EXPECT_EQ(all, (std::vector{0, 1, 2}));
    EXPECT_EQ(some, (std::vector{0, 2}));
    Lines lines;
    Manager a(lines, "a", 0s, 0s);
    const auto inside = [&lines](int) {
        Manager b(lines, "b", 0s, 0s);
        return async_with(b, [&lines](int) { return say(lines, "body"); });
    };
    co_await async_with(a, inside);
    EXPECT_EQ(lines, (Lines{"a enter at 0", "b enter at 0", "body", "b exit at 0", "a exit at 0"}));
}

ASYNC_TEST(T2, after_an_early_break_cleanup_runs_before_the_next_statement) {
    Lines lines;
    auto ticks = with_finally(ticker(1s, 3), clean(lines));
    co_await async_closing(ticks, only_the_first(ticks));
    lines.push_back("after");
    EXPECT_EQ(lines, (Lines{"cleaned up", "after"}));
}

TEST(T2, one_abandoned_and_never_closed_is_closed_before_run_returns) {
    Lines lines;
    const auto body = [&]() -> Task<void> {
        auto ticks = with_finally(ticker(1s, 3), clean(lines));
        co_await only_the_first(ticks);
        lines.push_back("main ends");
    };
    tandem::testing::run(body());
    EXPECT_EQ(lines, (Lines{"main ends", "cleaned up"}));
}

ASYNC_TEST(U14, an_async_iterator_gives_1_2_3_at_1_2_3_seconds) {
    Lines lines;
    const auto start = this_loop().time();
    auto ticks = ticker(1s, 4);
    while (auto i = co_await ticks.next())
        if (*i > 0) lines.push_back(std::to_string(*i) + " at " + after(start));
    EXPECT_EQ(lines, (Lines{"1 at 10", "2 at 20", "3 at 30"}));
}

ASYNC_TEST(U15, the_same_without_sugar) {
    Lines lines;
    const auto start = this_loop().time();
    auto ticks = ticker(1s, 4);
    for (;;) {
        const auto i = co_await ticks.next();
        if (!i) break;
        if (*i > 0) lines.push_back(std::to_string(*i) + " at " + after(start));
    }
    EXPECT_EQ(lines, (Lines{"1 at 10", "2 at 20", "3 at 30"}));
}

ASYNC_TEST(U16, a_context_manager_is_a_scope) {
    Lines lines;
    const auto world = create_task(say(lines, "world block"));
    Manager context(lines, "ctx", 3s, 1s);
    co_await async_with(context, [&lines](int) { return say(lines, "hello block"); });
    co_await world;
    EXPECT_EQ(lines, (Lines{"world block", "ctx enter at 30", "hello block", "ctx exit at 40"}));
}

ASYNC_TEST(U17, the_same_without_sugar) {
    Lines lines;
    Manager context(lines, "ctx", 5s, 3s);
    co_await context.enter();
    co_await with_finally(say(lines, "body"), context.exit());
    EXPECT_EQ(lines, (Lines{"ctx enter at 50", "body", "ctx exit at 80"}));
}

ASYNC_TEST(U18, a_generator_is_a_context_manager_and_leaves_also_when_the_body_throws) {
    Lines lines;
    const auto start = this_loop().time();
    const auto body = [&lines](std::string message) -> Task<void> {
        co_await sleep(1s);
        lines.push_back(message);
    };
    co_await async_with(greeting(lines), body);
    EXPECT_EQ(this_loop().time() - start, 2500ms);
    const auto fails = [](std::string) -> Task<void> {
        co_await sleep(0s);
        throw std::runtime_error("failed");
    };
    bool thrown = false;
    try {
        co_await async_with(greeting(lines), fails);
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_EQ(lines, (Lines{"Hello", "done", "done"}));
}

ASYNC_TEST(D5, callbacks_trampoline_delegation_and_co_await_say_the_same) {
    Lines callbacks;
    Lines trampoline;
    Lines delegation;
    Lines awaited;
    co_await by_callbacks(callbacks);
    co_await run_steps(flat(trampoline));
    co_await run_steps(delegating(delegation));
    co_await by_awaiting(awaited);
    EXPECT_EQ(callbacks, (Lines{"connecting", "received", "got a page"}));
    EXPECT_EQ(trampoline, callbacks);
    EXPECT_EQ(delegation, callbacks);
    EXPECT_EQ(awaited, callbacks);
}

ASYNC_TEST(U25l, each_step_from_callbacks_to_coroutines_takes_the_same_time) {
    Lines lines;
    const auto start = this_loop().time();
    co_await by_callbacks(lines);
    co_await run_steps(flat(lines));
    co_await by_awaiting(lines);
    EXPECT_EQ(this_loop().time() - start, 6s);
    EXPECT_EQ(lines.size(), 9U);
}

ASYNC_TEST(K3, three_steps_as_promises_and_as_awaits) {
    Lines promised;
    Lines awaited;
    const auto start = this_loop().time();
    const auto next = [&promised](int value) { return add_one(value, promised); };
    const int four = co_await next(1).then(next).then(next);
    EXPECT_EQ(four, 4);
    EXPECT_EQ(this_loop().time() - start, 3s);
    int value = 1;
    for (int i = 0; i < 3; ++i) {
        const int sum = co_await add_one(value, awaited);
        value = sum;
    }
    EXPECT_EQ(this_loop().time() - start, 6s);
    EXPECT_EQ(promised, (Lines{"1 + 1", "2 + 1", "3 + 1"}));
    EXPECT_EQ(awaited, promised);
}

ASYNC_TEST(Q3h, a_deferred_and_a_coroutine_multiply_after_a_second) {
    const auto start = this_loop().time();
    const Future<int> deferred;
    this_loop().call_later(1s, [deferred] { deferred.set_result(5); });
    const int ten = co_await deferred.then([](int five) { return 2 * five; });
    EXPECT_EQ(ten, 10);
    EXPECT_EQ(this_loop().time() - start, 1s);
    const auto multiply = [](int x, int y) -> Task<int> {
        co_await sleep(1s);
        co_return x* y;
    };
    const int again = co_await multiply(2, 5);
    EXPECT_EQ(again, 10);
}

ASYNC_TEST(AA3, the_running_average_with_co_await) {
    auto average = averager();
    std::vector<double> averages;
    co_await average.next();
    for (double value : {10, 20, 30}) {
        const auto so_far = co_await average.send(value);
        averages.push_back(*so_far);
    }
    EXPECT_EQ(averages, (std::vector<double>{10, 15, 20}));
}
