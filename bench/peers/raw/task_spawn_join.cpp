// bench/peers/raw/task_spawn_join.cpp
// What does starting and joining an empty task cost, in groups of 1000?
// Bare C++20 coroutines: the limit without cancellation.
//
// Usage: task_spawn_join [tasks]

#include <bench/support/report.hpp>

#include "bare_task.hpp"

namespace {

constexpr long group_size = 1000;

[[gnu::noinline]] bare::Spawned nothing() { co_return; }

bare::Spawned run_groups(long groups) {
    for (long i = 0; i < groups; ++i) {
        bare::Group group;
        for (long task = 0; task < group_size; ++task) nothing().spawn(&group);
        co_await group;
    }
}

}  // namespace

int main(int argc, char** argv) {
    const long groups = (bench::argument(argc, argv, 1, 5'000'000) + group_size - 1) / group_size;

    const auto before = bench::usage_now();
    run_groups(groups).spawn();
    bare::ready_queue.run();
    const auto used = bench::usage_now() - before;

    bench::report_ns("task_spawn_join", "raw_coroutines", "ns_per_task", used, groups * group_size);
}
