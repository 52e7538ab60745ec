// bench/task_million.cpp
// What do a million live tasks cost, each of which yields once and is joined?
//
// Usage: task_million [tasks]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>

using namespace tandem;

namespace {

[[gnu::noinline]] Task<void> yield_once() { co_await checkpoint(); }

Task<void> run_all(long tasks) {
    TaskGroup group;
    for (long i = 0; i < tasks; ++i) group.create_task(yield_once());
    co_await group.join();
}

}  // namespace

int main(int argc, char** argv) {
    const long tasks = bench::argument(argc, argv, 1, 1'000'000);
    run(run_all(1));  // what a first run touches once is not the tasks'
    const double idle_bytes = bench::resident_bytes();
    const auto before = bench::usage_now();
    run(run_all(tasks));
    const auto used = bench::usage_now() - before;
    const double live_bytes = bench::peak_resident_bytes() - idle_bytes;
    bench::report_ns("task_million", "tandem", "ns_per_task", used, tasks);
    bench::report("task_million", "tandem", "bytes_per_task", live_bytes / static_cast<double>(tasks), "B");
}
