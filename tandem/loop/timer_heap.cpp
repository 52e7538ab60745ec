#include <tandem/loop/timer_heap.hpp>

#include <algorithm>
#include <new>

namespace tandem::inline v1 {

void TimerHeap::add(Timer& timer, TimePoint when) {
    std::uint32_t slot = free_slots_;
    if (slot != Timer::unarmed) {
        // The heap has room for as many entries as there are slots: nothing below can throw.
        free_slots_ = static_cast<std::uint32_t>(slots_[slot].next_free);
    } else {
        if (slots_.size() >= (std::size_t{1} << slot_bits)) throw std::bad_alloc();
        slot = static_cast<std::uint32_t>(slots_.size());
        slots_.push_back({});
        if (heap_.capacity() < slots_.capacity()) heap_.reserve(slots_.capacity());
    }
    slots_[slot].timer = &timer;
    timer.when_ = when;
    timer.slot_ = slot;
    heap_.push_back({when.time_since_epoch().count(), sequence_++ << slot_bits | slot});
    ++live_;
    sift_up(heap_.size() - 1);
}

void TimerHeap::remove(Timer& timer) noexcept {
    if (!timer.armed()) return;
    slots_[timer.slot_].timer = nullptr;
    timer.slot_ = Timer::unarmed;
    --live_;
    if (heap_.size() > 100 && live_ < heap_.size() / 2) compact();
}

TimePoint TimerHeap::next() noexcept {
    while (!heap_.empty() && timer_of(heap_.front()) == nullptr) pop_top();
    return heap_.empty() ? TimePoint::max() : TimePoint(Duration(heap_.front().when));
}

void TimerHeap::run_due(TimePoint now) noexcept {
    const auto limit = sequence_;
    while (!heap_.empty() && heap_.front().when <= now.time_since_epoch().count()) {
        const Entry top = heap_.front();
        if (top.sequence_and_slot >> slot_bits >= limit) break;
        Timer* timer = timer_of(top);
        pop_top();
        if (!timer) continue;
        timer->slot_ = Timer::unarmed;
        --live_;
        timer->due();
    }
}

void TimerHeap::sift_up(std::size_t index) noexcept {
    const Entry moving = heap_[index];
    while (index > 0) {
        const std::size_t parent = (index - 1) / arity;
        if (!before(moving, heap_[parent])) break;
        heap_[index] = heap_[parent];
        index = parent;
    }
    heap_[index] = moving;
}

void TimerHeap::sift_down(std::size_t index) noexcept {
    const Entry moving = heap_[index];
    const std::size_t size = heap_.size();
    for (;;) {
        const std::size_t first = index * arity + 1;
        if (first >= size) break;
        std::size_t least = first;
        for (std::size_t child = first + 1; child < std::min(first + arity, size); ++child) {
            if (before(heap_[child], heap_[least])) least = child;
        }
        if (!before(heap_[least], moving)) break;
        heap_[index] = heap_[least];
        index = least;
    }
    heap_[index] = moving;
}

void TimerHeap::pop_top() noexcept {
    free_slot(slot_of(heap_.front()));
    heap_.front() = heap_.back();
    heap_.pop_back();
    if (heap_.size() > 1) sift_down(0);
}

void TimerHeap::free_slot(std::uint32_t slot) noexcept {
    slots_[slot].next_free = free_slots_;
    free_slots_ = slot;
}

void TimerHeap::compact() noexcept {
    std::size_t kept = 0;
    for (const Entry& entry : heap_) {
        if (timer_of(entry))
            heap_[kept++] = entry;
        else
            free_slot(slot_of(entry));
    }
    heap_.resize(kept);
    for (std::size_t index = kept / arity + 1; index-- > 0;) {
        if (index < kept) sift_down(index);
    }
}

}  // namespace tandem::inline v1
