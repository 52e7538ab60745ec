#pragma once

#include <tandem/loop/event_loop.hpp>

#include <atomic>
#include <memory>

namespace tandem::inline v1 {

/// A callback of `call_soon`, `call_later`, `call_soon_threadsafe`. It holds itself while a loop has it
/// queued.
class ScheduledCall final : public Runnable,
                            public Timer,
                            public PlannedCall,
                            public std::enable_shared_from_this<ScheduledCall> {
public:
    ScheduledCall(EventLoop& loop, UniqueFunction<void()> fn) : loop_(&loop), fn_(std::move(fn)) {}

    void queue(EventLoop& loop) {
        self_ = shared_from_this();
        loop.post(*this);
    }
    void queue_at(EventLoop& loop, TimePoint when);
    /// Takes its own reference first; gives it back if the loop is closed.
    bool queue_threadsafe(EventLoop& loop);
    void cancel();
    bool cancelled() const { return state_.load(std::memory_order_acquire) == State::cancelled; }
    TimePoint planned() const { return planned_; }
    void drop() noexcept override;

private:
    enum class State : unsigned char { waiting, run, cancelled };
    void run() override;
    void discard() noexcept override;
    void due() noexcept override;
    void cancel_here();

    EventLoop* loop_;
    UniqueFunction<void()> fn_;
    std::shared_ptr<ScheduledCall> self_;
    TimePoint planned_{};
    std::atomic<State> state_ = State::waiting;
};

}  // namespace tandem::inline v1
