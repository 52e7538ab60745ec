#pragma once

#include <tandem/sync/errors.hpp>
#include <tandem/sync/wait_line.hpp>

#include <cstddef>

namespace tandem::inline v1 {

/// Where a fixed number of tasks wait for each other, again and again: asyncio's Barrier.
///
///     const std::size_t place = co_await barrier.wait();   // 0 for the first to come, parties - 1 for the
///     last
///
/// It fills until all are there; then it drains, and who comes before the last has gone on waits for the next
/// round.
///
/// Errors      `BrokenBarrierError` for those who wait when `reset()` or `abort()` is called, and after
///             `abort()` until `reset()`; no parties: `std::invalid_argument`; on another loop: `WrongLoop`.
/// Cancelling  who is cancelled while it fills just leaves; who was let through has used its place.
/// Threads     the loop of its first wait, until that closes.
/// Lifetime    must outlive the tasks that wait for it; those it let through need it no more.
class Barrier : public LoopBound {
public:
    enum class State : std::uint8_t { filling, draining, broken };
    struct Statistics {
        State state;
        std::size_t parties;
        std::size_t tasks_waiting;  ///< of this round and, while it drains, of the next
    };

    explicit Barrier(std::size_t parties);

    class Wait;
    [[nodiscard("co_await it")]] Wait wait() noexcept;
    /// Sends away who waits for the round to fill, and mends what `abort()` broke.
    void reset(SourceLocation where = SourceLocation::current());
    /// Sends away everybody who waits, now and from now on.
    void abort(SourceLocation where = SourceLocation::current());
    std::size_t parties() const noexcept { return parties_; }
    /// How many wait for the round to fill; 0 while it drains.
    std::size_t n_waiting() const noexcept { return draining_ == 0 ? line_.waiting() : 0; }
    bool broken() const noexcept { return broken_; }
    Statistics statistics() const noexcept;

private:
    bool arrive(std::size_t& place);
    void let_through(std::size_t count) noexcept;
    void send_away() noexcept;
    void gone_on() noexcept;

    const std::size_t parties_;
    std::size_t draining_ = 0;  // let through, not resumed yet
    bool broken_ = false;
    WaitLine line_;
};

// Implementation

class Barrier::Wait final : public LineAwait<Barrier::Wait> {
public:
    explicit Wait(Barrier& barrier) noexcept : LineAwait(barrier.line_), barrier_(barrier) {}

    bool try_now();
    std::size_t result();
    const char* waiting_for() const noexcept override { return "barrier"; }

private:
    friend class Barrier;
    Barrier& barrier_;
    std::size_t place_ = 0;
    bool sent_away_ = false;
};

inline Barrier::Wait Barrier::wait() noexcept { return Wait(*this); }

}  // namespace tandem::inline v1
