// bench/peers/fiber/task_spawn_join.cpp
// What does starting and joining an empty task cost, in groups of 1000?
// Boost.Fiber, with stacks of 8 KiB out of a pool.
//
// Usage: task_spawn_join [tasks]

#include <bench/support/report.hpp>
#include <vector>

#include "stack.hpp"

int main(int argc, char** argv) {
    constexpr long group_size = 1000;
    const long groups = (bench::argument(argc, argv, 1, 5'000'000) + group_size - 1) / group_size;
    Fibers fibers;

    const auto before = bench::usage_now();
    for (long i = 0; i < groups; ++i) {
        std::vector<boost::fibers::fiber> group;
        group.reserve(group_size);
        for (long task = 0; task < group_size; ++task) group.push_back(fibers.start([] {}));
        for (auto& fiber : group) fiber.join();
    }
    const auto used = bench::usage_now() - before;

    bench::report_ns("task_spawn_join", "fiber", "ns_per_task", used, groups * group_size);
}
