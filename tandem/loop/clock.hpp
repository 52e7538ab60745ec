#pragma once

#include <tandem/base/time.hpp>

namespace tandem::inline v1 {

/// Where a loop's time comes from. Injected, so that a test can turn it (sem:L14).
class LoopTime {
public:
    virtual ~LoopTime() = default;
    virtual TimePoint now() noexcept = 0;
    /// A virtual clock goes straight to `when` and says true; a real one cannot and says false. Asked when
    /// nothing can run before `when`.
    virtual bool jump_to(TimePoint when) noexcept {
        static_cast<void>(when);
        return false;
    }
};

/// CLOCK_MONOTONIC.
LoopTime& real_time() noexcept;

/// Time that stands still while anything can run, and then jumps to the next timer.
class VirtualTime final : public LoopTime {
public:
    TimePoint now() noexcept override { return now_; }
    bool jump_to(TimePoint when) noexcept override {
        if (when > now_) now_ = when;
        return true;
    }

private:
    TimePoint now_{Duration(1'000'000'000)};
};

}  // namespace tandem::inline v1
