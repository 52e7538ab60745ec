#include <tandem/backend/wake_signal_internal.hpp>

#include <tandem/backend/clock_internal.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>

#include <linux/futex.h>
#include <sys/syscall.h>

namespace tandem::inline v1 {

WakeFlag::State WakeFlag::raise() noexcept {
    // A read-modify-write even when it is raised already: `take()` then synchronizes with every raiser, not
    // only with the first.
    const State before = state_.exchange(State::raised);
    if (before == State::slept_on) {
        const int kept_errno = errno;
        ::syscall(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
        errno = kept_errno;
    }
    return before;
}

void WakeFlag::sleep_until(TimePoint deadline) noexcept {
    static_assert(sizeof state_ == sizeof(std::uint32_t));
    const bool for_ever = deadline == TimePoint::max();
    const auto until = std::max(deadline, TimePoint()).time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(until);
    const timespec absolute{.tv_sec = seconds.count(), .tv_nsec = (until - seconds).count()};
    State state = State::lowered;
    if (!state_.compare_exchange_strong(state, State::slept_on)) return;
    do {
        ::syscall(SYS_futex, &state_, FUTEX_WAIT_BITSET_PRIVATE, static_cast<std::uint32_t>(State::slept_on),
                  for_ever ? nullptr : &absolute, nullptr, FUTEX_BITSET_MATCH_ANY);
        if (state_.load() == State::raised) return;
    } while (for_ever || monotonic_now() < deadline);
    state = State::slept_on;
    state_.compare_exchange_strong(state, State::lowered);
}

}  // namespace tandem::inline v1
