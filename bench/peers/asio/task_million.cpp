// bench/peers/asio/task_million.cpp
// What do a million live tasks cost, each of which yields once and is joined?
// Boost.Asio's co_spawn; a yield is a post to one's own executor.
//
// Usage: task_million [tasks]

#include <bench/support/report.hpp>
#include <boost/asio.hpp>

#include "group.hpp"

namespace {

namespace asio = boost::asio;
using Task = asio::awaitable<void, Group::Executor>;

[[gnu::noinline]] Task yield_once(Group::Executor executor) {
    co_await asio::post(executor, asio::use_awaitable_t<Group::Executor>());
}

Task run_all(Group::Executor executor, long tasks) {
    Group group(executor);
    for (long i = 0; i < tasks; ++i) group.spawn(yield_once(executor));
    co_await group.join();
}

}  // namespace

int main(int argc, char** argv) {
    const long tasks = bench::argument(argc, argv, 1, 1'000'000);
    asio::io_context context(1);

    const double idle_bytes = bench::resident_bytes();
    const auto before = bench::usage_now();
    asio::co_spawn(context, run_all(context.get_executor(), tasks), asio::detached);
    context.run();
    const auto used = bench::usage_now() - before;
    const double live_bytes = bench::peak_resident_bytes() - idle_bytes;

    bench::report_ns("task_million", "asio", "ns_per_task", used, tasks);
    bench::report("task_million", "asio", "bytes_per_task", live_bytes / static_cast<double>(tasks), "B");
}
