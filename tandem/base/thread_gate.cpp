#include <tandem/base/thread_gate.hpp>

#include <tandem/base/adaptive_spin.hpp>
#include <tandem/base/time_asleep.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace tandem::inline v1 {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

int futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected, const timespec* until) {
    return static_cast<int>(::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, until, nullptr,
                                      FUTEX_BITSET_MATCH_ANY));
}

// Of this thread, for whatever gate: it calls the same things again and again.
constinit thread_local AdaptiveSpin spin;

}  // namespace

constinit thread_local std::int64_t nanoseconds_asleep = 0;

void ThreadGate::open() noexcept {
    // The address alone is used after the exchange: the waiter may have gone and taken the gate with it, and
    // a wake at an address where nobody waits does nothing.
    if (state_.exchange(opened, std::memory_order_acq_rel) == waited_for)
        ::syscall(SYS_futex, &state_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

bool ThreadGate::look() noexcept {
    return is_open() || spin.look_for([this] { return is_open(); });
}

void ThreadGate::sleep() noexcept {
    const auto fell_asleep = spin.falls_asleep();
    std::uint32_t state = shut;
    state_.compare_exchange_strong(state, waited_for, std::memory_order_acq_rel);
    while (!is_open()) futex_wait(state_, waited_for, nullptr);
    nanoseconds_asleep += spin.falls_asleep() - fell_asleep;
    spin.woke_up(fell_asleep);
}

bool ThreadGate::wait_for(std::chrono::nanoseconds limit) noexcept {
    if (is_open()) return true;
    if (limit <= std::chrono::nanoseconds::zero()) return false;
    if (limit > AdaptiveSpin::longest && spin.look_for([this] { return is_open(); })) return true;
    const auto fell_asleep = spin.falls_asleep();
    timespec until{};
    ::clock_gettime(CLOCK_MONOTONIC, &until);
    constexpr auto longest = std::chrono::hours(24 * 365 * 100);
    if (limit > longest) limit = longest;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
    until.tv_sec += seconds.count();
    until.tv_nsec += (limit - seconds).count();
    if (until.tv_nsec >= 1'000'000'000) {
        ++until.tv_sec;
        until.tv_nsec -= 1'000'000'000;
    }
    std::uint32_t state = shut;
    state_.compare_exchange_strong(state, waited_for, std::memory_order_acq_rel);
    bool late = false;
    while (!is_open() && !late) late = futex_wait(state_, waited_for, &until) != 0 && errno == ETIMEDOUT;
    nanoseconds_asleep += spin.falls_asleep() - fell_asleep;
    if (late) return is_open();
    spin.woke_up(fell_asleep);
    return true;
}

}  // namespace tandem::inline v1
