#pragma once

#include <tandem/backend/clock.hpp>

namespace tandem::inline v1 {

/// CLOCK_MONOTONIC.
LoopTime& real_time() noexcept;

}  // namespace tandem::inline v1
