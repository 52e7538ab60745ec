#include <tandem/base/adaptive_spin.hpp>

#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace tandem::inline v1 {
namespace {

// A sleep that looking would perhaps have saved: the two wake-ups of a short answer, on a slow machine.
constexpr std::int64_t short_sleep = 200'000;

}  // namespace

unsigned usable_cpus() noexcept {
    // Of the main thread: one that pinned itself to a CPU is not alone for that.
    static const unsigned cpus = [] {
        cpu_set_t set;
        CPU_ZERO(&set);
        if (::sched_getaffinity(::getpid(), sizeof set, &set) != 0) return 2U;
        return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
    }();
    return cpus;
}

std::int64_t AdaptiveSpin::clock() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void AdaptiveSpin::give_way() noexcept { ::sched_yield(); }

void AdaptiveSpin::missed() noexcept {
    hits_ = 0;
    // One may be an accident: the other side lost its CPU for a moment.
    if (++misses_ < 2) return;
    misses_ = 0;
    pays_ = false;
    short_sleeps_ = 0;
    sleeps_between_ = std::min(2 * sleeps_between_, most_sleeps_between);
}

void AdaptiveSpin::woke_up(std::int64_t fell_asleep) noexcept {
    if (pays_ || usable_cpus() == 1 || clock() - fell_asleep > short_sleep) return;
    if (++short_sleeps_ >= sleeps_between_) pays_ = true;
}

}  // namespace tandem::inline v1
