#pragma once

#include <tandem/base/time.hpp>

#include <algorithm>
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
    /// What `due()` will need first: it is fetched from memory while the timers before it have their turn.
    void will_touch(const void* memory) noexcept { touched_ = memory; }

private:
    friend class TimerHeap;
    static constexpr std::uint32_t unarmed = 0xffffffff;
    /// It is time. The timer is off the heap already and may be armed anew.
    virtual void due() noexcept = 0;

    TimePoint when_{};
    const void* touched_ = nullptr;
    std::uint32_t slot_ = unarmed;  // its heap's
};

/// Timers in order of (deadline, order of registration): first in, first out for equal deadlines (sem:L11).
///
/// A heap of four children per node: half the levels, and siblings share a cache line. Each timer has a slot
/// that knows its place, so that a removed one is gone at once: what remains of a cancelled timeout is
/// nothing, and there is nothing to compact (sem:L15). Timers are scattered over memory; but for the one that
/// is due no move within the heap touches any of them.
///
/// Errors      `add` throws `std::bad_alloc`, also past 2^32 timers.
/// Threads     the loop's.
/// Lifetime    armed timers must be removed before the heap dies.
class TimerHeap {
public:
    /// Precondition: `timer` is not armed.
    void add(Timer& timer, TimePoint when);
    /// Does nothing for a timer that is not armed.
    void remove(Timer& timer) noexcept;

    /// After it one `add()` does not throw. Errors: `std::bad_alloc`.
    void make_room() {
        if (heap_.size() == std::min(heap_.capacity(), slots_.capacity())) [[unlikely]]
            grow();
    }
    bool empty() const { return heap_.empty(); }
    std::size_t live() const { return heap_.size(); }
    /// The earliest deadline, `TimePoint::max()` if there is none.
    TimePoint next() const noexcept {
        return heap_.empty() ? TimePoint::max() : TimePoint(Duration(heap_[0].when));
    }
    /// Until when to sleep: the earliest deadline, or `slack` after it if others crowd behind, so that one
    /// wake-up serves them all.
    TimePoint next_with(Duration slack) const noexcept;
    /// Calls `due()` of every timer with `when <= now`, in order. Those that they arm wait for the next call.
    void run_due(TimePoint now) noexcept;

private:
    struct Entry {
        std::int64_t when;
        std::uint32_t slot;
        std::uint32_t sequence;
    };
    struct Slot {
        Timer* timer;
        std::uint32_t place;  // in the heap; of a free one the next free one
    };
    static constexpr std::size_t arity = 4;

    // The sequence is looked at for equal deadlines alone; its difference stays right when the count wraps.
    // Without a branch: nobody can foresee which of four children is the least.
    static bool before(const Entry& a, const Entry& b) {
        const bool same = a.when == b.when;
        const bool earlier = static_cast<std::int32_t>(a.sequence - b.sequence) < 0;
        return (a.when < b.when) | (same & earlier);
    }
    void put(std::size_t place, const Entry& entry) {
        heap_[place] = entry;
        slots_[entry.slot].place = static_cast<std::uint32_t>(place);
    }
    void grow();
    std::uint32_t take_slot(Timer& timer);
    void remove_at(std::size_t place) noexcept;
    void fetch_ahead() const noexcept;
    // `moving` finds its place, from a free one on.
    void sift_up(std::size_t place, const Entry& moving) noexcept;
    void sift_down(std::size_t place, const Entry& moving) noexcept;

    std::vector<Entry> heap_;
    std::vector<Slot> slots_;
    std::uint32_t free_slot_ = Timer::unarmed;
    std::uint32_t sequence_ = 0;
};

}  // namespace tandem::inline v1
