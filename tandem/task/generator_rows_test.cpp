// Rows of the reading list about generators.
#include <tandem/task/generator.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;

namespace {

using Lines = std::vector<std::string>;

struct Note {
    Note(Lines& l, std::string t) : lines(l), text(std::move(t)) {}
    ~Note() { lines.push_back(text); }
    Lines& lines;
    std::string text;
};

Generator<int> count(Lines& lines) {
    const Note end(lines, "counter ended");
    lines.push_back("started");
    for (int i = 1;; ++i) co_yield i;
}

Generator<int> three() {
    co_yield 1;
    co_yield 2;
    co_yield 3;
}

Generator<int> filter_even(Generator<int> numbers) {
    for (int i : numbers)
        if (i % 2 == 0) co_yield i;
}

Generator<std::vector<int>> permutations(std::vector<int> items) {
    do co_yield items;
    while (std::ranges::next_permutation(items).found);
}

Generator<std::string, std::string> listener(Lines& lines) {
    const Note end(lines, "cleaned up");
    std::string heard = co_yield "ready";
    for (;;) {
        try {
            heard = co_yield "heard " + heard;
        } catch (const std::runtime_error& error) {
            heard = error.what();
        }
    }
}

Generator<std::string, std::string, int> level(int depth, Lines& lines) {
    const Note end(lines, "level " + std::to_string(depth) + " ended");
    if (depth == 1) {
        std::string word = co_yield "innermost";
        while (word != "enough") {
            try {
                word = co_yield "got " + word;
            } catch (const std::runtime_error& error) {
                word = error.what();
            }
        }
        co_return 1;
    }
    const int below = co_yield elements_of(level(depth - 1, lines));
    co_return below + 1;
}

Generator<int> many() {
    for (int i = 0;; ++i) co_yield i;
}
Generator<int> under(int levels) {
    if (levels == 0)
        co_yield elements_of(many());
    else
        co_yield elements_of(under(levels - 1));
}

std::chrono::nanoseconds time_of_reading(Generator<int>& numbers) {
    auto best = std::chrono::nanoseconds::max();
    for (int round = 0; round < 10; ++round) {
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < 20'000; ++i) static_cast<void>(numbers.next());
        best = std::min(best, std::chrono::nanoseconds(std::chrono::steady_clock::now() - start));
    }
    return best;
}

Generator<std::string, int> consumer(Lines& lines) {
    std::string answer;
    for (;;) {
        const int n = co_yield answer;
        lines.push_back("[CONSUMER] Consuming " + std::to_string(n) + "...");
        answer = "200 OK";
    }
}

Generator<double, double> averager() {
    double total = 0;
    double average = 0;
    for (int n = 1;; ++n) {
        total += co_yield average;
        average = total / n;
    }
}

}  // namespace

TEST(D1, five_of_an_endless_sequence_are_read_and_its_locals_end_when_it_is_dropped) {
    Lines lines;
    std::vector<int> read;
    {
        auto numbers = count(lines);
        while (read.size() < 5) read.push_back(*numbers.next());
        EXPECT_EQ(lines, (Lines{"started"}));
    }
    EXPECT_EQ(read, (std::vector{1, 2, 3, 4, 5}));
    EXPECT_EQ(lines, (Lines{"started", "counter ended"}));
}

TEST(D1, the_end_is_signalled_and_a_second_pass_yields_nothing) {
    auto numbers = three();
    std::vector<int> first;
    std::vector<int> second;
    for (int i : numbers) first.push_back(i);
    for (int i : numbers) second.push_back(i);

    EXPECT_EQ(first, (std::vector{1, 2, 3}));
    EXPECT_TRUE(second.empty());
    EXPECT_FALSE(numbers.next());
}

TEST(D2, the_body_does_not_run_until_the_first_next) {
    Lines lines;
    auto numbers = count(lines);
    lines.push_back("made");
    numbers.next();
    EXPECT_EQ(lines, (Lines{"made", "started"}));
}

