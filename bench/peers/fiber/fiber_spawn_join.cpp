// bench/peers/fiber/fiber_spawn_join.cpp
// What does starting and joining an empty fiber cost, one by one, and in groups of 1000?
// Boost.Fiber, with stacks of 8 KiB out of a pool.
//
// Usage: fiber_spawn_join [fibers]

#include <bench/support/report.hpp>
#include <vector>

#include "stack.hpp"

int main(int argc, char** argv) {
    constexpr long group_size = 1000;
    const long groups = (bench::argument(argc, argv, 1, 2'000'000) + group_size - 1) / group_size;
    Fibers fibers;

    auto before = bench::usage_now();
    for (long i = 0; i < groups * group_size; ++i) fibers.start([] {}).join();
    bench::report_ns("fiber_spawn_join", "fiber", "ns_per_call", bench::usage_now() - before,
                     groups * group_size);

    before = bench::usage_now();
    for (long i = 0; i < groups; ++i) {
        std::vector<boost::fibers::fiber> group;
        group.reserve(group_size);
        for (long fiber = 0; fiber < group_size; ++fiber) group.push_back(fibers.start([] {}));
        for (auto& fiber : group) fiber.join();
    }
    bench::report_ns("fiber_spawn_join", "fiber", "ns_per_fiber", bench::usage_now() - before,
                     groups * group_size);
}
