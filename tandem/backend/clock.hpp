#pragma once

#include <tandem/base/time.hpp>

#include <atomic>
#include <chrono>

namespace tandem::inline v1 {

/// Where a loop's time comes from. Injected, so that a test can turn it (sem:L14).
class LoopTime {
public:
    virtual ~LoopTime() = default;
    virtual TimePoint now() noexcept = 0;
    /// The date and the time of day, for people and for peers.
    virtual std::chrono::system_clock::time_point date() noexcept { return std::chrono::system_clock::now(); }
    /// A virtual clock goes straight to `when` and says true; a real one cannot and says false. Asked when
    /// nothing can run before `when`.
    virtual bool jump_to(TimePoint when) noexcept {
        static_cast<void>(when);
        return false;
    }
};

/// Time that stands still while anything can run, and then jumps to the next timer. Its dates begin with the
/// year 2000. Turned by one thread; any may read it.
class VirtualTime final : public LoopTime {
public:
    TimePoint now() noexcept override { return TimePoint(Duration(now_.load(std::memory_order_relaxed))); }
    bool jump_to(TimePoint when) noexcept override {
        if (when > now()) now_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
        return true;
    }

    std::chrono::system_clock::time_point date() noexcept override {
        constexpr auto year_2000 = std::chrono::seconds(946'684'800);
        const auto passed = now().time_since_epoch() - Duration(first);
        return std::chrono::system_clock::time_point(
            std::chrono::duration_cast<std::chrono::system_clock::duration>(year_2000 + passed));
    }

private:
    static constexpr Duration::rep first = 1'000'000'000;
    std::atomic<Duration::rep> now_ = first;
};

}  // namespace tandem::inline v1