TEST(D3, send_throw_in_and_close_reach_the_yield_where_the_body_stands) {
    Lines lines;
    auto ear = listener(lines);
    lines.push_back(*ear.next());
    lines.push_back(*ear.send("hello"));
    lines.push_back(*ear.throw_in(std::runtime_error("an error")));
    ear.close();
    ear.close();
    EXPECT_EQ(lines, (Lines{"ready", "heard hello", "heard an error", "cleaned up"}));
    EXPECT_FALSE(ear.next());
}

TEST(D4, elements_sent_values_errors_and_the_return_value_pass_through_three_levels) {
    Lines lines;
    auto outer = level(3, lines);
    EXPECT_EQ(outer.next(), "innermost");
    EXPECT_EQ(outer.send("a value"), "got a value");
    EXPECT_EQ(outer.throw_in(std::runtime_error("an error")), "got an error");
    EXPECT_FALSE(outer.send("enough"));
    EXPECT_EQ(outer.result(), 3);
}

TEST(D4, an_element_costs_the_same_through_a_thousand_levels) {
    auto shallow = under(1);
    auto deep = under(1'000);
    shallow.next();
    deep.next();
    const auto base = time_of_reading(shallow);
    EXPECT_LT(time_of_reading(deep), 2 * base);
}

TEST(D6, four_horses_finish_in_24_orders_each_once) {
    static_assert(std::ranges::input_range<Generator<int>>);
    std::set<std::vector<int>> orders;
    int races = 0;
    for (const auto& order : permutations({1, 2, 3, 4})) {
        orders.insert(order);
        ++races;
    }
    EXPECT_EQ(races, 24);
    EXPECT_EQ(orders.size(), 24U);
}

TEST(D6, generators_compose_with_each_other_and_with_views) {
    std::vector<int> seen;
    const auto square = [](int i) { return i * i; };
    for (int i :
         filter_even(many()) | std::views::drop(1) | std::views::transform(square) | std::views::take(3))
        seen.push_back(i);
    EXPECT_EQ(seen, (std::vector{4, 16, 36}));
}

TEST(E5, producer_and_consumer_speak_in_fifteen_lines) {
    Lines lines;
    auto c = consumer(lines);
    c.next();
    for (int n = 1; n <= 5; ++n) {
        lines.push_back("[PRODUCER] Producing " + std::to_string(n) + "...");
        const auto answer = c.send(n);
        lines.push_back("[PRODUCER] Consumer return: " + *answer);
    }
    c.close();

    Lines expected;
    for (const char* n : {"1", "2", "3", "4", "5"}) {
        expected.push_back(std::string("[PRODUCER] Producing ") + n + "...");
        expected.push_back(std::string("[CONSUMER] Consuming ") + n + "...");
        expected.push_back("[PRODUCER] Consumer return: 200 OK");
    }
    EXPECT_EQ(lines, expected);
    EXPECT_EQ(lines.size(), 15U);
}

TEST(AA1, the_running_average_of_10_20_30_is_10_15_20) {
    auto average = averager();
    average.next();
    std::vector<double> averages;
    for (double value : {10, 20, 30}) averages.push_back(*average.send(value));
    EXPECT_EQ(averages, (std::vector<double>{10, 15, 20}));
}

namespace {

// One delegation of PEP 380, with an inner generator that the case chooses.
enum class Inner { plain, returns_at_once, throws, catches, swallows_close, yields_at_close };

Generator<std::string, std::string, std::string> inner(Inner kind, Lines& lines) {
    const Note end(lines, "inner ended");
    if (kind == Inner::returns_at_once) co_return "at once";
    bool again = false;
    std::string sent;
    try {
        sent = co_yield "first";
        if (kind == Inner::throws) throw std::logic_error("from inner");
        sent = co_yield "second after " + sent;
    } catch (const std::runtime_error& error) {
        if (kind != Inner::catches) throw;
        sent = std::string("caught ") + error.what();
        again = true;
    } catch (const Cancelled&) {
        lines.push_back("inner is closed");
        if (kind == Inner::yields_at_close)
            again = true;
        else if (kind != Inner::swallows_close)
            throw;
    }
    if (again) sent = co_yield sent;
    co_return "returned " + sent;
}

Generator<std::string, std::string> outer(Inner kind, Lines& lines) {
    const Note end(lines, "outer ended");
    try {
        const std::string value = co_yield elements_of(inner(kind, lines));
        lines.push_back(value);
    } catch (const std::exception& error) {
        lines.push_back(std::string("outer caught ") + error.what());
    } catch (const Cancelled&) {
        lines.push_back("outer is closed");
        throw;
    }
    co_yield "last";
}

}  // namespace

TEST(AA2, what_the_inner_one_yields_goes_to_the_caller_and_its_return_value_to_the_outer_one) {
    Lines lines;
    auto g = outer(Inner::plain, lines);
    EXPECT_EQ(g.next(), "first");
    EXPECT_EQ(g.next(), "second after ");
    EXPECT_EQ(g.next(), "last");
    EXPECT_EQ(lines, (Lines{"inner ended", "returned "}));
}

TEST(AA2, what_is_sent_goes_to_the_inner_one) {
    Lines lines;
    auto g = outer(Inner::plain, lines);
    g.next();
    EXPECT_EQ(g.send("x"), "second after x");
    EXPECT_EQ(g.send("y"), "last");
    EXPECT_EQ(lines.back(), "returned y");
}

TEST(AA2, an_inner_one_that_returns_before_it_yields_gives_its_value_at_once) {
    Lines lines;
    auto g = outer(Inner::returns_at_once, lines);
    EXPECT_EQ(g.next(), "last");
    EXPECT_EQ(lines.back(), "at once");
}

TEST(AA2, what_the_inner_one_throws_is_thrown_at_the_delegation) {
    Lines lines;
    auto g = outer(Inner::throws, lines);
    g.next();
    EXPECT_EQ(g.next(), "last");
    EXPECT_EQ(lines, (Lines{"inner ended", "outer caught from inner"}));
}

TEST(AA2, an_error_thrown_in_goes_to_the_inner_one_which_may_catch_it_and_go_on) {
    Lines lines;
    auto g = outer(Inner::catches, lines);
    g.next();
    EXPECT_EQ(g.throw_in(std::runtime_error("e")), "caught e");
    EXPECT_EQ(g.send("z"), "last");
    EXPECT_EQ(lines.back(), "returned z");
}

TEST(AA2, an_error_thrown_in_that_the_inner_one_does_not_catch_reaches_the_outer_one) {
    Lines lines;
    auto g = outer(Inner::plain, lines);
    g.next();
    EXPECT_EQ(g.throw_in(std::runtime_error("e")), "last");
    EXPECT_EQ(lines, (Lines{"inner ended", "outer caught e"}));
}

TEST(AA2, close_closes_the_inner_one_first) {
    Lines lines;
    auto g = outer(Inner::plain, lines);
    g.next();
    g.close();
    EXPECT_EQ(lines, (Lines{"inner is closed", "inner ended", "outer is closed", "outer ended"}));
}

TEST(AA2, an_inner_one_that_returns_when_closed_does_not_keep_the_outer_one_alive) {
    Lines lines;
    auto g = outer(Inner::swallows_close, lines);
    g.next();
    g.close();
    EXPECT_EQ(lines, (Lines{"inner is closed", "inner ended", "outer is closed", "outer ended"}));
}

TEST(AA2, yielding_once_more_when_closed_is_an_error_of_close) {
    Lines lines;
    auto g = outer(Inner::yields_at_close, lines);
    g.next();
    EXPECT_THROW(g.close(), InvalidStateError);
    EXPECT_TRUE(g.done());
    EXPECT_EQ(lines, (Lines{"inner is closed", "inner ended", "outer ended"}));
}
