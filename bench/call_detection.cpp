// bench/call_detection.cpp
// What does it cost a library with two bodies to find out which one its caller wants?
// The same blocking body, reached by looking at the caller, by a tag, and by its static type.
//
// Usage: call_detection [calls]

#include <bench/support/report.hpp>
#include <tandem/bridge/dual.hpp>

#include <cstdlib>

using namespace tandem;

namespace {

[[gnu::noinline]] long next_blocking(long value) { return value + 1; }
Task<long> next_async(long value) { co_return value + 1; }
constexpr auto next = dual(next_blocking, next_async);

template <class F>
void measure(const char* figure, long calls, F call) {
    const auto before = bench::usage_now();
    long value = 0;
    for (long i = 0; i < calls; ++i) value = call(value);
    const auto used = bench::usage_now() - before;
    if (value != calls) std::abort();
    bench::report_ns("call_detection", "tandem", figure, used, calls);
}

}  // namespace

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 50'000'000);
    measure("ns_per_call_detected", calls, [](long value) { return next(value).get(); });
    measure("ns_per_call_tagged", calls, [](long value) { return next(value, use_sync); });
    measure("ns_per_call_static", calls, [](long value) { return next_blocking(value); });
}
