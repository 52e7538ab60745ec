// bench/bridge_callers_16.cpp
// How many calls a second does one background loop serve, made by 16 plain threads at once?
//
// Usage: bridge_callers_16 [calls]

#include <bench/support/latency.hpp>
#include <tandem/bridge/get.hpp>

using namespace tandem;

namespace {

[[gnu::noinline]] Task<long> next(long value) { co_return value + 1; }

}  // namespace

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 1'000'000);
    bench::report_callers("bridge_callers_16", "tandem", 16, calls, [] { bench::keep(next(1).get()); });
}
