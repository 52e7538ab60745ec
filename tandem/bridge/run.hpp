#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/task_handle.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

struct RunOptions {
    BackendChoice backend = BackendChoice::automatic;
    LoopTime* time = nullptr;  ///< the clock, real if null
    bool debug = false;
    bool handle_sigint = true;  ///< Ctrl-C cancels the main task, in the main thread only
    std::optional<std::uint64_t> shuffle_seed = std::nullopt;  ///< see `EventLoopOptions`
    std::unique_ptr<EventLoop> (*loop_factory)() = nullptr;  ///< makes the loop instead of the options above
    Instrument* instrument = nullptr;                     ///< hears what the loop does; must outlive the run
    std::optional<Quiescence> quiescence = std::nullopt;  ///< see `EventLoopOptions`
    Blocking blocking = Blocking::refuse;                 ///< see there
};

/// One run of `run()`: the loop, Ctrl-C, and the end of everything.
class RunGuard {
public:
    RunGuard(const RunOptions& options, const SourceLocation& where);
    ~RunGuard();
    RunGuard(const RunGuard&) = delete;
    RunGuard& operator=(const RunGuard&) = delete;

    EventLoop& loop() { return *loop_; }
    /// Drives until `main` is done. Returns whether Ctrl-C was what cancelled it.
    bool drive_one(TaskNode& main);
    /// The same; then cancels and joins all other tasks, and closes the loop.
    bool drive(TaskNode& main);
    /// Cancels and joins all tasks, and closes the loop.
    void join_the_rest();
    /// Ctrl-C is no longer watched, until the next `drive_one()`.
    void leave_sigint() noexcept;
    /// Whoever waits from outside for work of the loop hears that nobody drives it, until the next
    /// `drive_one()`.
    void leave_waiters() noexcept;

private:
    std::unique_ptr<EventLoop> loop_;
    bool may_watch_sigint_;
    bool watches_sigint_ = false;
    int interrupts_ = 0;
    bool kept_pending_ = false;
    bool cancelled_by_us_ = false;  // and not by somebody else before
};

/// Runs `task` on a loop of this thread and gives its result: what `main` calls.
///
///     int main() { run(serve()); }
///
/// When it ends, every other task is cancelled and joined, silently, and the loop is closed.
///
/// Errors      what the task throws, with its type. Under a running loop: `WouldDeadlock`. `Interrupted`
///             after Ctrl-C ended it, `TaskCancelled` if somebody else cancelled it.
/// Cancelling  Ctrl-C cancels the main task, which may clean up. The second one is for a program that takes
///             too long over that: what waits behind shields is cancelled, and a cleanup that begins only
///             then is so at its first checkpoint. The third ends the process.
/// Threads     any that runs no loop.
template <class T>
T run(Task<T> task, const RunOptions& options = {}, SourceLocation where = SourceLocation::current()) {
    RunGuard guard(options, where);
    auto handle = guard.loop().create_task(std::move(task), TaskOptions{}, where);
    const bool interrupted = guard.drive(handle.node());
    if (interrupted && handle.cancelled()) throw Interrupted();
    return handle.take_result();
}

/// Several runs, one after another, on one loop: what one leaves running goes on in the next.
///
///     Runner runner;
///     auto session = runner.run(log_in());
///     runner.run(talk(session));
///
/// Errors      as `run()`; `WouldDeadlock` for a run inside a run; `LoopClosed` after `close()`.
/// Cancelling  `close()` cancels and joins what is left, silently.
/// Threads     one at a time, that runs no loop.
/// Lifetime    makes its loop at the first run; its end closes it.
class Runner {
public:
    explicit Runner(const RunOptions& options = {}, SourceLocation where = SourceLocation::current())
        : options_(options), made_at_(where) {}
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    template <class T>
    T run(Task<T> task, SourceLocation where = SourceLocation::current()) {
        RunGuard& runs = guard();
        auto handle = runs.loop().create_task(std::move(task), TaskOptions{}, where);
        const bool interrupted = drive(handle.node());
        if (interrupted && handle.cancelled()) throw Interrupted();
        return handle.take_result();
    }
    /// The loop of all its runs.
    EventLoop& loop() { return guard().loop(); }
    /// Idempotent.
    void close();

private:
    RunGuard& guard();
    bool drive(TaskNode& main);

    RunOptions options_;
    SourceLocation made_at_;
    std::unique_ptr<RunGuard> guard_;
    bool closed_ = false;
};

/// `run()` for a program's main: the task's value is the exit status; 130 after Ctrl-C, `exit_with`'s code,
/// or 1 after an error, which is printed.
int run_main(Task<int> task, const RunOptions& options = {});

}  // namespace tandem::inline v1
