// bench/bridge_forms.cpp
// What do the other forms of a call over the bridge cost: start() with on_done(), the refusal to block a
// loop, and a wait in a step of a loop that has a portal? And what does the portal cost steps that do not
// wait?
//
// Usage: bridge_forms [calls]

#include <bench/support/latency.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/sleep.hpp>

#include <atomic>

using namespace tandem;

namespace {

[[gnu::noinline]] Task<long> next(long value) { co_return value + 1; }

void start_with_callbacks(long calls) {
    std::atomic<long> told = 0;
    const auto before = bench::usage_now();
    for (long i = 0; i < calls; ++i) {
        next(i).start().on_done(
            [&told](const Pending<long>&) { told.fetch_add(1, std::memory_order_relaxed); });
    }
    while (told < calls) std::this_thread::yield();
    bench::report_ns("bridge_forms", "tandem", "ns_per_start_and_on_done", bench::usage_now() - before,
                     calls);
}

Task<void> turns(const char* measure, long count) {
    co_await checkpoint();
    const auto before = bench::usage_now();
    for (long i = 0; i < count; ++i) co_await checkpoint();
    bench::report_ns("bridge_forms", "tandem", measure, bench::usage_now() - before, count);
}

Task<void> in_steps(long calls) {
    const auto before = bench::usage_now();
    for (long i = 0; i < calls; ++i) bench::keep(next(i).get());
    bench::report_ns("bridge_forms", "tandem", "ns_per_get_in_portal", bench::usage_now() - before, calls);
    co_return;
}

Task<void> refused(long calls) {
    const auto before = bench::usage_now();
    for (long i = 0; i < calls; ++i) {
        try {
            bench::keep(next(i).get());
        } catch (const WouldDeadlock&) {
        }
    }
    bench::report_ns("bridge_forms", "tandem", "ns_per_refusal", bench::usage_now() - before, calls);
    co_return;
}

}  // namespace

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 300'000);
    start_with_callbacks(calls);
    run(refused(calls / 10 + 1));
    const RunOptions portal{.blocking = Blocking::portal};
    run(in_steps(calls), portal);
    run(turns("ns_per_turn", calls));
    run(turns("ns_per_turn_with_portal", calls), portal);
}
