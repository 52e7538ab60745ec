// bench/mutex.cpp
// What does a lock cost that is free, and what when it goes from hand to hand among eight tasks?
//
// Usage: mutex [locks]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>

using namespace tandem;

namespace {

constexpr long tasks = 8;

Task<void> lock_free_one(long locks) {
    Mutex mutex;
    for (long i = 0; i < locks; ++i) {
        auto guard = co_await mutex.lock();
    }
}

Task<void> contend(Mutex& mutex, long locks) {
    for (long i = 0; i < locks; ++i) {
        auto guard = co_await mutex.lock();
        co_await checkpoint();
    }
}

Task<void> hand_over(long locks) {
    Mutex mutex;
    TaskGroup group;
    for (long i = 0; i < tasks; ++i) group.create_task(contend(mutex, locks / tasks));
    co_await group.join();
}

}  // namespace

int main(int argc, char** argv) {
    const long locks = bench::argument(argc, argv, 1, 10'000'000);
    auto before = bench::usage_now();
    run(lock_free_one(locks));
    bench::report_ns("mutex", "tandem", "ns_per_free_lock", bench::usage_now() - before, locks);
    before = bench::usage_now();
    run(hand_over(locks));
    bench::report_ns("mutex", "tandem", "ns_per_hand_over", bench::usage_now() - before, locks);
}
