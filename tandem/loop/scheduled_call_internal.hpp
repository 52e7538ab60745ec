#pragma once

#include <tandem/loop/context.hpp>
#include <tandem/loop/event_loop.hpp>

#include <atomic>
#include <memory>

namespace tandem::inline v1 {

/// What a callback says of itself: `<Handle main()::{lambda()#1}, made at main.cpp:7>`.
EntryInfo describe_callback(EntryKind kind, const char* what, const LoopCallback& callback);

/// A callback of `call_soon`, `call_later`, `call_soon_threadsafe`. It holds itself while a loop has it
/// queued.
class ScheduledCall final : public Runnable,
                            public Timer,
                            public PlannedCall,
                            public std::enable_shared_from_this<ScheduledCall> {
public:
    ScheduledCall(EventLoop& loop, LoopCallback callback) : loop_(&loop), callback_(std::move(callback)) {}

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
    EntryKind kind() const noexcept override;
    EntryInfo entry_info() const override;
    const void* chain() const noexcept override { return poster_; }
    void due() noexcept override;
    void cancel_here();

    EventLoop* loop_;
    LoopCallback callback_;
    Context context_ = Context::current();  // of the call that registered it
    std::shared_ptr<ScheduledCall> self_;
    TimePoint planned_{};
    const void* poster_ = nullptr;  // names the thread that posted it; null for the loop's own
    bool timed_ = false;
    std::atomic<State> state_ = State::waiting;
};

}  // namespace tandem::inline v1
