#pragma once

#include <cstdint>

namespace exploration {

/// Counts this thread's allocations while it lives, and makes one of them fail: the one of that index.
class FailingAllocation {
public:
    static constexpr std::int64_t none = -1;
    /// ThreadSanitizer has allocation functions of its own: under it nothing is counted and nothing fails.
    static const bool possible;
    explicit FailingAllocation(std::int64_t index);
    ~FailingAllocation();
    FailingAllocation(const FailingAllocation&) = delete;
    FailingAllocation& operator=(const FailingAllocation&) = delete;
    static std::int64_t count();
};

}  // namespace exploration
