#pragma once

#include <chrono>
#include <cstdint>

namespace tandem::inline v1 {

/// Decides, for one thread that waits for another again and again, whether to look a little before it sleeps.
/// To wake a sleeper costs microseconds, on a virtual machine tens of them; to look costs CPU. So it looks
/// only while that pays: the other side answered soon the last times. Where it does not, it sleeps at once,
/// and tries again after a few short sleeps, then after twice as many. Looking ends after `longest`, and does
/// not begin where the process has one CPU only, so an idle thread costs nothing.
///
/// Threads     one, its own.
class AdaptiveSpin {
public:
    static constexpr std::chrono::microseconds longest{30};

    constexpr AdaptiveSpin() = default;

    /// Looks, perhaps, until `ready()` is true, or `longest` has passed. Whether it is true.
    template <class Ready>
    bool look_for(Ready ready) noexcept {
        if (!pays_) return false;
        std::int64_t until = 0;
        for (int round = 0;; ++round) {
            for (int i = 0; i < looks_per_clock; ++i) {
                if (ready()) {
                    found();
                    return true;
                }
                if (i % 4 == 3) relax();
            }
            const std::int64_t now = clock();
            if (until == 0) until = now + std::chrono::nanoseconds(longest).count();
            if (now >= until) break;
            if (round >= rounds_alone) give_way();
        }
        missed();
        return false;
    }
    bool pays() const noexcept { return pays_; }

    /// To be called before and after a sleep, with what the first gave.
    std::int64_t falls_asleep() const noexcept { return clock(); }
    void woke_up(std::int64_t fell_asleep) noexcept;

private:
    static constexpr int looks_per_clock = 64;
    static constexpr int rounds_alone = 4;  // about a microsecond
    static constexpr std::uint32_t most_sleeps_between = 1024;

    static void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }
    static std::int64_t clock() noexcept;
    /// Whoever is to answer may wait for this CPU.
    static void give_way() noexcept;
    void found() noexcept {
        misses_ = 0;
        if (++hits_ >= 64) sleeps_between_ = 1;
    }
    void missed() noexcept;

    bool pays_ = false;
    std::uint8_t misses_ = 0;
    std::uint32_t hits_ = 0;
    std::uint32_t sleeps_between_ = 1;
    std::uint32_t short_sleeps_ = 0;
};

/// How many CPUs the process may use: 1 is where nobody looks instead of sleeping.
unsigned usable_cpus() noexcept;

}  // namespace tandem::inline v1
