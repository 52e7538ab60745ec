// bench/peers/fiber/queue_hop.cpp
// What does handing an item from one task to another cost? One thread; room for 0, 63 and 1.
// Boost.Fiber's unbuffered and buffered channel; the latter keeps one of 64, or 2, places free.
//
// Usage: queue_hop [items]

#include <bench/support/report.hpp>
#include <boost/fiber/all.hpp>
#include <cstdlib>
#include <string_view>

namespace {

template <class Channel>
void measure(std::string_view figure, long items, Channel& channel) {
    const auto before = bench::usage_now();
    boost::fibers::fiber sender([&] {
        for (long i = 0; i < items; ++i) channel.push(i);
    });
    boost::fibers::fiber receiver([&] {
        long sum = 0;
        for (long i = 0; i < items; ++i) sum += channel.value_pop();
        if (sum != items * (items - 1) / 2) std::abort();
    });
    sender.join();
    receiver.join();
    bench::report_ns("queue_hop", "fiber", figure, bench::usage_now() - before, items);
}

}  // namespace

int main(int argc, char** argv) {
    const long items = bench::argument(argc, argv, 1, 10'000'000);
    boost::fibers::unbuffered_channel<long> without_room;
    boost::fibers::buffered_channel<long> of_64(64);
    boost::fibers::buffered_channel<long> of_1(2);
    measure("ns_per_item_channel_0", items, without_room);
    measure("ns_per_item_queue_64", items, of_64);
    measure("ns_per_item_queue_1", items, of_1);
}
