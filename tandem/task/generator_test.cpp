#include <tandem/task/generator.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;

namespace {

Generator<int> count_to(int last) {
    for (int i = 1; i <= last; ++i) co_yield i;
}

Generator<std::unique_ptr<int>> owned() {
    co_yield std::make_unique<int>(1);
    co_yield std::make_unique<int>(2);
}

Generator<std::string&> lent(std::vector<std::string>& words) {
    for (auto& word : words) co_yield word;
}

Generator<int> asks_itself(Generator<int>*& self) {
    co_yield 1;
    static_cast<void>(self->next());
}

Generator<int> fails_after(int elements) {
    for (int i = 0; i < elements; ++i) co_yield i;
    throw std::runtime_error("failed");
}

Generator<int, int, int> returns_what_is_sent() {
    const int sent = co_yield 0;
    co_return sent;
}

struct Ends {
    Ends(std::vector<int>& o, int v) : order(o), value(v) {}
    ~Ends() { order.push_back(value); }
    std::vector<int>& order;
    int value;
};

Generator<int> with_locals(std::vector<int>& order) {
    const Ends first(order, 1);
    const Ends second(order, 2);
    co_yield 1;
    co_yield 2;
}

// The native stack's place, to see that depth does not show on it.
std::uintptr_t stack_place() { return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); }

struct Deep {
    std::vector<int> ended;  // levels, in order of their locals' end
    std::uintptr_t lowest = UINTPTR_MAX;
    int fails_at = -1;  // the level that throws once the innermost has ended
    int catches_at = -1;
};

struct DeepLocal {
    DeepLocal(Deep& d, int l) : deep(d), level(l) {}
    ~DeepLocal() {
        deep.ended.push_back(level);
        deep.lowest = std::min(deep.lowest, stack_place());
    }
    Deep& deep;
    int level;
};

Generator<int, void, int> nested(int level, Deep& deep) {
    const DeepLocal local(deep, level);
    int below = 0;
    bool caught = false;
    if (level == 1) {
        co_yield 1;
        co_yield 2;
    } else if (deep.catches_at == level) {
        try {
            below = co_yield elements_of(nested(level - 1, deep));
        } catch (const std::runtime_error&) {
            caught = true;
        }
    } else {
        below = co_yield elements_of(nested(level - 1, deep));
    }
    if (deep.fails_at == level) throw std::runtime_error("failed at its level");
    if (caught) co_yield 3;
    co_return below + 1;
}

constexpr int levels = 10'000;

}  // namespace

TEST(SemK44, elements_may_be_owned_or_lent) {
    std::vector<int> values;
    for (auto& pointer : owned()) values.push_back(*std::move(pointer));
    EXPECT_EQ(values, (std::vector{1, 2}));

    std::vector<std::string> words = {"a", "b"};
    for (auto& word : lent(words)) word += "!";
    EXPECT_EQ(words, (std::vector<std::string>{"a!", "b!"}));
    EXPECT_EQ(lent(words).next(), &words[0]);
}

TEST(SemK44, locals_end_in_reverse_order_when_it_is_dropped_half_way) {
    std::vector<int> order;
    {
        auto g = with_locals(order);
        g.next();
    }
    EXPECT_EQ(order, (std::vector{2, 1}));
    static_cast<void>(with_locals(order));  // never started: it has no locals
    EXPECT_EQ(order.size(), 2U);
}

TEST(SemK44, an_error_ends_it_and_later_calls_find_the_end) {
    auto g = fails_after(1);
    EXPECT_EQ(g.next(), 0);
    EXPECT_THROW(static_cast<void>(g.next()), std::runtime_error);
    EXPECT_FALSE(g.next());
    EXPECT_THROW(static_cast<void>(g.throw_in(std::logic_error("nobody is there"))), std::logic_error);
}

TEST(SemK44, throwing_into_one_that_has_not_started_ends_it) {
    auto g = count_to(3);
    EXPECT_THROW(static_cast<void>(g.throw_in(std::logic_error("too early"))), std::logic_error);
    EXPECT_FALSE(g.next());
}

TEST(SemK44, wrong_use_is_told) {
    auto g = returns_what_is_sent();
    EXPECT_THROW(static_cast<void>(g.send(1)), InvalidStateError);
    EXPECT_THROW(static_cast<void>(g.result()), InvalidStateError);
    g.next();
    EXPECT_FALSE(g.send(7));
    EXPECT_EQ(g.result(), 7);

    Generator<int>* self = nullptr;
    auto loop = asks_itself(self);
    self = &loop;
    loop.next();
    EXPECT_THROW(static_cast<void>(loop.next()), InvalidStateError);
}

TEST(SemK44, a_moved_from_one_is_at_its_end) {
    auto g = count_to(2);
    g.next();
    auto taken = std::move(g);
    EXPECT_FALSE(g.next());  // NOLINT: that is the question
    EXPECT_EQ(taken.next(), 2);
}

TEST(SemZ66, ten_thousand_levels_are_read_and_returned_through) {
    Deep deep;
    auto g = nested(levels, deep);
    EXPECT_EQ(g.next(), 1);
    EXPECT_EQ(g.next(), 2);
    EXPECT_FALSE(g.next());
    EXPECT_EQ(g.result(), levels);
}

TEST(SemZ66, dropped_half_way_they_end_innermost_first_on_a_flat_stack) {
    Deep deep;
    const auto here = stack_place();
    {
        auto g = nested(levels, deep);
        g.next();
    }
    ASSERT_EQ(deep.ended.size(), static_cast<std::size_t>(levels));
    EXPECT_EQ(deep.ended.front(), 1);
    EXPECT_EQ(deep.ended.back(), levels);
    EXPECT_TRUE(std::is_sorted(deep.ended.begin(), deep.ended.end()));
    EXPECT_LT(here - deep.lowest, 16U * 1024);
}

TEST(SemZ66, an_exception_from_each_position_reaches_the_caller) {
    for (const int level : {1, 2, 3, levels / 2, levels - 1, levels}) {
        Deep deep;
        deep.fails_at = level;
        auto g = nested(levels, deep);
        g.next();
        g.next();
        EXPECT_THROW(static_cast<void>(g.next()), std::runtime_error);
        EXPECT_EQ(deep.ended.size(), static_cast<std::size_t>(levels));
        EXPECT_FALSE(g.next());
    }
    for (int level = 1; level <= 100; ++level) {
        Deep deep;
        deep.fails_at = level;
        auto g = nested(100, deep);
        EXPECT_EQ(g.next(), 1);
        EXPECT_EQ(g.next(), 2);
        EXPECT_THROW(static_cast<void>(g.next()), std::runtime_error) << "level " << level;
        EXPECT_EQ(deep.ended.size(), 100U);
    }
}

TEST(SemZ66, an_exception_thrown_in_is_caught_at_each_position_and_reading_goes_on) {
    for (int level = 2; level <= 100; ++level) {
        Deep deep;
        deep.catches_at = level;
        auto g = nested(100, deep);
        g.next();
        EXPECT_EQ(g.throw_in(std::runtime_error("thrown in")), 3) << "level " << level;
        EXPECT_FALSE(g.next());
        EXPECT_EQ(g.result(), 100 - level + 1);
    }
}

TEST(SemZ66, closing_goes_through_all_levels) {
    Deep deep;
    auto g = nested(levels, deep);
    g.next();
    g.close();
    EXPECT_EQ(deep.ended.size(), static_cast<std::size_t>(levels));
    EXPECT_TRUE(std::is_sorted(deep.ended.begin(), deep.ended.end()));
}
