#pragma once

#include <tandem/base/thread_gate.hpp>
#include <tandem/base/time.hpp>
#include <tandem/bridge/blocking_wait.hpp>
#include <tandem/bridge/exit_wait.hpp>
#include <tandem/loop/event_loop.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>

namespace tandem::inline v1 {

class PendingCore;
class TaskNode;
class Wait;
class OutsideWait;
class GraphSearch;
class WorkerJob;

/// What a suspended task waits for beyond its loop: one of the two.
class OutsideEdge {
public:
    virtual std::shared_ptr<OutsideWait> outside_wait() const { return nullptr; }
    virtual std::shared_ptr<WorkerJob> job() const { return nullptr; }

protected:
    ~OutsideEdge() = default;
};

/// A wait of a worker thread, or of a task of another loop, for a task: an edge of the wait-for graph that no
/// loop sees by itself (sem:B30). Waits with a limit, and those of plain threads, for which nobody waits in
/// turn, are none.
///
/// Threads     any.
/// Lifetime    shared with those who search the graph.
class OutsideWait : public OutsideLink, public std::enable_shared_from_this<OutsideWait> {
public:
    explicit OutsideWait(const BlockingWait& call);
    OutsideWait(const OutsideWait&) = delete;
    OutsideWait& operator=(const OutsideWait&) = delete;
    virtual ~OutsideWait() = default;

    /// From now on, and no more, part of the graph: a wait for a task of that loop.
    void enter(std::shared_ptr<LoopLife> target, EventLoop& loop);
    void leave() noexcept;

    /// It waits for the task that awaits its thread's job, which hears of it and goes on.
    virtual bool asks_awaiting_task() const noexcept { return false; }

    const std::uint64_t id;
    const BlockingWait call;
    const TimePoint since;
    std::string thread;  ///< that waits; empty for a task

private:
    friend class GraphSearch;
    /// The task that it waits for; null if there is none any more, or not yet. On its loop.
    virtual TaskNode* target() const = 0;
    /// Ends the wait, since it would never end. False if it cannot. Under the graph's lock.
    virtual bool refuse(const std::exception_ptr& error) noexcept = 0;

    std::shared_ptr<LoopLife> target_life_;
    const EventLoop* target_loop_ = nullptr;  // to compare
    bool refused_ = false;
};

/// A worker thread's wait for a Pending.
class ThreadWait final : public OutsideWait {
public:
    ThreadWait(const BlockingWait& wait, std::shared_ptr<PendingCore> core);
    ThreadGate gate;
    std::exception_ptr refusal;  // once the gate is open

private:
    TaskNode* target() const override;
    bool refuse(const std::exception_ptr& error) noexcept override;
    std::shared_ptr<PendingCore> core_;
    ExitWait at_exit_;
};

/// A task's wait for a task of another loop.
class TaskWait final : public OutsideWait, public OutsideEdge {
public:
    TaskWait(Wait& wait, EventLoop& own, const BlockingWait& what, std::shared_ptr<PendingCore> core);
    std::shared_ptr<OutsideWait> outside_wait() const override;
    /// The wait is over. On its loop.
    void over() noexcept;

private:
    TaskNode* target() const override;
    bool refuse(const std::exception_ptr& error) noexcept override;
    Wait* wait_;  // null once it is over; its loop's alone
    std::shared_ptr<LoopLife> own_life_;
    std::shared_ptr<PendingCore> core_;
    ExitWait at_exit_;
};

/// A task of this loop waits for `core` in `wait`. Null if there is nothing to wait for any more, or no
/// memory to say so.
std::shared_ptr<TaskWait> note_task_wait(Wait& wait, TaskNode& task, const char* verb,
                                         const std::shared_ptr<PendingCore>& core) noexcept;

/// As long as it lives, the worker thread that runs `job` waits for what `wait` names.
class WaitOfJob {
public:
    WaitOfJob(WorkerJob& job, std::shared_ptr<OutsideWait> wait);
    ~WaitOfJob();
    WaitOfJob(const WaitOfJob&) = delete;
    WaitOfJob& operator=(const WaitOfJob&) = delete;

private:
    WorkerJob& job_;
    std::shared_ptr<OutsideWait> outer_;
};

/// A worker thread that drives a loop of its own until a task of it has ended.
class DriveWait final : public OutsideWait {
public:
    DriveWait(const BlockingWait& wait, TaskNode* main, PendingCore* core);
    void over() noexcept;

private:
    TaskNode* target() const override;
    bool refuse(const std::exception_ptr&) noexcept override { return false; }
    TaskNode* main_;  // one of the two; null once it is over
    PendingCore* core_;
};

/// As long as it lives, this thread drives a loop until the task has ended: if it is a worker's, that is a
/// wait.
class DrivingThread {
public:
    DrivingThread(EventLoop& loop, TaskNode& main);
    explicit DrivingThread(PendingCore& core);
    ~DrivingThread();
    DrivingThread(const DrivingThread&) = delete;
    DrivingThread& operator=(const DrivingThread&) = delete;

private:
    void enter(std::shared_ptr<DriveWait> wait, EventLoop& loop);
    std::shared_ptr<DriveWait> wait_;
    std::optional<WaitOfJob> waits_;
};

/// Looks whether `wait` closes a cycle; if so it, or one that has begun even later, is refused. Returns at
/// once.
void look_for_cycle(std::shared_ptr<OutsideWait> wait) noexcept;

}  // namespace tandem::inline v1
