// bench/peers/raw/timer.cpp
// What does it cost, with a million timers waiting, to cancel the oldest and to start a new one?
// Deadlines are random, between one and two hours from now; nothing expires.
// A bare 4-ary heap of deadlines, each timer knowing its place in it: the limit.
//
// Usage: timer [waiting] [pairs]

#include <bench/support/report.hpp>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace {

struct Timer {
    std::size_t place = 0;
};

class Heap {
public:
    void insert(std::int64_t deadline, Timer& timer) {
        entries_.push_back({deadline, &timer});
        rise(entries_.size() - 1);
    }

    void erase(Timer& timer) {
        const auto place = timer.place;
        const Entry last = entries_.back();
        entries_.pop_back();
        if (place == entries_.size()) return;
        put(place, last);
        rise(place);
        sink(last.timer->place);
    }

    [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
    struct Entry {
        std::int64_t deadline;
        Timer* timer;
    };

    void put(std::size_t place, const Entry& entry) {
        entries_[place] = entry;
        entry.timer->place = place;
    }

    void rise(std::size_t place) {
        const Entry entry = entries_[place];
        while (place > 0) {
            const auto parent = (place - 1) / 4;
            if (entries_[parent].deadline <= entry.deadline) break;
            put(place, entries_[parent]);
            place = parent;
        }
        put(place, entry);
    }

    void sink(std::size_t place) {
        const Entry entry = entries_[place];
        for (;;) {
            const auto first = place * 4 + 1;
            if (first >= entries_.size()) break;
            auto least = first;
            for (auto child = first + 1; child < first + 4 && child < entries_.size(); ++child) {
                if (entries_[child].deadline < entries_[least].deadline) least = child;
            }
            if (entry.deadline <= entries_[least].deadline) break;
            put(place, entries_[least]);
            place = least;
        }
        put(place, entry);
    }

    std::vector<Entry> entries_;
};

}  // namespace

int main(int argc, char** argv) {
    const long waiting = bench::argument(argc, argv, 1, 1'000'000);
    const long pairs = bench::argument(argc, argv, 2, 5'000'000);
    std::minstd_rand random(1);
    const auto an_hour_or_two = [&] {
        return 3'600'000'000'000 + static_cast<std::int64_t>(random()) * 1'676;
    };

    Heap heap;
    std::vector<Timer> timers(static_cast<std::size_t>(waiting));
    for (auto& timer : timers) heap.insert(an_hour_or_two(), timer);

    const auto before = bench::usage_now();
    for (std::size_t i = 0; i < static_cast<std::size_t>(pairs); ++i) {
        Timer& oldest = timers[i % timers.size()];
        heap.erase(oldest);
        heap.insert(an_hour_or_two(), oldest);
    }
    const auto used = bench::usage_now() - before;

    if (heap.size() != timers.size()) std::abort();
    bench::report_ns("timer", "raw_heap", "ns_per_timer", used, pairs);
}
