// bench/bridge_call.cpp
// What does plain code wait for the result of a trivial coroutine that runs on another thread's loop?
// One call after the other, on one core and on two.
//
// Usage: bridge_call [calls]

#include <bench/support/latency.hpp>
#include <tandem/bridge/get.hpp>

#include <cstdlib>

using namespace tandem;

namespace {

[[gnu::noinline]] Task<long> next(long value) { co_return value + 1; }

}  // namespace

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 300'000);
    bench::on_one_and_two_cores([&](const char* cores) {
        long value = 0;
        bench::report_latency("bridge_call", "tandem", cores, calls, [&] { value = next(value).get(); });
        if (value < calls) std::abort();
    });
}
