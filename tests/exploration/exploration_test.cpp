// PROMISE-2 and PROMISE-5 over random programs: every operation has one outcome, no task outlives its scope.
#include "explorer.hpp"

#include <tandem/testing/backends.hpp>

#include <gtest/gtest.h>

#include <string>

using namespace exploration;
using tandem::BackendChoice;

namespace {

constexpr int programs = 300;
constexpr int most_nodes = 40;

class OnEveryBackend : public testing::TestWithParam<BackendChoice> {};
using SemCt13 = OnEveryBackend;
using SemCt12 = OnEveryBackend;

std::string name_of(const testing::TestParamInfo<BackendChoice>& backend) {
    return std::string(tandem::testing::name_of(backend.param));
}

std::string told(std::uint64_t seed, const Node& program, const Played& run) {
    return "seed " + std::to_string(seed) + "\n" + describe(program) + "outcome: " + run.outcome + "\n" +
           run.trace + run.broken;
}

}  // namespace

TEST_P(SemCt12, random_programs_leave_nothing_behind_and_do_the_same_again) {
    for (std::uint64_t seed = 0; seed < programs; ++seed) {
        const Node program = random_program(seed, most_nodes);
        const Played once = run_program(program, {.backend = GetParam()});
        ASSERT_EQ(once.broken, "") << told(seed, program, once);
        const Played again = run_program(program, {.backend = GetParam()});
        ASSERT_EQ(once.trace, again.trace) << told(seed, program, once);
    }
}

TEST_P(SemCt13, a_cancel_at_every_event_of_random_programs_ends_them_cleanly) {
    int points = 0;
    for (std::uint64_t seed = 0; seed < programs; ++seed) {
        const Node program = random_program(seed, most_nodes);
        const int events = run_program(program, {.backend = GetParam()}).events;
        for (int at = 0; at < events; ++at, ++points) {
            const Played run = run_program(program, {.backend = GetParam(), .cancel_at = at});
            ASSERT_EQ(run.broken, "") << "cancelled at event " << at << ", " << told(seed, program, run);
        }
    }
    EXPECT_GE(points, 5'000);
}

TEST(SIM9, five_thousand_drawn_orders_keep_every_promise_and_are_drawn_again_by_their_seed) {
    int different = 0;
    for (std::uint64_t seed = 0; seed < 5'000; ++seed) {
        const Node program = random_program(seed / 20, most_nodes);
        const Played once = run_program(program, {.backend = BackendChoice::sim, .order = seed});
        ASSERT_EQ(once.broken, "") << told(seed, program, once);
        if (seed % 50 == 0) {
            const Played again = run_program(program, {.backend = BackendChoice::sim, .order = seed});
            ASSERT_EQ(once.trace, again.trace) << told(seed, program, once);
            const Played unmixed = run_program(program, {.backend = BackendChoice::sim});
            different += once.trace != unmixed.trace ? 1 : 0;
        }
    }
    EXPECT_GT(different, 10);
}

INSTANTIATE_TEST_SUITE_P(Backend, SemCt12,
                         testing::Values(BackendChoice::uring, BackendChoice::epoll, BackendChoice::sim),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Backend, SemCt13,
                         testing::Values(BackendChoice::uring, BackendChoice::epoll, BackendChoice::sim),
                         name_of);
