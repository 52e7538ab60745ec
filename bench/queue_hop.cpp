// bench/queue_hop.cpp
// What does handing an item from one task to another cost? One loop, one thread: a channel of capacity 0,
// where each item waits for its receiver; a queue with room for 64; and a queue of one, where each item is a
// switch.
//
// Usage: queue_hop [items]

#include <bench/support/report.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/task/gather.hpp>

#include <cstdlib>
#include <string_view>

using namespace tandem;

namespace {

Task<void> send(Sender<long> sender, long items) {
    for (long i = 0; i < items; ++i) co_await sender.send(i);
}

Task<void> receive(Receiver<long> receiver, long items) {
    long sum = 0;
    while (auto item = co_await receiver.receive()) sum += *item;
    if (sum != items * (items - 1) / 2) std::abort();
}

Task<void> put(Queue<long>& queue, long items) {
    for (long i = 0; i < items; ++i) co_await queue.put(i);
}

Task<void> get(Queue<long>& queue, long items) {
    long sum = 0;
    for (long i = 0; i < items; ++i) {
        const long item = co_await queue.get();
        sum += item;
    }
    if (sum != items * (items - 1) / 2) std::abort();
}

Task<void> through_channel(long items) {
    auto [sender, receiver] = Channel<long>(0);
    auto both = gather(send(std::move(sender), items), receive(std::move(receiver), items));
    co_await std::move(both);
}

Task<void> through_queue(long items, std::size_t room) {
    Queue<long> queue(room);
    co_await gather(put(queue, items), get(queue, items));
}

template <class Work>
void measure(std::string_view figure, long items, Work work) {
    const auto before = bench::usage_now();
    run(work());
    bench::report_ns("queue_hop", "tandem", figure, bench::usage_now() - before, items);
}

}  // namespace

int main(int argc, char** argv) {
    const long items = bench::argument(argc, argv, 1, 10'000'000);
    measure("ns_per_item_channel_0", items, [items] { return through_channel(items); });
    measure("ns_per_item_queue_64", items, [items] { return through_queue(items, 64); });
    measure("ns_per_item_queue_1", items, [items] { return through_queue(items, 1); });
}
