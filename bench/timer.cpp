// bench/timer.cpp
// What does it cost, with a million timers waiting, to cancel the oldest and to start a new one?
// Deadlines are random, between one and two hours from now; nothing expires.
//
// Usage: timer [waiting] [pairs]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/loop/timer_heap.hpp>

#include <cstdlib>
#include <random>
#include <vector>

using namespace tandem;

namespace {

struct Idle final : Timer {
    void due() noexcept override { std::abort(); }
};

Task<void> measure(long waiting, long pairs) {
    std::minstd_rand random(1);
    EventLoop& loop = this_loop();
    const auto arm = [&](Idle& timer) {
        const auto delay = Duration(3'600'000'000'000 + static_cast<std::int64_t>(random()) * 1'676);
        loop.timers().add(timer, loop.time() + delay);
    };
    std::vector<Idle> timers(static_cast<std::size_t>(waiting));
    for (Idle& timer : timers) arm(timer);

    const auto before = bench::usage_now();
    std::size_t oldest = 0;
    for (long i = 0; i < pairs; ++i) {
        loop.timers().remove(timers[oldest]);
        arm(timers[oldest]);
        if (++oldest == timers.size()) oldest = 0;
    }
    bench::report_ns("timer", "tandem", "ns_per_timer", bench::usage_now() - before, pairs);
    for (Idle& timer : timers) loop.timers().remove(timer);
    co_return;
}

}  // namespace

int main(int argc, char** argv) {
    const long waiting = bench::argument(argc, argv, 1, 1'000'000);
    const long pairs = bench::argument(argc, argv, 2, 5'000'000);
    run(measure(waiting, pairs));
}
