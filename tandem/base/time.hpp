#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <type_traits>

namespace tandem::inline v1 {

/// The clock of event loops. It has no `now()` of its own: time is read from a loop, `EventLoop::time()`, so
/// that a test can turn it. Its points count nanoseconds from an arbitrary start (CLOCK_MONOTONIC's under a
/// real clock).
struct LoopClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<LoopClock, duration>;
    static constexpr bool is_steady = true;
};

using Duration = LoopClock::duration;
using TimePoint = LoopClock::time_point;

/// Any `std::chrono` duration as nanoseconds, huge and infinite ones clamped to `Duration::max()` and
/// `min()`.
///
/// Errors      `std::invalid_argument` for a duration that is not a number.
template <class Rep, class Period>
constexpr Duration to_duration(std::chrono::duration<Rep, Period> d) {
    if constexpr (std::is_floating_point_v<Rep>) {
        if (d.count() != d.count()) throw std::invalid_argument("a duration is not a number (NaN)");
    }
    using Wide = std::chrono::duration<long double, std::nano>;
    const auto wide = std::chrono::duration_cast<Wide>(d);
    if (wide >= std::chrono::duration_cast<Wide>(Duration::max())) return Duration::max();
    if (wide <= std::chrono::duration_cast<Wide>(Duration::min())) return Duration::min();
    return std::chrono::duration_cast<Duration>(d);
}

constexpr Duration to_duration(Duration d) { return d; }

/// `start + delay`, clamped instead of overflowing.
constexpr TimePoint saturating_add(TimePoint start, Duration delay) {
    if (delay > Duration::zero() && start > TimePoint::max() - delay) return TimePoint::max();
    if (delay < Duration::zero() && start < TimePoint::min() - delay) return TimePoint::min();
    return start + delay;
}

/// When to give up: after a duration counted from the call, at a point of the loop's clock, or never.
///
///     co_await timeout(2s, page(url));   page(url).get(500ms);   timeout(loop.time() + 1s, f());
class Deadline {
public:
    constexpr Deadline() = default;
    constexpr Deadline(std::nullopt_t) {}
    template <class Rep, class Period>
    constexpr Deadline(std::chrono::duration<Rep, Period> after)
        : kind_(Kind::after), nanoseconds_(to_duration(after).count()) {}
    constexpr Deadline(TimePoint at) : kind_(Kind::at), nanoseconds_(at.time_since_epoch().count()) {}
    template <class T>
        requires std::is_constructible_v<Deadline, T>
    constexpr Deadline(std::optional<T> maybe) {
        if (maybe) *this = Deadline(*maybe);
    }

    constexpr bool never() const { return kind_ == Kind::never; }
    /// Given as a duration of zero or less: what has it is not even started.
    constexpr bool leaves_no_time() const { return kind_ == Kind::after && nanoseconds_ <= 0; }

    /// The point in time meant, given what the loop's clock shows now; `TimePoint::max()` for never.
    constexpr TimePoint resolve(TimePoint now) const {
        switch (kind_) {
            case Kind::after:
                return saturating_add(now, Duration(nanoseconds_));
            case Kind::at:
                return TimePoint(Duration(nanoseconds_));
            case Kind::never:
                break;
        }
        return TimePoint::max();
    }

private:
    enum class Kind : std::uint8_t { never, after, at };
    Kind kind_ = Kind::never;
    std::int64_t nanoseconds_ = 0;
};

}  // namespace tandem::inline v1
