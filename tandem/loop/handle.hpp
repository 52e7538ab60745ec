#pragma once

#include <tandem/base/time.hpp>

#include <memory>

namespace tandem::inline v1 {

class ScheduledCall;

/// A callback that was scheduled, and the means to call it off.
///
/// Threads     any; from a foreign thread `cancel()` is a post and wins only if it reaches the loop before
/// the run. Lifetime    dropping it changes nothing.
class Handle {
public:
    Handle() = default;
    explicit Handle(std::shared_ptr<ScheduledCall> call) : call_(std::move(call)) {}
    /// Never runs it, and destroys the callable and its arguments at once. Idempotent; no effect after the
    /// run.
    void cancel();
    bool cancelled() const;

protected:
    std::shared_ptr<ScheduledCall> call_;
};

/// The same for a callback with a time.
class TimerHandle : public Handle {
public:
    using Handle::Handle;
    /// When it is or was due, on the loop's clock.
    TimePoint when() const;
};

}  // namespace tandem::inline v1
