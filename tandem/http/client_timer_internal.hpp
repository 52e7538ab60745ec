#pragma once

#include <tandem/base/time.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/timer_heap.hpp>
#include <tandem/task/cancel_scope.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace tandem::inline v1::http {

/// The time limits of a call, phase after phase, with one timer: entering a phase only stores when it ends,
/// and the timer looks again when it fires too early. So a call that is quick touches the heap once.
///
/// Cancelling  its scope is what the limits cancel: everything awaited while it lives.
/// Lifetime    a local of the coroutine that awaits.
class CallTimer final : private Timer {
public:
    enum class Phase : std::uint8_t { none, pool, write_idle, response, read_idle };

    CallTimer(EventLoop& loop, TimePoint total_due, std::optional<Duration> total)
        : loop_(loop), total_due_(total_due), total_(total) {
        arm();
    }
    ~CallTimer() { loop_.timers().remove(*this); }

    void enter(Phase phase, std::optional<Duration> limit, TimePoint now) {
        phase_ = phase;
        limit_ = limit;
        phase_due_ = limit ? saturating_add(now, *limit) : TimePoint::max();
        if (!armed() || due_at() < when()) arm();
    }
    void leave() {
        phase_ = Phase::none;
        phase_due_ = TimePoint::max();
    }

    /// `Cancelled` came out: was it a limit's, and nobody else's?
    [[nodiscard]] bool absorbs() const { return expired_ && scope_.absorbs(); }
    [[nodiscard]] TimeoutError error(std::string_view detail, Reached reached) const;
    [[nodiscard]] Phase phase() const { return phase_; }

private:
    [[nodiscard]] TimePoint due_at() const { return phase_due_ < total_due_ ? phase_due_ : total_due_; }
    void arm();
    void due() noexcept override;

    EventLoop& loop_;
    ScopeGuard scope_;
    TimePoint total_due_;
    TimePoint phase_due_ = TimePoint::max();
    std::optional<Duration> total_;
    std::optional<Duration> limit_;
    Phase phase_ = Phase::none;
    bool expired_ = false;
    bool total_expired_ = false;
};

}  // namespace tandem::inline v1::http
