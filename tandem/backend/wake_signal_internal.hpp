#pragma once

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

/// A wake-up from any thread or signal handler. Any number of `raise()` before the loop looks cost one write.
///
/// The descriptor is watched for edges and never read: each write is an edge of its own, and a counter of 64
/// bits does not run full. So a wake-up costs the loop no system call beyond the wait that it ends.
class WakeSignal final : public Wakeable {
public:
    WakeSignal() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (!event_) throw std::system_error(errno, std::generic_category(), "eventfd for a loop's wake-up");
    }

    int fd() const noexcept { return event_.get(); }

    void close() noexcept { event_.reset(); }

    void raise() noexcept override {
        // A read-modify-write even when it is set already: `take()` then synchronizes with every raiser, not
        // only with the first.
        if (raised_.exchange(true, std::memory_order_acq_rel)) return;
        const int kept_errno = errno;  // a signal handler may be running
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
        errno = kept_errno;
    }

    /// Whether it was raised since the last call. An edge may still be under way; it is then found without
    /// cause.
    bool take() noexcept {
        return raised_.load(std::memory_order_relaxed) && raised_.exchange(false, std::memory_order_acq_rel);
    }

private:
    UniqueFd event_;
    std::atomic<bool> raised_ = false;
    static_assert(std::atomic<bool>::is_always_lock_free, "raise() is called from signal handlers");
};

}  // namespace tandem::inline v1
