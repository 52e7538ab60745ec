#pragma once

#include <cli/units.hpp>

#include <tandem/base/time.hpp>

#include <algorithm>
#include <chrono>
#include <optional>

namespace tandem::cli {

/// Starts allowed per time: full at first, refilled steadily, never above `burst`. May be overdrawn, which
/// later starts pay for.
///
/// Errors      none.
/// Threads     one at a time.
/// Lifetime    a value.
class TokenBucket {
public:
    TokenBucket(Rate rate, unsigned burst)
        : interval_(std::max(to_duration(rate.per) / static_cast<std::int64_t>(rate.count), Duration(1))),
          burst_(burst) {}

    /// When a start is allowed; `now` or earlier if it is right away.
    [[nodiscard]] TimePoint next_start(TimePoint now) const noexcept {
        return full_at_ ? std::max(now, *full_at_ - interval_ * (burst_ - 1)) : now;
    }

    void take(TimePoint now, unsigned count = 1) noexcept {
        full_at_ = std::max(full_at_.value_or(now), now) + interval_ * count;
    }

    [[nodiscard]] bool is_full(TimePoint now) const noexcept { return !full_at_ || *full_at_ <= now; }

private:
    Duration interval_;  // per token
    unsigned burst_;
    std::optional<TimePoint> full_at_;  // when all tokens would be back
};

}  // namespace tandem::cli
