#pragma once

#include <tandem/base/fork.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/base/thread_gate.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/task_node.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1 {

enum class LoopClosedReason : std::uint8_t;

/// Where a task stood when it failed.
struct FailureNotes {
    std::string task;
    SourceLocation spawned_at;
    std::vector<ThrownThrough> thrown_at;  ///< the deepest first
};

/// Work that one thread hands to the loop of another and that ends there, exactly once: as the task does, or
/// with `LoopClosed` when the loop does not go on with it (sem:B24). It is its own submission and its own
/// watch of the task, so that handing over allocates nothing. For the library only.
///
/// Threads     `submit`, `done`, `wait` any; the rest the loop's.
class SubmittedTask : public Runnable, public CompletionHook, public OutsideCaller {
public:
    /// Also true in a forked child, where nobody will end it.
    bool done() const noexcept { return gate_.is_open() || lost(); }
    /// Made before a fork, in the parent, and not done by then.
    bool lost() const noexcept { return generation_ != fork_generation() && !gate_.is_open(); }
    void wait() noexcept {
        if (!gate_.look()) sleep();
    }
    bool wait_for(std::chrono::nanoseconds limit) noexcept;
    /// The process exits, and the loop is stuck: ends it unless it has ended, in this thread. The loop may
    /// still write to it, so it must stay where it is.
    void left_at_exit() noexcept;
    bool was_left_at_exit() const noexcept { return left_at_exit_; }
    /// The coroutine.
    const SourceLocation& born() const noexcept { return born_; }
    const SourceLocation& spawned_at() const noexcept { return spawned_at_; }
    EventLoop& loop() const noexcept { return *loop_; }
    /// Null before it started and after it ended; the loop's thread alone.
    TaskNode* task() const noexcept { return task_; }
    /// Null unless the task failed. Precondition: done.
    const std::shared_ptr<const FailureNotes>& failure() const noexcept { return failure_; }

protected:
    SubmittedTask(EventLoop& loop, SourceLocation born, SourceLocation spawned_at) noexcept
        : generation_(fork_generation()), loop_(&loop), born_(born), spawned_at_(spawned_at) {}
    ~SubmittedTask() = default;

    /// Hands it to the loop, which keeps `self` meanwhile. If the loop is stopped it is done at once.
    ///
    /// Errors      `LoopClosed`, with nothing kept.
    void submit(std::shared_ptr<SubmittedTask> self);
    /// Watches a task of this loop, and takes over one reference to it.
    void watch(TaskNode& task, std::shared_ptr<SubmittedTask> self);
    /// Asks the task to end, or to end before it begins.
    void ask_to_end(SharedReason reason);
    /// Ends it unless it has ended.
    void end_with(LoopClosedReason reason, const std::string& what) noexcept;
    void open_gate() noexcept { gate_.open(); }

private:
    /// Makes the task, in the context of whoever submitted it, and gives one reference to it.
    virtual TaskNode& start_task(const TaskOptions& options) = 0;
    /// It will not be started: its arguments go.
    virtual void drop_work() noexcept = 0;
    /// `shared`: handles may still ask for the result.
    virtual void take_from(TaskNode& task, bool shared) = 0;
    virtual void set_failure(std::exception_ptr error) noexcept = 0;
    /// The result is there: opens the gate, after which `this` may be gone. `on_loop`: in a step or callback
    /// of a loop that goes on, or is being closed.
    virtual void completed(bool on_loop) noexcept = 0;
    /// False: it can end only when the loop has let go of it.
    virtual bool may_be_left() const noexcept { return true; }

    void sleep() noexcept;
    void end_claimed(LoopClosedReason reason, const std::string& what) noexcept;
    bool claim() noexcept { return !claimed_.exchange(true, std::memory_order_acq_rel); }
    void take_end(TaskNode& task, bool shared) noexcept;
    void run() final;
    void discard() noexcept final;
    void left_behind(LoopClosedReason reason) noexcept final;
    void loop_left(LoopClosedReason reason) noexcept final;
    void task_done(TaskNode& task) noexcept final;
    void task_gone() noexcept final;
    void task_abandoned() noexcept final;

    // A waiter looks at the gate, and the loop writes what comes after it: they lie in lines of their own.
    alignas(64) ThreadGate gate_;
    const std::uint32_t generation_;
    EventLoop* const loop_;
    const SourceLocation born_;
    const SourceLocation spawned_at_;
    alignas(64) std::atomic<bool> claimed_ = false;  // who sets it writes the result
    bool ends_here_ = false;                         // between task_done and task_gone
    bool left_at_exit_ = false;                      // written by who claimed it
    TaskNode* task_ = nullptr;                       // the loop's thread alone, as the next two
    SharedReason early_cancel_;                      // asked for before the task was there
    std::shared_ptr<SubmittedTask> self_;            // in a queue, or while a task is watched
    std::shared_ptr<const FailureNotes> failure_;
};

/// The error with both its stacks, as text: the frames it went through in its task, the deepest first, where
/// that task was started, and where the calling thread waited for it. The latest error that reached this
/// thread by `get()` is known; of any other only `describe()` is given.
///
///     catch (const std::exception&) { log(describe_with_stacks()); }
std::string describe_with_stacks(const std::exception_ptr& error = std::current_exception());

/// What `describe_with_stacks()` goes by.
void note_waited_for(const std::exception_ptr& error, const std::shared_ptr<const FailureNotes>& failure,
                     const SourceLocation& where) noexcept;

}  // namespace tandem::inline v1
