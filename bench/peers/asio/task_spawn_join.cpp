// bench/peers/asio/task_spawn_join.cpp
// What does starting and joining an empty task cost, in groups of 1000?
// Boost.Asio's co_spawn.
//
// Usage: task_spawn_join [tasks]

#include <bench/support/report.hpp>
#include <boost/asio.hpp>

#include "group.hpp"

namespace {

namespace asio = boost::asio;
using Task = asio::awaitable<void, Group::Executor>;

constexpr long group_size = 1000;

[[gnu::noinline]] Task nothing() { co_return; }

Task run_groups(Group::Executor executor, long groups) {
    for (long i = 0; i < groups; ++i) {
        Group group(executor);
        for (long task = 0; task < group_size; ++task) group.spawn(nothing());
        co_await group.join();
    }
}

}  // namespace

int main(int argc, char** argv) {
    const long groups = (bench::argument(argc, argv, 1, 5'000'000) + group_size - 1) / group_size;
    asio::io_context context(1);

    const auto before = bench::usage_now();
    asio::co_spawn(context, run_groups(context.get_executor(), groups), asio::detached);
    context.run();
    const auto used = bench::usage_now() - before;

    bench::report_ns("task_spawn_join", "asio", "ns_per_task", used, groups * group_size);
}
