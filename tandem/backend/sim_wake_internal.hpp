#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/backend/wake_signal_internal.hpp>

#include <atomic>

namespace tandem::inline v1 {

/// A wake-up without a descriptor: a futex. Once a backend for the outside is there, it is woken too, for
/// then the sleep is in it.
class SimWake final : public Wakeable {
public:
    /// Async-signal-safe.
    void raise() noexcept override;
    /// Whether it was raised since the last call.
    bool take() noexcept { return flag_.take(); }
    /// Sleeps until it is raised or that real time is reached.
    void sleep_until(TimePoint real_deadline) noexcept { flag_.sleep_until(real_deadline); }
    void also_wake(Backend* outside) noexcept { outside_.store(outside); }

private:
    WakeFlag flag_;
    std::atomic<Backend*> outside_ = nullptr;
};

}  // namespace tandem::inline v1
