#pragma once

#include <tandem/loop/clock.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_handle.hpp>

#include <memory>
#include <string>
#include <utility>

namespace tandem::inline v1::testing {

/// A task driven by hand, step by step: no loop runs between two steps, there is no thread and no descriptor,
/// and time stands still until a step has to wait for it.
///
///     auto driven = testing::drive(protocol(port));
///     driven.step();                       // to its first suspension
///     EXPECT_EQ(driven.awaits(), "sleep");
///     while (driven.step()) {}
///     EXPECT_EQ(driven.result(), 42);
///
/// Errors      `result()` throws what the task threw; `InvalidStateError` before its end.
/// Cancelling  `cancel()`, delivered by the next step.
/// Threads     one.
/// Lifetime    dropped half-way, the task is cancelled and joined.
template <class T>
class Drive {
public:
    explicit Drive(Task<T> task) : world_(std::make_unique<World>()) {
        handle_ = world_->loop.create_task(std::move(task), {.name = "driven", .housekeeping = true});
    }

    /// Runs the task until it suspends again or ends; a task that sleeps is woken, its clock jumps. False if
    /// that changed nothing: it has ended, or waits for a word from outside.
    bool step() {
        if (done()) return false;
        const auto steps = handle_.node().resumes();
        while (!done() && handle_.node().resumes() == steps) {
            const auto next = world_->loop.next_deadline();
            if (next == TimePoint::max()) return false;
            world_->loop.poll_once(Deadline(next));
        }
        return true;
    }
    /// What it waits for: "sleep", "join", "a foreign awaiter (uncancellable)"; empty once it has ended.
    std::string awaits() const {
        const Wait* const wait = handle_.node().waiting();
        if (wait) return wait->waiting_for();
        return done() ? "" : "its turn";
    }
    bool done() const { return handle_.done(); }
    decltype(auto) result() const { return handle_.result(); }
    bool cancel() const { return handle_.cancel(); }
    EventLoop& loop() { return world_->loop; }

private:
    struct World {
        World() : loop(options()) {}
        static EventLoopOptions options() {
            EventLoopOptions made;
            made.backend = BackendChoice::sim;
            return made;
        }
        EventLoop loop;
    };
    std::unique_ptr<World> world_;
    TaskHandle<T> handle_;
};

template <class T>
Drive<T> drive(Task<T> task) {
    return Drive<T>(std::move(task));
}

}  // namespace tandem::inline v1::testing
