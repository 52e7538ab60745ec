#pragma once

#include <tandem/base/time.hpp>

#include <atomic>

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

/// Time that stands still while anything can run, and then jumps to the next timer. Turned by one thread; any
/// may read it.
class VirtualTime final : public LoopTime {
public:
    TimePoint now() noexcept override { return TimePoint(Duration(now_.load(std::memory_order_relaxed))); }
    bool jump_to(TimePoint when) noexcept override {
        if (when > now()) now_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
        return true;
    }

private:
    std::atomic<Duration::rep> now_ = 1'000'000'000;
};

}  // namespace tandem::inline v1
