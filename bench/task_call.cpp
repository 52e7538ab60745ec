// bench/task_call.cpp
// What does awaiting a call cost which completes without ever suspending?
//
// Usage: task_call [calls]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>

#include <cstdlib>

using namespace tandem;

namespace {

[[gnu::noinline]] Task<long> next(long value) { co_return value + 1; }

Task<void> call_many(long calls) {
    long value = 0;
    for (long i = 0; i < calls; ++i) value = co_await next(value);
    if (value != calls) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 20'000'000);
    const auto before = bench::usage_now();
    run(call_many(calls));
    bench::report_ns("task_call", "tandem", "ns_per_call", bench::usage_now() - before, calls);
}
