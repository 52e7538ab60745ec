// bench/peers/asio/bridge_call.cpp
// What does plain code wait for the result of a trivial coroutine that runs on another thread's loop?
// Boost.Asio's co_spawn and use_future.
//
// Usage: bridge_call [calls]

#include <bench/support/latency.hpp>

#include "bridge_thread.hpp"

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 300'000);
    bench::on_one_and_two_cores([&](const char* cores) {
        ContextThread thread;
        long value = 0;
        bench::report_latency("bridge_call", "asio", cores, calls, [&] { value = thread.call(value); });
    });
}
