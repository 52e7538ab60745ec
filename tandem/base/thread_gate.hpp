#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace tandem::inline v1 {

/// Something that a thread waits for and another one opens, once: a futex and no lock.
///
/// Threads     any. After `open()` returns, the opener touches the gate no more, so that the waiter may own
/// it.
class ThreadGate {
public:
    bool is_open() const noexcept { return state_.load(std::memory_order_acquire) == opened; }
    void open() noexcept;
    /// Sleeps until it is open.
    void wait() noexcept {
        if (!look()) sleep();
    }
    /// Looks for it where that pays. Whether it is open.
    bool look() noexcept;
    /// As `wait()`, after `look()` did not see it.
    void sleep() noexcept;
    /// Sleeps at most `limit`, real time. Whether it is open.
    bool wait_for(std::chrono::nanoseconds limit) noexcept;

private:
    static constexpr std::uint32_t shut = 0, waited_for = 1, opened = 2;
    std::atomic<std::uint32_t> state_ = shut;
};

}  // namespace tandem::inline v1
