// bench/peers/fiber/fiber_switch.cpp
// What does it cost to leave a fiber's stack and come back to it?
// Boost.Fiber: two fibers that yield to each other.
//
// Usage: fiber_switch [switches]

#include <bench/support/report.hpp>

#include "stack.hpp"

int main(int argc, char** argv) {
    const long switches = bench::argument(argc, argv, 1, 10'000'000) / 2 * 2;
    Fibers fibers;
    const auto yield = [switches] {
        for (long i = 0; i < switches / 2; ++i) boost::this_fiber::yield();
    };

    const auto before = bench::usage_now();
    auto first = fibers.start(yield);
    auto second = fibers.start(yield);
    first.join();
    second.join();
    const auto used = bench::usage_now() - before;

    bench::report_ns("fiber_switch", "fiber", "ns_per_yield", used, switches);
}
