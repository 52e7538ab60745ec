// bench/peers/raw/task_call.cpp
// What does awaiting a call cost which completes without ever suspending?
// Bare C++20 coroutines: the limit without cancellation.
//
// Usage: task_call [calls]

#include <bench/support/report.hpp>

#include "bare_task.hpp"

namespace {

// Not inlined: the question is what a call costs, not whether the compiler can do without it.
[[gnu::noinline]] bare::Task<long> next(long value) { co_return value + 1; }

bare::Spawned call_many(long calls) {
    long value = 0;
    for (long i = 0; i < calls; ++i) value = co_await next(value);
    if (value != calls) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 20'000'000);

    const auto before = bench::usage_now();
    call_many(calls).spawn();
    bare::ready_queue.run();
    const auto used = bench::usage_now() - before;

    bench::report_ns("task_call", "raw_coroutines", "ns_per_call", used, calls);
}
