#pragma once

#include <tandem/base/time.hpp>
#include <tandem/loop/runnable.hpp>

#include <cstddef>

namespace tandem::inline v1 {

class EventLoop;

/// One wait of a loop for the world.
struct LoopWait {
    Duration
        timeout{};  ///< how long it may last; zero if something is ready, `Duration::max()` without limit
    Duration duration{};     ///< how long it lasted, by the loop's clock; zero before it
    std::size_t timers = 0;  ///< that are planned; after the wait without those that came due
    std::size_t ready = 0;   ///< entries that the loop will run in this turn, as known so far
};

/// Hears what a loop does, in the order in which it happens: derive, override what is of interest, and hand
/// it to `loop.set_instrument()`.
///
///     struct Trace : Instrument {
///         void task_spawned(const EntryInfo& task) override { std::puts(task.name.c_str()); }
///     } trace;
///     run(f(), {.instrument = &trace});
///
/// Errors      an instrument that throws is taken off, and its error goes to the loop's exception handler.
/// Threads     the loop's; it must not wait.
/// Lifetime    outlives the loop, or its place there.
class Instrument {
public:
    virtual ~Instrument() = default;
    /// The loop begins to run, in `run_forever()`, `run_until_complete()` or while it closes.
    virtual void run_started(EventLoop&) {}
    virtual void task_spawned(const EntryInfo&) {}
    /// It is ready and will take a step.
    virtual void task_scheduled(const EntryInfo&) {}
    virtual void before_step(const EntryInfo&) {}
    virtual void after_step(const EntryInfo&) {}
    /// For all that is no task: callbacks, timers, posts, watched descriptors, wakers.
    virtual void before_callback(const EntryInfo&) {}
    virtual void after_callback(const EntryInfo&) {}
    /// Once in each turn, also if it need not wait.
    virtual void before_wait(const LoopWait&) {}
    /// What came is queued: posts, completions, timers.
    virtual void after_wait(const LoopWait&) {}
    virtual void task_exited(const EntryInfo&) {}
    virtual void run_finished(EventLoop&) {}
};

}  // namespace tandem::inline v1
