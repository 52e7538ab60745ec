// bench/peers/asio/task_call.cpp
// What does awaiting a call cost which completes without ever suspending?
// Boost.Asio's awaitable.
//
// Usage: task_call [calls]

#include <bench/support/report.hpp>
#include <boost/asio.hpp>

namespace {

namespace asio = boost::asio;

[[gnu::noinline]] asio::awaitable<long> next(long value) { co_return value + 1; }

asio::awaitable<void> call_many(long calls) {
    long value = 0;
    for (long i = 0; i < calls; ++i) value = co_await next(value);
    if (value != calls) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
    const long calls = bench::argument(argc, argv, 1, 20'000'000);
    asio::io_context context(1);

    const auto before = bench::usage_now();
    asio::co_spawn(context, call_many(calls), asio::detached);
    context.run();
    const auto used = bench::usage_now() - before;

    bench::report_ns("task_call", "asio", "ns_per_call", used, calls);
}
