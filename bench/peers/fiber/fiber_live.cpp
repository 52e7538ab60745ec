// bench/peers/fiber/fiber_live.cpp
// What do 100,000 live fibers cost, each of which waits once and is joined?
// Boost.Fiber, with stacks of 8 KiB out of a pool.
//
// Usage: fiber_live [fibers]

#include <bench/support/report.hpp>
#include <vector>

#include "stack.hpp"

int main(int argc, char** argv) {
    const long count = bench::argument(argc, argv, 1, 100'000);
    Fibers fibers;

    const double idle_bytes = bench::resident_bytes();
    const auto before = bench::usage_now();
    std::vector<boost::fibers::fiber> group;
    group.reserve(static_cast<std::size_t>(count));
    for (long i = 0; i < count; ++i) group.push_back(fibers.start([] { boost::this_fiber::yield(); }));
    for (auto& fiber : group) fiber.join();
    const auto used = bench::usage_now() - before;
    const double live_bytes = bench::peak_resident_bytes() - idle_bytes;

    bench::report_ns("fiber_live", "fiber", "ns_per_fiber", used, count);
    bench::report("fiber_live", "fiber", "bytes_per_fiber", live_bytes / static_cast<double>(count), "B");
}
