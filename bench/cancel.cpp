// bench/cancel.cpp
// What does it cost to cancel and join a task that sleeps, 100,000 of them at once? Starting them is not
// counted.
//
// Usage: cancel [tasks]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>

using namespace tandem;

namespace {

constexpr long crowd_size = 100'000;

[[gnu::noinline]] Task<void> sleep_an_hour() { co_await sleep(std::chrono::hours(1)); }

Task<void> cancel_crowds(long crowds, bench::Usage& used) {
    for (long i = 0; i < crowds; ++i) {
        TaskGroup group;
        for (long task = 0; task < crowd_size; ++task) group.create_task(sleep_an_hour());
        co_await sleep(std::chrono::milliseconds(1));  // now all of them sleep

        const auto before = bench::usage_now();
        group.cancel();
        co_await group.join();
        used += bench::usage_now() - before;
    }
}

}  // namespace

int main(int argc, char** argv) {
    const long crowds = (bench::argument(argc, argv, 1, 2'000'000) + crowd_size - 1) / crowd_size;
    bench::Usage used;
    run(cancel_crowds(crowds, used));
    bench::report_ns("cancel", "tandem", "ns_per_task", used, crowds * crowd_size);
}
