#include <tandem/loop/timer_heap.hpp>

#include <tandem/base/prefetch.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace tandem::inline v1 {

void TimerHeap::add(Timer& timer, TimePoint when) {
    if (heap_.size() >= Timer::unarmed) throw std::bad_alloc();
    make_room();
    timer.when_ = when;
    timer.slot_ = take_slot(timer);
    const Entry entry{when.time_since_epoch().count(), timer.slot_, sequence_++};
    heap_.push_back(entry);
    sift_up(heap_.size() - 1, entry);
}

void TimerHeap::grow() {
    const std::size_t size = 2 * heap_.size() + 1;
    heap_.reserve(size);
    slots_.reserve(size);
}

std::uint32_t TimerHeap::take_slot(Timer& timer) {
    const std::uint32_t slot = free_slot_;
    if (slot == Timer::unarmed) {  // none is free: there are as many as timers
        slots_.push_back({&timer, 0});
        return static_cast<std::uint32_t>(slots_.size() - 1);
    }
    free_slot_ = slots_[slot].place;
    slots_[slot].timer = &timer;
    return slot;
}

void TimerHeap::remove(Timer& timer) noexcept {
    if (!timer.armed()) return;
    const std::uint32_t slot = std::exchange(timer.slot_, Timer::unarmed);
    const std::size_t place = std::exchange(slots_[slot].place, free_slot_);
    free_slot_ = slot;
    remove_at(place);
}

void TimerHeap::remove_at(std::size_t place) noexcept {
    const Entry last = heap_.back();
    heap_.pop_back();
    if (place == heap_.size()) return;
    if (place > 0 && before(last, heap_[(place - 1) / arity]))
        sift_up(place, last);
    else
        sift_down(place, last);
}

// The next one is likely to be among the first's children: then it has been fetched when it becomes the
// first, and tells what to fetch next.
void TimerHeap::fetch_ahead() const noexcept {
    if (heap_.empty()) return;
    const void* const touched = slots_[heap_[0].slot].timer->touched_;
    prefetch(touched);
    prefetch(touched, 64);
    const std::size_t children = std::min(heap_.size(), 1 + arity);
    for (std::size_t child = 1; child < children; ++child) prefetch(slots_[heap_[child].slot].timer);
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
        // Armed by a due() of this very call: it may be due already, but waits its turn. Counted from
        // `limit`, so that a timer armed 2^31 registrations ago is not taken for one of these.
        if (heap_[0].sequence - limit < sequence_ - limit) break;
        Timer& timer = *slots_[heap_[0].slot].timer;
        remove(timer);
        fetch_ahead();
        timer.due();
    }
}

void TimerHeap::sift_up(std::size_t place, const Entry& moving) noexcept {
    while (place > 0) {
        const std::size_t parent = (place - 1) / arity;
        if (!before(moving, heap_[parent])) break;
        put(place, heap_[parent]);
        place = parent;
    }
    put(place, moving);
}

void TimerHeap::sift_down(std::size_t place, const Entry& moving) noexcept {
    const std::size_t size = heap_.size();
    const Entry* const heap = heap_.data();
    for (;;) {
        const std::size_t first = place * arity + 1;
        if (first >= size) break;
        std::size_t least = first;
        if (first + arity <= size) [[likely]] {
            const std::size_t left = before(heap[first + 1], heap[first]) ? first + 1 : first;
            const std::size_t right = before(heap[first + 3], heap[first + 2]) ? first + 3 : first + 2;
            least = before(heap[right], heap[left]) ? right : left;
        } else {
            for (std::size_t child = first + 1; child < size; ++child)
                least = before(heap[child], heap[least]) ? child : least;
        }
        if (!before(heap[least], moving)) break;
        put(place, heap[least]);
        place = least;
    }
    put(place, moving);
}

}  // namespace tandem::inline v1
