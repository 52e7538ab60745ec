// Every deadlock of the corpus is told to exactly one of those who wait, within 100 ms, in words that name
// the way; everybody else goes on and ends (sem:B35).
#include "knot.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

using deadlocks::Ending;
using deadlocks::Hop;
using deadlocks::How;
using deadlocks::Order;
using deadlocks::tie;

namespace {

struct Case {
    std::string name;
    std::vector<Hop> ring;
    Order order = Order::together;
    friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

class SemB35 : public testing::TestWithParam<Case> {};

void expect_one_refusal(const Case& knot) {
    const Ending ending = tie(knot.ring, knot.order);
    EXPECT_EQ(ending.refused, 1) << ending.text;
    EXPECT_EQ(ending.parties_over, static_cast<int>(knot.ring.size()));
    EXPECT_LT(ending.took, deadlocks::patience()) << ending.text;
    EXPECT_NE(ending.text.find("Task-"), std::string::npos) << ending.text;
}

const std::vector<Case> direct = {
    {"a_worker_gets_the_task_that_awaits_it", {{How::worker_get}}},
    {"a_worker_waits_for_the_task_that_awaits_it", {{How::worker_wait}}},
    {"a_worker_asks_for_the_error_of_the_task_that_awaits_it", {{How::worker_error}}},
    {"a_worker_would_cancel_the_task_that_awaits_it", {{How::worker_cancel}}},
    {"a_worker_asks_its_task_to_await_itself", {{How::worker_asks}}},
    {"a_worker_runs_a_loop_for_the_task_that_awaits_it", {{How::worker_runs}}},
    {"a_strand_gets_the_task_that_awaits_it", {{How::strand_get}}},
    {"a_pool_of_one_gets_the_task_that_awaits_it", {{How::pool_get}}},
    {"a_worker_asks_for_a_worker_that_gets_its_task", {{How::layers}}},
    {"a_task_awaits_its_own_pending", {{How::pending}}},
    {"a_task_awaits_its_own_handle", {{How::handle}}},
    {"a_task_awaits_itself_by_way_of_run_on", {{How::elsewhere}}},
    {"the_background_loop_awaits_a_worker_that_awaits_it", {{How::worker_get, 2}}},
    {"a_child_awaits_its_parent_by_its_handle", {{How::group, 0, How::handle}}},
    {"a_child_awaits_its_parent_by_its_pending", {{How::group, 0, How::pending}}},
    {"a_child_asks_a_worker_that_gets_its_parent", {{How::group, 0, How::worker_get}}},
    {"a_gathered_task_awaits_its_gatherer", {{How::gather, 0, How::handle}}},
    {"a_gathered_task_asks_a_worker_that_gets_its_gatherer", {{How::gather, 0, How::worker_get}}},
    {"a_task_that_is_waited_for_awaits_the_waiter", {{How::wait_all, 0, How::handle}}},
    {"a_task_that_is_waited_for_asks_a_worker_for_the_waiter", {{How::wait_all, 0, How::worker_get}}},
    {"a_fiber_gets_its_own_task", {{How::fiber_get}}},
    {"a_fiber_asks_for_what_awaits_its_task", {{How::fiber_asks}}},
    {"below_two_awaits_a_worker_gets_its_task", {{How::nested, 0, How::worker_get}}},
    {"in_a_shield_a_worker_gets_its_task", {{How::shielded, 0, How::worker_get}}},
};

const std::vector<Case> of_two = {
    {"two_tasks_of_one_loop_by_handles", {{How::handle}, {How::handle}}},
    {"two_tasks_of_two_loops_by_pendings", {{How::pending, 0}, {How::pending, 1}}, Order::forwards},
    {"two_tasks_of_two_loops_by_pendings_at_once", {{How::pending, 0}, {How::pending, 1}}},
    {"two_loops_each_with_a_worker", {{How::worker_get, 0}, {How::worker_get, 1}}, Order::forwards},
    {"two_loops_each_with_a_worker_at_once", {{How::worker_get, 0}, {How::worker_get, 1}}},
    {"one_loop_with_two_workers", {{How::worker_get}, {How::worker_get}}},
    {"a_worker_and_a_handle", {{How::worker_get}, {How::handle}}},
    {"a_handle_closes_what_a_worker_began", {{How::worker_get}, {How::handle}}, Order::forwards},
    {"a_group_closes_what_a_worker_began",
     {{How::worker_get}, {How::group, 0, How::handle}},
     Order::forwards},
    {"a_gather_closes_what_a_worker_began",
     {{How::worker_wait}, {How::gather, 0, How::handle}},
     Order::forwards},
    {"wait_closes_what_a_worker_began",
     {{How::worker_get}, {How::wait_all, 0, How::handle}},
     Order::forwards},
    {"a_pending_closes_what_a_worker_began", {{How::worker_get, 0}, {How::pending, 1}}, Order::forwards},
    {"a_worker_closes_what_a_pending_began", {{How::pending, 0}, {How::worker_get, 1}}, Order::forwards},
    {"run_on_closes_what_a_worker_began", {{How::worker_get, 0}, {How::elsewhere, 1}}, Order::forwards},
    {"a_nested_run_and_a_pending", {{How::worker_runs, 0}, {How::pending, 1}}},
    {"a_pending_closes_what_a_nested_run_began", {{How::worker_runs, 0}, {How::pending, 1}}, Order::forwards},
    {"a_worker_that_asks_and_a_worker_that_gets", {{How::worker_asks, 0}, {How::worker_get, 1}}},
    {"a_worker_gets_what_a_worker_asked_for", {{How::worker_asks, 0}, {How::worker_get, 1}}, Order::forwards},
    {"a_strand_between_two_loops", {{How::strand_get, 0}, {How::worker_get, 1}}},
    {"a_pool_of_one_between_two_loops", {{How::pool_get, 0}, {How::pool_get, 1}}},
    {"the_background_loop_and_a_loop", {{How::worker_get, 2}, {How::pending, 0}}},
    {"a_fiber_and_a_worker", {{How::fiber_get, 0}, {How::worker_get, 1}}},
    {"a_worker_closes_what_a_fiber_began", {{How::fiber_get, 0}, {How::worker_get, 0}}, Order::forwards},
    {"two_fibers_of_two_loops", {{How::fiber_asks, 0}, {How::fiber_get, 1}}, Order::forwards},
    {"two_groups_on_two_loops", {{How::group, 0, How::pending}, {How::group, 1, How::worker_get}}},
};

const std::vector<Case> of_more = {
    {"three_tasks_of_one_loop_by_handles", {{How::handle}, {How::handle}, {How::handle}}},
    {"three_loops_by_pendings", {{How::pending, 0}, {How::pending, 1}, {How::pending, 2}}},
    {"three_loops_by_pendings_one_by_one",
     {{How::pending, 0}, {How::pending, 1}, {How::pending, 2}},
     Order::forwards},
    {"three_loops_by_workers", {{How::worker_get, 0}, {How::worker_wait, 1}, {How::worker_error, 2}}},
    {"three_loops_by_workers_one_by_one",
     {{How::worker_get, 0}, {How::worker_wait, 1}, {How::worker_error, 2}},
     Order::forwards},
    {"four_of_one_loop_in_four_manners",
     {{How::handle}, {How::worker_get}, {How::pending}, {How::group, 0, How::handle}}},
    {"four_of_two_loops_in_four_manners",
     {{How::worker_get, 0}, {How::elsewhere, 1}, {How::worker_runs, 0}, {How::gather, 1, How::pending}}},
    {"a_handle_closes_a_way_over_three_loops",
     {{How::pending, 0}, {How::worker_get, 1}, {How::worker_asks, 2}, {How::handle, 0}, {How::handle, 0}},
     Order::forwards},
    {"layers_of_workers_on_three_loops", {{How::layers, 0}, {How::layers, 1}, {How::layers, 2}}},
    {"eight_in_a_ring",
     {{How::worker_get, 0},
      {How::handle, 1},
      {How::pending, 1},
      {How::shielded, 2, How::pending},
      {How::nested, 0, How::worker_asks},
      {How::wait_all, 0, How::handle},
      {How::strand_get, 0},
      {How::elsewhere, 2}}},
};

std::string name_of(const testing::TestParamInfo<Case>& info) { return info.param.name; }

}  // namespace

TEST_P(SemB35, is_told_to_one_of_them_in_time) { expect_one_refusal(GetParam()); }
INSTANTIATE_TEST_SUITE_P(direct, SemB35, testing::ValuesIn(direct), name_of);
INSTANTIATE_TEST_SUITE_P(of_two, SemB35, testing::ValuesIn(of_two), name_of);
INSTANTIATE_TEST_SUITE_P(of_more, SemB35, testing::ValuesIn(of_more), name_of);
