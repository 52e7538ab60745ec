#include <tandem/backend/sim_wake_internal.hpp>

#include <tandem/backend/clock_internal.hpp>

#include <cerrno>
#include <ctime>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tandem::inline v1 {

void SimWake::raise() noexcept {
    if (raised_.exchange(1) != 0) return;
    const int kept_errno = errno;
    ::syscall(SYS_futex, &raised_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    // The store of a new backend comes before a look at the flag: one of the two sees the other.
    if (Backend* const outside = outside_.load()) outside->wake();
    errno = kept_errno;
}

bool SimWake::take() noexcept {
    return raised_.load(std::memory_order_relaxed) != 0 && raised_.exchange(0) != 0;
}

void SimWake::sleep_until(TimePoint real_deadline) noexcept {
    static_assert(sizeof raised_ == sizeof(std::uint32_t));
    while (raised_.load() == 0) {
        const auto now = monotonic_now();
        if (now >= real_deadline) return;
        const auto until = (now + time_left(real_deadline, now)).time_since_epoch();
        const auto seconds = std::chrono::floor<std::chrono::seconds>(until);
        const timespec absolute{.tv_sec = seconds.count(), .tv_nsec = (until - seconds).count()};
        ::syscall(SYS_futex, &raised_, FUTEX_WAIT_BITSET_PRIVATE, 0, &absolute, nullptr,
                  FUTEX_BITSET_MATCH_ANY);
    }
}

}  // namespace tandem::inline v1
