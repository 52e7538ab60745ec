// bench/peers/raw/task_million.cpp
// What do a million live tasks cost, each of which yields once and is joined?
// Bare C++20 coroutines: the limit without cancellation.
//
// Usage: task_million [tasks]

#include <bench/support/report.hpp>

#include "bare_task.hpp"

namespace {

[[gnu::noinline]] bare::Spawned yield_once() { co_await bare::Yield(); }

bare::Spawned run_all(long tasks) {
    bare::Group group;
    for (long i = 0; i < tasks; ++i) yield_once().spawn(&group);
    co_await group;
}

}  // namespace

int main(int argc, char** argv) {
    const long tasks = bench::argument(argc, argv, 1, 1'000'000);

    const double idle_bytes = bench::resident_bytes();
    const auto before = bench::usage_now();
    run_all(tasks).spawn();
    bare::ready_queue.run();
    const auto used = bench::usage_now() - before;
    const double live_bytes = bench::peak_resident_bytes() - idle_bytes;

    bench::report_ns("task_million", "raw_coroutines", "ns_per_task", used, tasks);
    bench::report("task_million", "raw_coroutines", "bytes_per_task", live_bytes / static_cast<double>(tasks),
                  "B");
}
