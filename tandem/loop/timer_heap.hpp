#pragma once

#include <tandem/base/time.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tandem::inline v1 {

/// Something due at a point in time. Lies where its user wants it, a coroutine frame for instance; it must be
/// removed from its heap before it dies.
class Timer {
public:
    TimePoint when() const { return when_; }
    bool armed() const { return slot_ != unarmed; }

protected:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() = default;

private:
    friend class TimerHeap;
    static constexpr std::uint32_t unarmed = 0xffffffff;
    /// It is time. The timer is off the heap already and may be armed anew.
    virtual void due() noexcept = 0;

    TimePoint when_{};
    std::uint32_t slot_ = unarmed;
};

/// Timers in order of (deadline, order of registration): first in, first out for equal deadlines (sem:L11).
///
/// Removing only empties the timer's slot, and the entry goes when it reaches the top; once more than 100
/// entries stand here and more than half are empty, all empty ones go (sem:L15). So arming and removing costs
/// O(1) on average however many timers there are. A heap of four children per node: half the levels, and
/// siblings share a cache line.
class TimerHeap {
public:
    /// Precondition: `timer` is not armed.
    void add(Timer& timer, TimePoint when);
    /// Does nothing for a timer that is not armed.
    void remove(Timer& timer) noexcept;

    bool empty() const { return live_ == 0; }
    std::size_t live() const { return live_; }
    std::size_t entries() const { return heap_.size(); }
    /// The earliest deadline, `TimePoint::max()` if there is none. Drops empty entries at the top.
    TimePoint next() noexcept;
    /// Calls `due()` of every timer with `when <= now`, in order. Those that they arm wait for the next call.
    void run_due(TimePoint now) noexcept;

private:
    struct Entry {
        std::int64_t when;
        std::uint64_t
            sequence_and_slot;  // 40 bits of sequence above 24 bits of slot: one comparison orders both
    };
    static constexpr int slot_bits = 24;
    static constexpr std::size_t arity = 4;

    static bool before(const Entry& a, const Entry& b) {
        return a.when != b.when ? a.when < b.when : a.sequence_and_slot < b.sequence_and_slot;
    }
    Timer* timer_of(const Entry& entry) const { return slots_[slot_of(entry)].timer; }
    static std::uint32_t slot_of(const Entry& entry) {
        return static_cast<std::uint32_t>(entry.sequence_and_slot & ((1U << slot_bits) - 1));
    }
    void sift_up(std::size_t index) noexcept;
    void sift_down(std::size_t index) noexcept;
    void pop_top() noexcept;
    void compact() noexcept;
    void free_slot(std::uint32_t slot) noexcept;

    union Slot {
        Timer* timer;  // null: removed, the entry still stands in the heap
        std::uint64_t next_free;
    };

    std::vector<Entry> heap_;
    std::vector<Slot> slots_;
    std::uint32_t free_slots_ = Timer::unarmed;
    std::uint64_t sequence_ = 0;
    std::size_t live_ = 0;
};

}  // namespace tandem::inline v1
