#include <tandem/loop/timer_heap.hpp>

#include <algorithm>
#include <new>

namespace tandem::inline v1 {

void TimerHeap::add(Timer& timer, TimePoint when) {
    if (heap_.size() >= Timer::unarmed) throw std::bad_alloc();
    heap_.push_back({when.time_since_epoch().count(), &timer});
    timer.when_ = when;
    timer.sequence_ = sequence_++;
    timer.place_ = static_cast<std::uint32_t>(heap_.size() - 1);
    sift_up(heap_.size() - 1);
}

void TimerHeap::remove(Timer& timer) noexcept {
    if (!timer.armed()) return;
    const std::size_t place = timer.place_;
    timer.place_ = Timer::unarmed;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (place == heap_.size()) return;
    put(place, last);
    sift_up(place);
    sift_down(last.timer->place_);
}

TimePoint TimerHeap::next_with(Duration slack) const noexcept {
    int close = 0;
    const std::size_t children = std::min(heap_.size(), 1 + arity);
    for (std::size_t child = 1; child < children; ++child)
        close += Duration(heap_[child].when - heap_[0].when) <= slack / 4;
    return close >= 2 ? saturating_add(next(), slack) : next();
}

void TimerHeap::run_due(TimePoint now) noexcept {
    const auto limit = sequence_;
    while (!heap_.empty() && heap_[0].when <= now.time_since_epoch().count()) {
        Timer& timer = *heap_[0].timer;
        // Armed by a due() of this very call: it may be due already, but waits its turn. Counted from
        // `limit`, so that a timer armed 2^31 registrations ago is not taken for one of these.
        if (timer.sequence_ - limit < sequence_ - limit) break;
        remove(timer);
        timer.due();
    }
}

void TimerHeap::sift_up(std::size_t place) noexcept {
    const Entry moving = heap_[place];
    while (place > 0) {
        const std::size_t parent = (place - 1) / arity;
        if (!before(moving, heap_[parent])) break;
        put(place, heap_[parent]);
        place = parent;
    }
    put(place, moving);
}

void TimerHeap::sift_down(std::size_t place) noexcept {
    const Entry moving = heap_[place];
    const std::size_t size = heap_.size();
    for (;;) {
        const std::size_t first = place * arity + 1;
        if (first >= size) break;
        std::size_t least = first;
        for (std::size_t child = first + 1; child < std::min(first + arity, size); ++child) {
            if (before(heap_[child], heap_[least])) least = child;
        }
        if (!before(heap_[least], moving)) break;
        put(place, heap_[least]);
        place = least;
    }
    put(place, moving);
}

}  // namespace tandem::inline v1
