// bench/peers/asio/gather.cpp
// What does a child of a gather() of 10,000 cost, whose value comes back in its place?
// Boost.Asio's co_spawn, each child writing its own place: its parallel group takes no range yet.
//
// Usage: gather [children]

#include <bench/support/report.hpp>
#include <boost/asio.hpp>
#include <cstdlib>
#include <vector>

#include "group.hpp"

namespace {

namespace asio = boost::asio;
using Task = asio::awaitable<void, Group::Executor>;

constexpr long gather_size = 10'000;

[[gnu::noinline]] Task own_number(long& place, long number) {
    place = number;
    co_return;
}

Task gather_many(Group::Executor executor, long gathers) {
    for (long i = 0; i < gathers; ++i) {
        std::vector<long> values(gather_size);
        Group group(executor);
        for (long child = 0; child < gather_size; ++child) {
            group.spawn(own_number(values[static_cast<std::size_t>(child)], child));
        }
        co_await group.join();
        if (values.back() != gather_size - 1) std::abort();
    }
}

}  // namespace

int main(int argc, char** argv) {
    const long gathers = (bench::argument(argc, argv, 1, 5'000'000) + gather_size - 1) / gather_size;
    asio::io_context context(1);

    const auto before = bench::usage_now();
    asio::co_spawn(context, gather_many(context.get_executor(), gathers), asio::detached);
    context.run();
    const auto used = bench::usage_now() - before;

    bench::report_ns("gather", "asio", "ns_per_child", used, gathers * gather_size);
}
