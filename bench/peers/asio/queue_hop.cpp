// bench/peers/asio/queue_hop.cpp
// What does handing an item from one task to another cost? One thread; room for 0, 64 and 1.
// Boost.Asio's experimental channel, between two awaitables.
//
// Usage: queue_hop [items]

#include <bench/support/report.hpp>
#include <boost/asio.hpp>
#include <boost/asio/experimental/channel.hpp>
#include <cstdlib>
#include <string_view>

#include "group.hpp"

namespace {

namespace asio = boost::asio;
using Task = asio::awaitable<void, Group::Executor>;
using Channel = asio::experimental::channel<Group::Executor, void(boost::system::error_code, long)>;
constexpr asio::use_awaitable_t<Group::Executor> awaited;

Task send(Channel& channel, long items) {
    for (long i = 0; i < items; ++i) co_await channel.async_send(boost::system::error_code(), i, awaited);
}

Task receive(Channel& channel, long items) {
    long sum = 0;
    for (long i = 0; i < items; ++i) {
        const long item = co_await channel.async_receive(awaited);
        sum += item;
    }
    if (sum != items * (items - 1) / 2) std::abort();
}

void measure(std::string_view figure, long items, std::size_t room) {
    asio::io_context context(1);
    Channel channel(context.get_executor(), room);
    const auto before = bench::usage_now();
    asio::co_spawn(context.get_executor(), send(channel, items), asio::detached);
    asio::co_spawn(context.get_executor(), receive(channel, items), asio::detached);
    context.run();
    bench::report_ns("queue_hop", "asio", figure, bench::usage_now() - before, items);
}

}  // namespace

int main(int argc, char** argv) {
    const long items = bench::argument(argc, argv, 1, 10'000'000);
    measure("ns_per_item_channel_0", items, 0);
    measure("ns_per_item_queue_64", items, 64);
    measure("ns_per_item_queue_1", items, 1);
}
