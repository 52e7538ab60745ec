#pragma once

#include <tandem/base/time.hpp>
#include <tandem/loop/timer_heap.hpp>
#include <tandem/sync/wait_line.hpp>

#include <chrono>
#include <cstddef>

namespace tandem::inline v1 {

/// At most so many per period: a bucket of `permits` that starts full and fills evenly.
///
///     RateLimiter limiter(10, 1s);
///     co_await limiter.acquire();   // ten at once, then one every 100 ms
///
/// First come, first served.
///
/// Errors      no permits, no period, or more asked for than the bucket holds: `std::invalid_argument`; on
///             another loop: `WrongLoop`.
/// Cancelling  every wait is a checkpoint; what was given to a cancelled task goes to the next.
/// Threads     the loop of its first wait, until that closes.
/// Lifetime    must outlive the tasks that wait for it.
class RateLimiter final : public LoopBound {
public:
    struct Statistics {
        std::size_t permits;  ///< per period
        Duration period;
        std::size_t tasks_waiting;
    };

    template <class Rep, class Period>
    RateLimiter(std::size_t permits, std::chrono::duration<Rep, Period> period)
        : RateLimiter(permits, to_duration(period)) {}
    RateLimiter(std::size_t permits, Duration period);
    ~RateLimiter();

    class Acquire;
    [[nodiscard("co_await it")]] Acquire acquire(std::size_t count = 1);
    Statistics statistics() const noexcept { return {permits_, period_, line_.waiting()}; }

private:
    class Refill final : public Timer {
    public:
        Refill(RateLimiter& limiter, EventLoop& loop) : limiter_(limiter), loop_(loop) {}
        EventLoop& loop() const { return loop_; }

    private:
        void due() noexcept override { limiter_.serve(loop_); }
        RateLimiter& limiter_;
        EventLoop& loop_;
    };
    /// When `count` permits are there, given that nobody takes any before.
    TimePoint there_at(std::size_t count) const noexcept;
    void take(std::size_t count, TimePoint now) noexcept;
    void serve(EventLoop& loop) noexcept;

    const std::size_t permits_;
    const Duration period_;
    const Duration interval_;  // one permit; rounded up, so that a period never gives more than its permits
    TimePoint full_at_ = TimePoint::min();  // when the bucket is full again
    WaitLine line_;
    std::shared_ptr<LoopLife> refill_life_;
    std::unique_ptr<Refill> refill_;  // of the loop it belongs to
};

class RateLimiter::Acquire final : public LineAwait<RateLimiter::Acquire> {
public:
    Acquire(RateLimiter& limiter, std::size_t count) noexcept
        : LineAwait(limiter.line_), limiter_(limiter), count_(count) {}

    bool try_now();
    void start() noexcept;
    void result();
    bool request_cancel() noexcept override;
    const char* waiting_for() const noexcept override { return "rate limiter"; }

private:
    friend class RateLimiter;
    RateLimiter& limiter_;
    std::size_t count_;
};

}  // namespace tandem::inline v1
