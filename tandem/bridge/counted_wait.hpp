#pragma once

#include <tandem/base/time_asleep.hpp>
#include <tandem/bridge/blocking_wait.hpp>

#include <cstdint>

namespace tandem::inline v1 {

class SubmittedTask;

/// Counts one blocking wait for `bridge_report()`, and how long its thread slept in it. No clock is read for
/// that which is not read anyway. For the library only.
///
/// Threads     its own.
class CountedWait {
public:
    explicit CountedWait(const BlockingWait& wait) noexcept;
    ~CountedWait() {
        if (nanoseconds_asleep != before_) [[unlikely]]
            slept();
    }
    CountedWait(const CountedWait&) = delete;
    CountedWait& operator=(const CountedWait&) = delete;

private:
    void slept() noexcept;

    const BlockingWait& wait_;
    const std::int64_t before_ = nanoseconds_asleep;
};

/// The same where only a fiber waits, and the thread goes on.
void count_wait(const BlockingWait& wait) noexcept;
/// Waits until the call is done, on a plain thread that may sleep, and counts that.
void wait_counted(SubmittedTask& call, const BlockingWait& wait) noexcept;

}  // namespace tandem::inline v1
