#pragma once

#include <tandem/base/time.hpp>

#include <ctime>

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

}  // namespace tandem::inline v1
