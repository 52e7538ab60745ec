// bench/peers/asio/bridge_callers_16.cpp
// How many calls a second does one io_context serve, made by 16 plain threads at once?
//
// Usage: bridge_callers_16 [calls]

#include <bench/support/latency.hpp>

#include "bridge_thread.hpp"

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 1'000'000);
    ContextThread thread;
    bench::report_callers("bridge_callers_16", "asio", 16, calls, [&] { bench::keep(thread.call(1)); });
}
