#include <tandem/bridge/blocking_wait.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/caller.hpp>
#include <tandem/bridge/counted_wait.hpp>
#include <tandem/bridge/exit_wait.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/interrupt_scope.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/wait_graph.hpp>
#include <tandem/bridge/worker_job.hpp>
#include <tandem/loop/own_loop.hpp>
#include <tandem/sync/queue_party.hpp>
#include <tandem/task/current_task.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>

namespace tandem::inline v1 {
namespace {

std::string place(const SourceLocation& at) {
    return std::string(at.file_name()) + ":" + std::to_string(at.line());
}

// Most waits end before anybody needs to know of them.
constexpr auto short_wait = std::chrono::microseconds(50);

// Whose cancel ends the wait that a worker begins: its job's, but for one that waits while an exception is on
// its way (sem:C27).
WorkerJob* job_to_heed() {
    if (std::uncaught_exceptions() > 0) return nullptr;
    WorkerJob* const job = current_worker_job();
    job->throw_if_cancelled();
    return job;
}

// A worker's wait is somebody's else wait too: of the task that awaits its job, whose cancel ends it
// (sem:C100).
void wait_in_worker(PendingCore& core, const BlockingWait& wait) {
    WorkerJob* const heeded = job_to_heed();
    if (core.wait_for(short_wait)) return;
    const auto life = core.life_while_pending();
    if (!life) return;
    const auto mine = std::make_shared<ThreadWait>(wait, core.shared_from_this());
    const EndWatch at_end(core, [&mine] { mine->gate.open(); });
    if (!at_end.added()) return;
    struct Leave {
        OutsideWait& entered;
        ~Leave() { entered.leave(); }
    } const leave{*mine};
    mine->enter(life, core.loop());
    const WaitOfJob waits(*current_worker_job(), mine);
    look_for_cycle(mine);
    std::optional<WorkerJob::CancelOpens> cancel;
    if (heeded) cancel.emplace(*heeded, mine->gate);
    mine->gate.wait();
    if (core.done()) return;
    if (heeded) heeded->throw_if_cancelled();
    std::rethrow_exception(mine->refusal);
}

// The same up to a limit, which is no part of a cycle.
bool wait_in_worker(PendingCore& core, TimePoint until) {
    WorkerJob* const heeded = job_to_heed();
    const auto now = real_time().now();
    if (until <= now) return core.done();
    ThreadGate news;  // the end, or a cancel
    const EndWatch at_end(core, [&news] { news.open(); });
    if (!at_end.added()) return true;
    {
        const ExitWait at_exit(core);
        std::optional<WorkerJob::CancelOpens> cancel;
        if (heeded) cancel.emplace(*heeded, news);
        news.wait_for(until - now);
    }
    if (core.done()) return true;
    if (heeded) heeded->throw_if_cancelled();
    return false;
}

// For the caller it is one wait, whatever the thread does meanwhile.
class CountedDrive {
public:
    CountedDrive() = default;
    ~CountedDrive() { nanoseconds_asleep = before_ + (real_time().now() - began_).count(); }
    CountedDrive(const CountedDrive&) = delete;
    CountedDrive& operator=(const CountedDrive&) = delete;

private:
    const std::int64_t before_ = nanoseconds_asleep;
    const TimePoint began_ = real_time().now();
};

// The owner of a loop that nobody runs would wait for its own work for ever: it is the one to run it
// (sem:T6). Whether it is over: done, or past the limit, which is a time of the loop's clock.
bool drive_own_loop(PendingCore& core, Deadline limit, const SourceLocation& where) {
    struct Waiting {
        Waiting(PendingCore& c, const SourceLocation& w) : core(c), where(w), interrupted(c.loop()) {}
        PendingCore& core;
        const SourceLocation& where;
        InterruptedDrive interrupted;
        std::shared_ptr<bool> late = std::make_shared<bool>(false);
    } waiting(core, where);
    const CountedDrive counted;
    EventLoop& loop = core.loop();
    std::optional<DrivingThread> driving;
    if (current_worker_job()) driving.emplace(core);
    std::optional<TimerHandle> alarm;
    if (!limit.never())
        alarm = loop.call_at(limit.resolve(loop.time()), [late = waiting.late] { *late = true; });
    const bool over = loop.drive_for_owner(
        [](void* argument) {
            auto& now = *static_cast<Waiting*>(argument);
            if (now.interrupted.leaves(now.core, now.where)) return true;
            return now.core.done() || (*now.late && !now.interrupted.cancelled());
        },
        &waiting);
    if (alarm) alarm->cancel();
    if (over) waiting.interrupted.finish();
    return over;
}

bool tasks_wait_here() noexcept {
    const CallerKind kind = caller_kind();
    return kind != CallerKind::loop_thread && (kind != CallerKind::plain || interrupts_end_waits());
}

void let_task_wait(Task<void>&& task, Deadline limit, const SourceLocation& where) {
    if (limit.never())
        std::move(task).get(where);
    else
        std::move(task).get(limit, where);
}

}  // namespace

void tell_queues_of_tasks() noexcept { QueueWaits::tell(tasks_wait_here, let_task_wait); }

StartOn on_loop_of_caller() {
    EventLoop* const own = idle_loop_of_this_thread();
    if (!own) return on_background();
    own->expect_drive();
    return on(*own);
}

CallerKind refuse_to_block(const BlockingWait& wait) {
    const CallerKind kind = caller_kind();
    if (kind != CallerKind::loop_thread) return kind;
    std::string text = std::string(wait.verb) + " at " + place(wait.where) + " would block the event loop (" +
                       std::string(this_loop().backend_name()) + ") of this thread";
    if (wait.wanted.line() != 0)
        text += std::string(" to wait for ") + wait.wanted.function_name() + " (" + place(wait.wanted) + ")";
    if (const auto task = current_task()) {
        text += "; waiting would be " + task->name;
        for (const auto& frame : task->await_path)
            text += std::string("\n  ") + frame.function_name() + " at " + place(frame);
    } else {
        text += "; the caller is a callback of that loop";
    }
    text +=
        "\nuse one of: co_await f() in a coroutine; co_await in_fiber(fn) around synchronous code; "
        "co_await to_thread(fn) to run it on a thread of its own";
    throw WouldDeadlock(text);
}

void wait_for_end(PendingCore& core, const BlockingWait& wait) {
    if (core.done()) return;
    const CallerKind kind = refuse_to_block(wait);
    if (waits_on_its_stack(kind)) {
        count_wait(wait);
        core.wait_on_this_stack({}, wait.where);
        return;
    }
    const CountedWait counted(wait);
    if (ever_owned_a_loop() && core.loop_idle_here() && drive_own_loop(core, Deadline(), wait.where)) return;
    if (kind == CallerKind::worker)
        wait_in_worker(core, wait);
    else if (interrupts_end_waits())
        wait_interruptibly(core, TimePoint::max(), wait.where);
    else
        core.wait();
}

bool wait_for_end(PendingCore& core, Deadline limit, const BlockingWait& wait) {
    if (limit.never()) {
        wait_for_end(core, wait);
        return true;
    }
    if (core.done()) return true;
    const CallerKind kind = refuse_to_block(wait);
    if (waits_on_its_stack(kind)) {
        count_wait(wait);
        return core.wait_on_this_stack(limit, wait.where);
    }
    const CountedWait counted(wait);
    const auto now = real_time().now();
    const auto until = limit.resolve(now);
    if (ever_owned_a_loop() && core.loop_idle_here() && drive_own_loop(core, limit, wait.where))
        return core.done();
    if (interrupts_end_waits()) return wait_interruptibly(core, until, wait.where);
    if (kind == CallerKind::worker) return wait_in_worker(core, until);
    const auto starts = real_time().now();
    return core.wait_for(std::max(until, starts) - starts);
}

}  // namespace tandem::inline v1
