// bench/peers/raw/bridge_callers_16.cpp
// How many calls a second does a thread answer that never sleeps, made by 16 threads at once?
//
// Usage: bridge_callers_16 [calls]

#include <bench/support/latency.hpp>

#include "bridge_thread.hpp"

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 1'000'000);
    raw::SpinningThread thread;
    bench::report_callers("bridge_callers_16", "raw", 16, calls, [&] { bench::keep(thread.call(1)); });
}
