// bench/peers/fiber/task_million.cpp
// What do a million live tasks cost, each of which yields once and is joined?
// Boost.Fiber, with stacks of 8 KiB out of a pool. A tenth of the tasks: a million would take 9 GB.
//
// Usage: task_million [tasks]

#include <algorithm>
#include <bench/support/report.hpp>
#include <vector>

#include "stack.hpp"

int main(int argc, char** argv) {
    const long tasks = std::max(1L, bench::argument(argc, argv, 1, 1'000'000) / 10);
    Fibers fibers;

    const double idle_bytes = bench::resident_bytes();
    const auto before = bench::usage_now();
    std::vector<boost::fibers::fiber> group;
    group.reserve(static_cast<std::size_t>(tasks));
    for (long i = 0; i < tasks; ++i) group.push_back(fibers.start([] { boost::this_fiber::yield(); }));
    for (auto& fiber : group) fiber.join();
    const auto used = bench::usage_now() - before;
    const double live_bytes = bench::peak_resident_bytes() - idle_bytes;

    bench::report_ns("task_million", "fiber", "ns_per_task", used, tasks);
    bench::report("task_million", "fiber", "bytes_per_task", live_bytes / static_cast<double>(tasks), "B");
}
