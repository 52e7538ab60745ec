#pragma once

#include <tandem/sync/wait_line.hpp>

#include <cstddef>

namespace tandem::inline v1 {

/// A number that goes down to zero, and tasks that wait for that.
class CountedLine : public LoopBound {
public:
    struct Statistics {
        std::size_t count;
        std::size_t tasks_waiting;
    };
    class Wait;

    std::size_t count() const noexcept { return count_; }
    Statistics statistics() const noexcept { return {count_, line_.waiting()}; }

protected:
    CountedLine(const char* kind, std::size_t count) noexcept
        : LoopBound(kind), count_(count), line_(*this) {}
    ~CountedLine() = default;
    void add(std::size_t count, const SourceLocation& where);
    void subtract(const char* call, std::size_t count, const SourceLocation& where);

private:
    std::size_t count_;
    WaitLine line_;
};

class CountedLine::Wait final : public LineAwait<CountedLine::Wait> {
public:
    explicit Wait(CountedLine& counted) noexcept : LineAwait(counted.line_), counted_(counted) {}

    bool try_now() {
        counted_.enter(loop(), where());
        return counted_.count_ == 0;
    }
    void result() {
        settle_or([] {});
    }
    const char* waiting_for() const noexcept override { return "a count of zero"; }

private:
    CountedLine& counted_;
};

/// A gate that opens once, when `count` things have happened: C++'s std::latch, for tasks.
///
///     Latch ready(3);
///     ready.count_down();      // three tasks, when they are
///     co_await ready.wait();
///
/// Errors      counting below zero: `InvalidStateError`; on another loop: `WrongLoop`.
/// Cancelling  `wait()` is a checkpoint, also when the gate is open.
/// Threads     the loop of its first wait, until that closes.
/// Lifetime    must outlive the tasks that wait for it.
class Latch final : public CountedLine {
public:
    explicit Latch(std::size_t count) noexcept : CountedLine("Latch", count) {}

    [[nodiscard("co_await it")]] Wait wait() noexcept { return Wait(*this); }
    bool try_wait() const noexcept { return count() == 0; }
    void count_down(std::size_t times = 1, SourceLocation where = SourceLocation::current()) {
        subtract("count_down()", times, where);
    }
};

/// Waits for things that are under way, however many they are: Go's sync.WaitGroup.
///
///     jobs.add();              // before each one starts
///     jobs.done();             // when it is through
///     co_await jobs.wait();    // until none is left; may be used again then
///
/// Errors      `done()` too often: `InvalidStateError`; on another loop: `WrongLoop`.
/// Cancelling  `wait()` is a checkpoint, also when nothing is under way.
/// Threads     the loop of its first wait, until that closes.
/// Lifetime    must outlive the tasks that wait for it.
class WaitGroup final : public CountedLine {
public:
    WaitGroup() noexcept : CountedLine("WaitGroup", 0) {}

    [[nodiscard("co_await it")]] Wait wait() noexcept { return Wait(*this); }
    void add(std::size_t times = 1, SourceLocation where = SourceLocation::current()) {
        CountedLine::add(times, where);
    }
    void done(SourceLocation where = SourceLocation::current()) { subtract("done()", 1, where); }
};

}  // namespace tandem::inline v1
