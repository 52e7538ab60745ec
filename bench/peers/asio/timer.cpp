// bench/peers/asio/timer.cpp
// What does it cost, with a million timers waiting, to cancel the oldest and to start a new one?
// Deadlines are random, between one and two hours from now; nothing expires.
// Boost.Asio's timer; the handlers of cancelled waits run every thousand pairs and are part of the cost.
//
// Usage: timer [waiting] [pairs]

#include <bench/support/report.hpp>
#include <boost/asio.hpp>
#include <random>
#include <vector>

namespace {

namespace asio = boost::asio;

constexpr std::size_t pairs_per_turn = 1000;

using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                               asio::io_context::executor_type>;

void wait_until(Timer& timer, std::chrono::steady_clock::time_point deadline) {
    timer.expires_at(deadline);  // cancels the wait before
    timer.async_wait([](const boost::system::error_code&) {});
}

}  // namespace

int main(int argc, char** argv) {
    const auto waiting = static_cast<std::size_t>(bench::argument(argc, argv, 1, 1'000'000));
    const long pairs = bench::argument(argc, argv, 2, 5'000'000);
    const auto start = std::chrono::steady_clock::now();
    std::minstd_rand random(1);
    const auto an_hour_or_two = [&] {
        return start + std::chrono::hours(1) + std::chrono::nanoseconds(random() * std::int64_t{1'676});
    };

    asio::io_context context(1);
    std::vector<Timer> timers;
    timers.reserve(waiting);
    for (std::size_t i = 0; i < waiting; ++i) wait_until(timers.emplace_back(context), an_hour_or_two());

    const auto before = bench::usage_now();
    for (std::size_t i = 0; i < static_cast<std::size_t>(pairs); ++i) {
        wait_until(timers[i % timers.size()], an_hour_or_two());
        if (i % pairs_per_turn == 0) context.poll();
    }
    context.poll();
    const auto used = bench::usage_now() - before;

    bench::report_ns("timer", "asio", "ns_per_timer", used, pairs);
    std::fflush(stdout);
    std::_Exit(0);  // a million waits need no orderly end
}
