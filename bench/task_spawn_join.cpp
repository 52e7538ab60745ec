// bench/task_spawn_join.cpp
// What does starting and joining an empty task cost, in groups of 1000?
//
// Usage: task_spawn_join [tasks]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/task_group.hpp>

using namespace tandem;

namespace {

constexpr long group_size = 1000;

[[gnu::noinline]] Task<void> nothing() { co_return; }

Task<void> run_groups(long groups) {
    for (long i = 0; i < groups; ++i) {
        TaskGroup group;
        for (long task = 0; task < group_size; ++task) group.create_task(nothing());
        co_await group.join();
    }
}

}  // namespace

int main(int argc, char** argv) {
    const long groups = (bench::argument(argc, argv, 1, 5'000'000) + group_size - 1) / group_size;
    const auto before = bench::usage_now();
    run(run_groups(groups));
    bench::report_ns("task_spawn_join", "tandem", "ns_per_task", bench::usage_now() - before,
                     groups * group_size);
}
