// FAULT-1 over random programs: whichever allocation fails, the program ends with an error of its own or
// without one, leaves nothing behind, and the next one runs.
#include "explorer.hpp"
#include "failing_allocation.hpp"

#include <gtest/gtest.h>

#include <exception>
#include <new>
#include <string>
#include <thread>

using namespace exploration;

namespace {

struct Attempt {
    std::string end;
    std::string broken;
    std::int64_t allocations = 0;
};

/// In a thread of its own, whose pools are cold.
Attempt attempt(const Node& program, std::int64_t failing) {
    Attempt attempt;
    std::thread([&] {
        try {
            const FailingAllocation failure(failing);
            const Played run = run_program(program, {.backend = tandem::BackendChoice::epoll});
            attempt.allocations = FailingAllocation::count();
            attempt.end = run.outcome;
            attempt.broken = run.broken;
        } catch (const std::bad_alloc&) {
            attempt.end = "bad_alloc";
        } catch (const std::exception& error) {
            attempt.end = error.what();
        }
    }).join();
    return attempt;
}

}  // namespace

TEST(FAULT1, a_program_survives_the_failure_of_each_of_its_allocations) {
    if (!FailingAllocation::possible) GTEST_SKIP() << "ThreadSanitizer has allocation functions of its own";
    constexpr std::uint64_t programs = 60;
    std::int64_t points = 0;
    for (std::uint64_t seed = 0; seed < programs; ++seed) {
        const Node program = random_program(seed, 20);
        const auto allocations = attempt(program, FailingAllocation::none).allocations;
        ASSERT_GT(allocations, 0);
        for (std::int64_t failing = 0; failing < allocations; ++failing, ++points) {
            const Attempt failed = attempt(program, failing);
            EXPECT_NE(failed.end, "");
            EXPECT_EQ(failed.broken.find("alive"), std::string::npos)
                << "seed " << seed << ", allocation " << failing << ": " << failed.end << "\n"
                << failed.broken;
        }
        EXPECT_EQ(attempt(program, FailingAllocation::none).broken, "");
    }
    EXPECT_GE(points, 2'000);
}
