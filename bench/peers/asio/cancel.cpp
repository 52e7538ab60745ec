// bench/peers/asio/cancel.cpp
// What does it cost to cancel and join a task that sleeps, 100,000 of them at once? Starting them is not
// counted. Boost.Asio's co_spawn with a cancellation signal for each.
//
// Usage: cancel [tasks]

#include <bench/support/report.hpp>
#include <boost/asio.hpp>
#include <deque>

#include "group.hpp"

namespace {

namespace asio = boost::asio;
using Task = asio::awaitable<void, Group::Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Group::Executor>;
constexpr asio::use_awaitable_t<Group::Executor> awaited;

constexpr long crowd_size = 100'000;

[[gnu::noinline]] Task sleep_for(Group::Executor executor, std::chrono::milliseconds time) {
    Timer timer(executor, time);
    co_await timer.async_wait(awaited);
}

Task cancel_crowds(Group::Executor executor, long crowds, bench::Usage& used) {
    for (long i = 0; i < crowds; ++i) {
        Group group(executor);
        std::deque<asio::cancellation_signal> signals;
        for (long task = 0; task < crowd_size; ++task) {
            group.spawn(sleep_for(executor, std::chrono::hours(1)), signals.emplace_back().slot());
        }
        co_await sleep_for(executor, std::chrono::milliseconds(1));  // now all of them sleep

        const auto before = bench::usage_now();
        for (auto& signal : signals) signal.emit(asio::cancellation_type::terminal);
        co_await group.join();
        used += bench::usage_now() - before;
    }
}

}  // namespace

int main(int argc, char** argv) {
    const long crowds = (bench::argument(argc, argv, 1, 2'000'000) + crowd_size - 1) / crowd_size;
    bench::Usage used;
    asio::io_context context(1);
    asio::co_spawn(context, cancel_crowds(context.get_executor(), crowds, used), asio::detached);
    context.run();
    bench::report_ns("cancel", "asio", "ns_per_task", used, crowds * crowd_size);
}
