#include <tandem/loop/event_loop.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

EventLoopOptions seeded(std::optional<std::uint64_t> seed) {
    EventLoopOptions options;
    options.shuffle_seed = seed;
    return options;
}

/// What is there of `one` in `all`, in its order.
bool keeps_order(const Names& all, const Names& one) {
    auto next = one.begin();
    for (const auto& name : all) {
        if (next != one.end() && name == *next) ++next;
    }
    return next == one.end();
}

/// Three steps of one turn post two callbacks each; in what order these six run.
Names three_posters(std::optional<std::uint64_t> seed) {
    EventLoop loop(seeded(seed));
    Names order;
    for (const char poster : {'a', 'b', 'c'}) {
        loop.call_soon([&, poster] {
            for (const char number : {'1', '2'})
                loop.call_soon([&, name = std::string{poster, number}] { order.push_back(name); });
        });
    }
    loop.poll_once();
    loop.poll_once();
    return order;
}

}  // namespace

TEST(SemL10, without_a_seed_every_order_is_that_of_the_calls) {
    for (int i = 0; i < 20; ++i) ASSERT_EQ(three_posters({}), (Names{"a1", "a2", "b1", "b2", "c1", "c2"}));
}

TEST(SemL10, a_seed_gives_the_same_order_each_time_and_seeds_differ) {
    std::set<Names> orders;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const auto order = three_posters(seed);
        ASSERT_EQ(order, three_posters(seed)) << seed;
        orders.insert(order);
    }
    EXPECT_GT(orders.size(), 40U);  // of 90 that keep each poster's order
}

TEST(SemL10, callbacks_of_one_poster_keep_their_order_under_every_seed) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const auto order = three_posters(seed);
        ASSERT_EQ(order.size(), 6U);
        for (const char* poster : {"a", "b", "c"}) {
            const std::string name = poster;
            ASSERT_TRUE(keeps_order(order, {name + "1", name + "2"})) << seed;
        }
    }
}

TEST(SemL10, what_plain_code_schedules_between_two_turns_has_one_poster) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        EventLoop loop(seeded(seed));
        std::vector<int> order;
        for (int i = 0; i < 8; ++i) loop.call_soon([&, i] { order.push_back(i); });
        loop.poll_once();
        ASSERT_TRUE(std::is_sorted(order.begin(), order.end())) << seed;
        ASSERT_EQ(order.size(), 8U);
    }
}

TEST(SemL10, timers_stay_in_the_order_of_their_deadlines) {
    VirtualTime time;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        EventLoopOptions options = seeded(seed);
        options.time = &time;
        EventLoop loop(options);
        std::vector<int> order;
        for (int i = 0; i < 6; ++i) loop.call_later(i < 3 ? 1s : 0s, [&, i] { order.push_back(i); });
        loop.poll_once();
        loop.poll_once(2s);
        ASSERT_EQ(order, (std::vector<int>{3, 4, 5, 0, 1, 2})) << seed;
    }
}

TEST(SemL10, posts_of_one_thread_keep_their_order_and_those_of_several_mix) {
    std::set<Names> orders;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        EventLoop loop(seeded(seed));
        Names order;
        const auto post_three = [&](char poster) {
            for (const char number : {'1', '2', '3'})
                loop.call_soon_threadsafe([&, name = std::string{poster, number}] { order.push_back(name); });
        };
        post_three('a');
        std::thread(post_three, 'b').join();
        loop.poll_once();
        ASSERT_EQ(order.size(), 6U);
        ASSERT_TRUE(keeps_order(order, {"a1", "a2", "a3"})) << seed;
        ASSERT_TRUE(keeps_order(order, {"b1", "b2", "b3"})) << seed;
        orders.insert(order);
    }
    EXPECT_GT(orders.size(), 1U);
}

TEST(SemL10, kinds_of_entries_do_not_mix_under_any_seed) {
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        EventLoop loop(seeded(seed));
        Names order;
        loop.call_later(0s, [&] { order.push_back("timer"); });
        loop.call_soon_threadsafe([&] { order.push_back("post"); });
        loop.call_soon([&] { order.push_back("soon"); });
        loop.poll_once();
        ASSERT_EQ(order, (Names{"soon", "post", "timer"})) << seed;
    }
}
