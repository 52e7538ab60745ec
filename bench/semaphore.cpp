// bench/semaphore.cpp
// What does a permit cost that is free, and what when 16 tasks share 4 permits?
//
// Usage: semaphore [permits]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>

using namespace tandem;

namespace {

constexpr long tasks = 16;

Task<void> acquire_free_ones(long permits) {
    Semaphore semaphore(4);
    for (long i = 0; i < permits; ++i) {
        co_await semaphore.acquire();
        semaphore.release();
    }
}

Task<void> contend(Semaphore& semaphore, long permits) {
    for (long i = 0; i < permits; ++i) {
        co_await semaphore.acquire();
        co_await checkpoint();
        semaphore.release();
    }
}

Task<void> share(long permits) {
    Semaphore semaphore(4);
    TaskGroup group;
    for (long i = 0; i < tasks; ++i) group.create_task(contend(semaphore, permits / tasks));
    co_await group.join();
}

}  // namespace

int main(int argc, char** argv) {
    const long permits = bench::argument(argc, argv, 1, 10'000'000);
    auto before = bench::usage_now();
    run(acquire_free_ones(permits));
    bench::report_ns("semaphore", "tandem", "ns_per_free_permit", bench::usage_now() - before, permits);
    before = bench::usage_now();
    run(share(permits));
    bench::report_ns("semaphore", "tandem", "ns_per_hand_over", bench::usage_now() - before, permits);
}
