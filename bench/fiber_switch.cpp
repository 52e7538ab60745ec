// bench/fiber_switch.cpp
// What does it cost to leave a fiber's stack and come back to it?
// `switch`: half of a `.get()` whose coroutine ends at once, so what is left is the way there or back.
// `yield`: a turn given up, two fibers in turns.
//
// Usage: fiber_switch [switches]

#include <bench/support/report.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>

using namespace tandem;

namespace {

[[gnu::noinline]] Task<void> nothing() { co_return; }

void wait_for_nothing(long times) {
    for (long i = 0; i < times; ++i) nothing().get();
}

Task<void> await_nothing(long times) {
    for (long i = 0; i < times; ++i) co_await nothing();
}

void yield(long times) {
    for (long i = 0; i < times; ++i) checkpoint().get();
}

}  // namespace

int main(int argc, char** argv) {
    const long switches = bench::argument(argc, argv, 1, 10'000'000) / 2 * 2;
    auto before = bench::usage_now();
    run(await_nothing(switches / 2));
    const auto plain = bench::usage_now() - before;
    before = bench::usage_now();
    run(in_fiber(wait_for_nothing, switches / 2));
    const auto on_fiber = bench::usage_now() - before;
    bench::report_ns("fiber_switch", "tandem", "ns_per_switch", on_fiber - plain, switches);
    bench::report_ns("fiber_switch", "tandem", "ns_per_get", on_fiber, switches / 2);
    before = bench::usage_now();
    run(gather(in_fiber(yield, switches / 2), in_fiber(yield, switches / 2)));
    bench::report_ns("fiber_switch", "tandem", "ns_per_yield", bench::usage_now() - before, switches);
}
