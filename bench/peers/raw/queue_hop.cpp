// bench/peers/raw/queue_hop.cpp
// What does handing an item from one task to another cost? One thread; room for 0, 64 and 1.
// Bare C++20 coroutines: the limit without cancellation.
//
// Usage: queue_hop [items]

#include <bench/support/report.hpp>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "bare_task.hpp"

namespace {

/// Between one giver and one taker.
class Channel {
public:
    explicit Channel(std::size_t room) : room_(room) {}

    struct Put {
        Channel& channel;
        long item;
        bare::Ready entry{};

        bool await_ready() {
            if (channel.taker_) {
                channel.taker_->item = item;
                bare::ready_queue.push(std::exchange(channel.taker_, nullptr)->entry);
                return true;
            }
            if (channel.size_ == channel.room_) return false;
            channel.store(item);
            return true;
        }
        void await_suspend(std::coroutine_handle<> self) {
            entry.coroutine = self;
            channel.giver_ = this;
        }
        void await_resume() {}
    };

    struct Get {
        Channel& channel;
        long item = 0;
        bare::Ready entry{};

        bool await_ready() {
            if (channel.size_ == 0 && !channel.giver_) return false;
            if (channel.size_ > 0) {
                item = channel.items_[(channel.next_ - channel.size_) % 64];
                --channel.size_;
            }
            if (Put* giver = std::exchange(channel.giver_, nullptr)) {
                if (channel.room_ > 0) {
                    channel.store(giver->item);
                } else {
                    item = giver->item;
                }
                bare::ready_queue.push(giver->entry);
            }
            return true;
        }
        void await_suspend(std::coroutine_handle<> self) {
            entry.coroutine = self;
            channel.taker_ = this;
        }
        long await_resume() { return item; }
    };

    Put put(long item) { return {*this, item}; }
    Get get() { return {*this}; }

private:
    void store(long item) {
        items_[next_++ % 64] = item;
        ++size_;
    }

    std::size_t room_;
    std::size_t size_ = 0;
    std::size_t next_ = 0;
    Put* giver_ = nullptr;
    Get* taker_ = nullptr;
    long items_[64] = {};
};

bare::Spawned put(Channel& channel, long items) {
    for (long i = 0; i < items; ++i) co_await channel.put(i);
}

bare::Spawned get(Channel& channel, long items) {
    long sum = 0;
    for (long i = 0; i < items; ++i) {
        const long item = co_await channel.get();
        sum += item;
    }
    if (sum != items * (items - 1) / 2) std::abort();
}

void measure(std::string_view figure, long items, std::size_t room) {
    Channel channel(room);
    const auto before = bench::usage_now();
    put(channel, items).spawn();
    get(channel, items).spawn();
    bare::ready_queue.run();
    bench::report_ns("queue_hop", "raw_coroutines", figure, bench::usage_now() - before, items);
}

}  // namespace

int main(int argc, char** argv) {
    const long items = bench::argument(argc, argv, 1, 10'000'000);
    measure("ns_per_item_channel_0", items, 0);
    measure("ns_per_item_queue_64", items, 64);
    measure("ns_per_item_queue_1", items, 1);
}
