// bench/sleepers.cpp
// What CPU does it cost to wake one of 10,000 sleepers? Each sleeps 10 to 20 ms, again and again.
//
// Usage: sleepers [wake-ups]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>

using namespace tandem;

namespace {

constexpr long sleepers = 10'000;

Task<void> sleep_often(long number, long rounds) {
    bench::Naps naps(number);
    for (long i = 0; i < rounds; ++i) co_await sleep(naps.next());
}

Task<void> run_all(long rounds) {
    TaskGroup group;
    for (long i = 0; i < sleepers; ++i) group.create_task(sleep_often(i, rounds));
    co_await group.join();
}

}  // namespace

int main(int argc, char** argv) {
    const long rounds = (bench::argument(argc, argv, 1, 2'000'000) + sleepers - 1) / sleepers;
    const auto before = bench::usage_now();
    run(run_all(rounds));
    bench::report_ns("sleepers", "tandem", "ns_per_wake_up", bench::usage_now() - before, rounds * sleepers);
}
