#pragma once

#include <tandem/base/time.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

namespace tandem::inline v1 {

/// CLOCK_MONOTONIC, which deadlines of `Backend::wait` are measured with.
inline TimePoint monotonic_now() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return TimePoint(std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec));
}

/// What is left until `deadline`, never negative and never more than the kernel's timers take.
inline Duration time_left(TimePoint deadline, TimePoint now) noexcept {
    constexpr auto longest = std::chrono::hours(24 * 365);
    if (deadline <= now) return Duration::zero();
    if (deadline - longest > now) return longest;
    return deadline - now;
}

/// A sleep towards `deadline`, of 10 ms at most: for a backend that is of no more use. The descriptor of a
/// wake-up is never read, and so stays readable.
inline void nap_until(TimePoint deadline) noexcept {
    const auto nap = std::min<Duration>(time_left(deadline, monotonic_now()), std::chrono::milliseconds(10));
    std::this_thread::sleep_for(std::max<Duration>(nap, std::chrono::microseconds(100)));
}

}  // namespace tandem::inline v1
