#include <tandem/bridge/run.hpp>
#include <tandem/loop/clock.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Ints = std::vector<int>;

Task<void> two_steps(int number, Ints& first, Ints& second) {
    first.push_back(number);
    co_await checkpoint();
    second.push_back(number);
}

Task<void> start_five(Ints& first, Ints& second) {
    TaskGroup group;
    for (int i = 0; i < 5; ++i) group.create_task(two_steps(i, first, second));
    co_await group.join();
}

struct Orders {
    Ints first;
    Ints second;
};

Orders five_tasks(std::optional<std::uint64_t> seed) {
    Orders seen;
    RunOptions options;
    options.shuffle_seed = seed;
    run(start_five(seen.first, seen.second), options);
    return seen;
}

Task<void> start_nested(Ints& first, int number, int depth) {
    first.push_back(number);
    if (depth == 0) co_return;
    TaskGroup group;
    for (int i = 0; i < 3; ++i) group.create_task(start_nested(first, number * 10 + i, depth - 1));
    co_await group.join();
}

}  // namespace

TEST(SemL10, first_steps_are_never_shuffled_and_wake_ups_of_different_steps_are) {
    std::set<Ints> orders;
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        const auto seen = five_tasks(seed);
        ASSERT_EQ(seen.first, (Ints{0, 1, 2, 3, 4})) << seed;
        ASSERT_EQ(seen.second, five_tasks(seed).second) << seed;
        orders.insert(seen.second);
    }
    EXPECT_GT(orders.size(), 20U);
    EXPECT_EQ(five_tasks({}).second, (Ints{0, 1, 2, 3, 4}));
}

TEST(SemL10, children_of_several_tasks_take_their_first_steps_in_the_order_of_creation) {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        Ints first;
        RunOptions options;
        options.shuffle_seed = seed;
        run(start_nested(first, 1, 2), options);
        ASSERT_EQ(first, (Ints{1, 10, 11, 12, 100, 101, 102, 110, 111, 112, 120, 121, 122})) << seed;
    }
}
