#pragma once

#include <tandem/base/time.hpp>
#include <tandem/base/unique_fd.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace tandem::inline v1 {

/// What ends a loop's sleep, from any thread or signal handler.
class Wakeable {
public:
    virtual void raise() noexcept = 0;

protected:
    ~Wakeable() = default;
};

/// A flag that a loop sleeps on, a futex: where nothing but a wake-up is waited for, no sleep is cheaper, by
/// a quarter of what a descriptor costs both sides.
///
/// Threads     `raise` any, and signal handlers; the rest one, the loop's.
class WakeFlag {
public:
    enum class State : std::uint32_t { lowered, raised, slept_on };

    /// Ends a sleep, or the next one. What it was before.
    State raise() noexcept;
    /// Whether it was raised since the last call.
    bool take() noexcept {
        return state_.load(std::memory_order_relaxed) == State::raised &&
               state_.exchange(State::lowered) == State::raised;
    }
    /// Sleeps until it is raised or that time (CLOCK_MONOTONIC) is reached.
    void sleep_until(TimePoint deadline) noexcept;

private:
    std::atomic<State> state_ = State::lowered;
    static_assert(std::atomic<State>::is_always_lock_free, "raise() is called from signal handlers");
};

/// A wake-up from any thread or signal handler. Any number of `raise()` before the loop looks cost one system
/// call.
///
/// A loop that waits for the kernel too has it watch the descriptor, for edges, which is never read: each
/// write is an edge of its own, and a counter of 64 bits does not run full. So a wake-up costs the loop no
/// system call beyond the wait that it ends. Any other loop sleeps on the flag.
class WakeSignal final : public Wakeable {
public:
    WakeSignal() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (!event_) throw std::system_error(errno, std::generic_category(), "eventfd for a loop's wake-up");
    }

    int fd() const noexcept { return event_.get(); }

    void close() noexcept { event_.reset(); }

    void raise() noexcept override {
        // Only where nobody sleeps on the flag: the loop is in the kernel, or about to look.
        if (flag_.raise() != WakeFlag::State::lowered) return;
        const int kept_errno = errno;  // a signal handler may be running
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
        errno = kept_errno;
    }

    /// Whether it was raised since the last call. An edge may still be under way; it is then found without
    /// cause.
    bool take() noexcept { return flag_.take(); }

    /// For a loop that waits for nothing else, and whose descriptor nobody else watches.
    void sleep_until(TimePoint deadline) noexcept { flag_.sleep_until(deadline); }

private:
    UniqueFd event_;
    WakeFlag flag_;
};

}  // namespace tandem::inline v1
