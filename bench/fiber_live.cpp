// bench/fiber_live.cpp
// What do 100,000 live fibers cost, each of which waits once and is joined?
//
// Usage: fiber_live [fibers]

#include <bench/support/report.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>

using namespace tandem;

namespace {

void yield_once() { checkpoint().get(); }

Task<void> run_all(long fibers) {
    TaskGroup group;
    for (long i = 0; i < fibers; ++i) group.create_task(in_fiber(yield_once));
    co_await group.join();
}

}  // namespace

int main(int argc, char** argv) {
    const long fibers = bench::argument(argc, argv, 1, 100'000);
    run(run_all(1));  // what a first run touches once is not the fibers'
    const double idle_bytes = bench::resident_bytes();
    const auto before = bench::usage_now();
    run(run_all(fibers));
    const auto used = bench::usage_now() - before;
    const double live_bytes = bench::peak_resident_bytes() - idle_bytes;
    bench::report_ns("fiber_live", "tandem", "ns_per_fiber", used, fibers);
    bench::report("fiber_live", "tandem", "bytes_per_fiber", live_bytes / static_cast<double>(fibers), "B");
}
