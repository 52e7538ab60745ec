#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>
#include <tandem/loop/timer_heap.hpp>
#include <tandem/task/scope_node.hpp>

#include <cstdint>

namespace tandem::inline v1 {

class EventLoop;

/// A scope as a local of the coroutine that implements it: entered on construction, left on destruction, with
/// a deadline that cancels it. For the library; users have `CancelScope`, `timeout`, `shield`.
///
/// Errors      `InvalidStateError` outside a task.
class ScopeGuard final : public PlainScope, private Timer {
public:
    enum class Shield : std::uint8_t { open, shielded };
    explicit ScopeGuard(Deadline deadline = {}, Shield shield = Shield::open);
    ~ScopeGuard();

    void set_deadline(TimePoint when);
    /// The same, but a point that has passed acts in the next turn, not at the first checkpoint.
    void set_timer(TimePoint when);
    TimePoint deadline() const { return deadline_; }
    /// The deadline was what cancelled it.
    bool expired() const { return expired_; }
    TimePoint entered_at() const { return entered_at_; }
    EventLoop& loop() const { return loop_; }
    /// `Cancelled` came out: was it meant for this scope alone? If an outer one is cancelled too, it goes on
    /// (sem:C30).
    bool absorbs() const { return requested() && !outer_cancelled(); }

private:
    void due() noexcept override;
    EventLoop& loop_;
    TimePoint deadline_;
    TimePoint entered_at_;
    bool expired_ = false;
};

/// When the code in `from` will be cancelled by the nearest deadline that reaches it; `TimePoint::max()` for
/// never.
TimePoint nearest_deadline(const ScopeNode& from) noexcept;

}  // namespace tandem::inline v1
