// What looks like a deadlock and is none: one of those in the ring goes on by itself after 20 ms. Nobody is
// told anything, and everybody ends (sem:B35).
#include "knot.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using deadlocks::Hop;
using deadlocks::How;
using deadlocks::Order;

namespace {

struct Exit {
    std::string name;
    How how;
};
const std::vector<Exit> exits = {
    {"a_timeout", How::deadline},
    {"a_timeout_further_out", How::far_deadline},
    {"a_worker_with_a_deadline", How::worker_deadline},
    {"a_worker_that_waits_a_while", How::worker_wait_for},
    {"a_worker_that_asks_with_a_deadline", How::ask_deadline},
    {"a_race", How::race},
    {"the_first_of_two", How::first},
    {"a_scope_with_a_deadline", How::scope},
    {"an_event", How::event},
    {"a_lock", How::lock},
    {"a_completion", How::completion},
    {"a_queue", How::queue},
    {"a_sleep", How::rest},
};

struct Shape {
    std::string name;
    std::vector<Hop> others;
    Order order = Order::together;
};
const std::vector<Shape> shapes = {
    {"alone", {}},
    {"with_a_worker", {{How::worker_get, 0}}},
    {"with_a_pending_of_another_loop", {{How::pending, 1}}, Order::forwards},
    {"with_workers_and_a_group_of_three_loops",
     {{How::worker_asks, 1}, {How::group, 2, How::pending}, {How::worker_wait, 0}}},
};

struct Case {
    std::string name;
    std::vector<Hop> ring;
    Order order;
    friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::vector<Case> all() {
    std::vector<Case> cases;
    for (const auto& shape : shapes) {
        for (const auto& exit : exits) {
            std::vector<Hop> ring{{exit.how}};
            ring.insert(ring.end(), shape.others.begin(), shape.others.end());
            cases.push_back({exit.name + "_" + shape.name, ring, shape.order});
        }
    }
    return cases;
}

class LookAlikes : public testing::TestWithParam<Case> {};

}  // namespace

TEST_P(LookAlikes, are_left_in_peace) {
    const auto ending = deadlocks::tie(GetParam().ring, GetParam().order);
    EXPECT_EQ(ending.refused, 0) << ending.text;
    EXPECT_EQ(ending.parties_over, static_cast<int>(GetParam().ring.size()));
}
INSTANTIATE_TEST_SUITE_P(SemB35, LookAlikes, testing::ValuesIn(all()),
                         [](const testing::TestParamInfo<Case>& info) { return info.param.name; });
