#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/source_location.hpp>

#include <atomic>
#include <cstdint>
#include <vector>

namespace tandem::inline v1 {

/// What a loop shows to threads that watch it: the turn it is in, what runs in it, and on which thread. One
/// relaxed store for each turn and each step. For the library only.
///
/// Threads     written by the loop's; any reads.
class LoopPulse {
public:
    /// As seen at one moment. The addresses are for comparing, and to be read with care: what they name may
    /// be gone.
    struct Beat {
        std::uint64_t loop;      ///< counted as they were made
        SourceLocation made_at;  ///< the loop
        std::uint64_t turn;
        const void* entry;       ///< what runs; an entry runs once in a turn. Null between batches
        int thread;              ///< the kernel's number of the thread that drives the loop
        const void* task_place;  ///< where that thread keeps a pointer to its running task; may be null
    };

    explicit LoopPulse(SourceLocation made_at);
    ~LoopPulse();
    LoopPulse(const LoopPulse&) = delete;
    LoopPulse& operator=(const LoopPulse&) = delete;

    /// How many batches it has begun.
    std::uint64_t turns() const noexcept { return turns_.load(std::memory_order_relaxed); }
    /// The world has been asked, and something may run now.
    void batch_begins() noexcept {
        turns_.store(turns() + 1, std::memory_order_relaxed);
        if (watchers_asleep.load(std::memory_order_relaxed) != 0) [[unlikely]]
            wake_watchers();
    }
    void step_begins(const void* entry) noexcept { entry_.store(entry, std::memory_order_relaxed); }
    void batch_over() noexcept { entry_.store(nullptr, std::memory_order_relaxed); }
    bool in_step() const noexcept { return entry_.load(std::memory_order_relaxed) != nullptr; }
    /// By this thread, from now on.
    void driven_here() noexcept;

    /// Of all loops of this process.
    static std::vector<Beat> of_all();
    /// Sleeps until a loop begins a batch or `wake_watchers()`; not at all unless `idle(argument)` holds once
    /// every loop can tell that somebody sleeps.
    static void sleep_until_a_batch(bool (*idle)(void*), void* argument);
    static void wake_watchers() noexcept;
    /// Where this thread keeps its running task: told by the room of tasks.
    static inline constinit std::atomic<const void* (*)()> task_place_here = nullptr;

private:
    static inline constinit std::atomic<std::uint32_t> watchers_asleep = 0;

    ListLink<LoopPulse> link_;
    struct Registry;
    static const bool registered;
    const std::uint64_t number_;
    const SourceLocation made_at_;
    const std::uint32_t generation_;  // a child's watchers have nothing to do with its parent's loops
    std::atomic<std::uint64_t> turns_ = 0;
    std::atomic<const void*> entry_ = nullptr;
    std::atomic<int> thread_ = 0;
    std::atomic<const void*> task_place_ = nullptr;
};

}  // namespace tandem::inline v1
