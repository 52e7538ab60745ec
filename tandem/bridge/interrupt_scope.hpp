#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>

namespace tandem::inline v1 {

class EventLoop;
class PendingCore;

/// While it is open, Ctrl-C ends the blocking waits of the main thread: `f().get()`, `Pending::get`,
/// `sync_iter`, a `UniversalQueue`'s, `tandem::get(std::future)`; also of one that drives its own loop
/// meanwhile. Outside `run()`, which has its own, and without it SIGINT is none of tandem's business.
///
///     InterruptScope ctrl_c;
///     try {
///         serve().get();
///     } catch (const Interrupted&) {
///         std::puts("interrupted");
///     }
///
/// The first Ctrl-C cancels the work and waits until it has cleaned up, then `Interrupted` is thrown. The
/// second throws at once, and the work goes on being cancelled. One that comes between two waits is thrown by
/// the next; the third that nobody has taken ends the process.
///
/// Errors      `InvalidStateError` in another thread than the main one, where one is open already, and where
///             SIGINT has a handler of somebody else.
/// Cancelling  is what it does.
/// Threads     the main one.
/// Lifetime    its end restores the disposition of SIGINT.
class InterruptScope {
public:
    explicit InterruptScope(SourceLocation where = SourceLocation::current());
    ~InterruptScope();
    InterruptScope(const InterruptScope&) = delete;
    InterruptScope& operator=(const InterruptScope&) = delete;

    /// Ctrl-C was pressed and no wait has thrown yet: for code that computes.
    bool interrupted() const noexcept;
};

// For the library.

/// One is open, and this is its thread.
bool interrupts_end_waits() noexcept;
bool in_main_thread() noexcept;
/// This handler of SIGINT is an `InterruptScope`'s.
bool is_of_interrupt_scope(void (*handler)(int)) noexcept;
/// Errors: `Interrupted`, once for each time.
void throw_if_interrupted();
/// As long as it lives, Ctrl-C wakes the loop that this thread is about to drive for a wait of its own.
class InterruptedDrive {
public:
    explicit InterruptedDrive(EventLoop& loop) noexcept;
    ~InterruptedDrive();
    InterruptedDrive(const InterruptedDrive&) = delete;
    InterruptedDrive& operator=(const InterruptedDrive&) = delete;

    /// After each turn: cancels `core` at the first Ctrl-C. Whether the wait is over, with the second.
    bool leaves(PendingCore& core, const SourceLocation& where);
    /// Its limit counts no more.
    bool cancelled() const noexcept { return cancelled_; }
    /// When the wait is over. Errors: `Interrupted`.
    void finish() const;

private:
    const bool listens_;
    bool cancelled_ = false;
};
/// The wait of a thread where interrupts end waits. Whether `core` is done by `limit`. Errors: `Interrupted`.
bool wait_interruptibly(PendingCore& core, TimePoint limit, const SourceLocation& where);

}  // namespace tandem::inline v1
