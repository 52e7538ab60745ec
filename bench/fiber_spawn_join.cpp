// bench/fiber_spawn_join.cpp
// What does starting and joining an empty fiber cost, one by one, and as tasks in groups of 1000?
//
// Usage: fiber_spawn_join [fibers]

#include <bench/support/report.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/task_group.hpp>

using namespace tandem;

namespace {

constexpr long group_size = 1000;

[[gnu::noinline]] void nothing() {}

Task<void> run_one_by_one(long fibers) {
    for (long i = 0; i < fibers; ++i) co_await in_fiber(nothing);
}

Task<void> run_groups(long groups) {
    for (long i = 0; i < groups; ++i) {
        TaskGroup group;
        for (long fiber = 0; fiber < group_size; ++fiber) group.create_task(in_fiber(nothing));
        co_await group.join();
    }
}

}  // namespace

int main(int argc, char** argv) {
    const long groups = (bench::argument(argc, argv, 1, 2'000'000) + group_size - 1) / group_size;
    auto before = bench::usage_now();
    run(run_one_by_one(groups * group_size));
    bench::report_ns("fiber_spawn_join", "tandem", "ns_per_call", bench::usage_now() - before,
                     groups * group_size);
    before = bench::usage_now();
    run(run_groups(groups));
    bench::report_ns("fiber_spawn_join", "tandem", "ns_per_fiber", bench::usage_now() - before,
                     groups * group_size);
}
