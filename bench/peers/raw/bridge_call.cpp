// bench/peers/raw/bridge_call.cpp
// What does a call to another thread cost? Two eventfds, the sleeping limit; figures "spin_": two threads
// that never sleep.
//
// Usage: bridge_call [calls]

#include <bench/support/latency.hpp>

#include "bridge_thread.hpp"

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 300'000);
    bench::on_one_and_two_cores([&](const std::string& cores) {
        long value = 0;
        {
            raw::SleepingThread thread;
            bench::report_latency("bridge_call", "raw", cores, calls, [&] { value = thread.call(value); });
        }
        if (cores == "one_core") return;
        raw::SpinningThread thread;
        bench::report_latency("bridge_call", "raw", "spin_" + cores, calls,
                              [&] { value = thread.call(value); });
    });
}
