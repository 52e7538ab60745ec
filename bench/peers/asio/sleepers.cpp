// bench/peers/asio/sleepers.cpp
// What CPU does it cost to wake one of 10,000 sleepers? Each sleeps 10 to 20 ms, again and again.
// Boost.Asio's awaitable, with a timer of its own each.
//
// Usage: sleepers [wake-ups]

#include <bench/support/report.hpp>
#include <boost/asio.hpp>

#include "group.hpp"

namespace {

namespace asio = boost::asio;
using Task = asio::awaitable<void, Group::Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Group::Executor>;

constexpr long sleepers = 10'000;

Task sleep_often(Group::Executor executor, long number, long rounds) {
    bench::Naps naps(number);
    Timer timer(executor);
    for (long i = 0; i < rounds; ++i) {
        timer.expires_after(naps.next());
        co_await timer.async_wait(asio::use_awaitable_t<Group::Executor>());
    }
}

Task run_all(Group::Executor executor, long rounds) {
    Group group(executor);
    for (long i = 0; i < sleepers; ++i) group.spawn(sleep_often(executor, i, rounds));
    co_await group.join();
}

}  // namespace

int main(int argc, char** argv) {
    const long rounds = (bench::argument(argc, argv, 1, 2'000'000) + sleepers - 1) / sleepers;
    asio::io_context context(1);

    const auto before = bench::usage_now();
    asio::co_spawn(context, run_all(context.get_executor(), rounds), asio::detached);
    context.run();
    const auto used = bench::usage_now() - before;

    bench::report_ns("sleepers", "asio", "ns_per_wake_up", used, rounds * sleepers);
}
