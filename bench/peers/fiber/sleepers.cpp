// bench/peers/fiber/sleepers.cpp
// What CPU does it cost to wake one of 10,000 sleepers? Each sleeps 10 to 20 ms, again and again.
// Boost.Fiber, with stacks of 8 KiB out of a pool.
//
// Usage: sleepers [wake-ups]

#include <bench/support/report.hpp>
#include <vector>

#include "stack.hpp"

int main(int argc, char** argv) {
    constexpr long sleepers = 10'000;
    const long rounds = (bench::argument(argc, argv, 1, 2'000'000) + sleepers - 1) / sleepers;
    Fibers fibers;

    const auto before = bench::usage_now();
    std::vector<boost::fibers::fiber> group;
    for (long number = 0; number < sleepers; ++number) {
        group.push_back(fibers.start([number, rounds] {
            bench::Naps naps(number);
            for (long i = 0; i < rounds; ++i) boost::this_fiber::sleep_for(naps.next());
        }));
    }
    for (auto& fiber : group) fiber.join();
    const auto used = bench::usage_now() - before;

    bench::report_ns("sleepers", "fiber", "ns_per_wake_up", used, rounds * sleepers);
}
