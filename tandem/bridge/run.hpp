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
    Instrument* instrument = nullptr;  ///< hears what the loop does; must outlive the run
};

/// One run of `run()`: the loop, Ctrl-C, and the end of everything.
class RunGuard {
public:
    explicit RunGuard(const RunOptions& options);
    ~RunGuard();
    RunGuard(const RunGuard&) = delete;
    RunGuard& operator=(const RunGuard&) = delete;

    EventLoop& loop() { return *loop_; }
    /// Drives until `main` is done; cancels and joins all other tasks, then closes the loop. Returns whether
    /// Ctrl-C was what cancelled it.
    bool drive(TaskNode& main);

private:
    void join_the_rest();
    std::unique_ptr<EventLoop> loop_;
    bool watches_sigint_ = false;
    int interrupts_ = 0;
    bool cancelled_by_us_ = false;  // and not by somebody else before
};

/// Runs `task` on a loop of this thread and gives its result: what `main` calls.
///
///     int main() { run(serve()); }
///
/// When it ends, every other task is cancelled and joined, silently, and the loop is closed.
///
/// Errors      what the task throws, with its type. Under a running loop: `WouldDeadlock`. `Interrupted`
/// after Ctrl-C
///             ended it, `TaskCancelled` if somebody else cancelled it.
/// Threads     any that runs no loop.
template <class T>
T run(Task<T> task, const RunOptions& options = {}, SourceLocation where = SourceLocation::current()) {
    RunGuard guard(options);
    auto handle = guard.loop().create_task(std::move(task), TaskOptions{}, where);
    const bool interrupted = guard.drive(handle.node());
    if (interrupted && handle.cancelled()) throw Interrupted();
    return handle.take_result();
}

/// `run()` for a program's main: the task's value is the exit status; 130 after Ctrl-C, `exit_with`'s code,
/// or 1 after an error, which is printed.
int run_main(Task<int> task, const RunOptions& options = {});

}  // namespace tandem::inline v1
