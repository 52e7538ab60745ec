#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/base/thread_gate.hpp>
#include <tandem/bridge/kept_result.hpp>
#include <tandem/bridge/wait_graph.hpp>
#include <tandem/bridge/worker_pool.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/sync/slot_line.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_node.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

class Workers;

/// Where and how a job runs.
struct JobPlacement {
    std::optional<WorkerPool> pool;   ///< the loop's own if there is none
    std::shared_ptr<SlotLine> slots;  ///< the loop's own if null
    bool takes_slot = true;
    std::string key;               ///< of the thread it runs on; empty: any
    std::optional<Strand> strand;  ///< the same
    bool abandon = false;          ///< a cancelled awaiter leaves at once
    bool context_back = false;     ///< what the function changes in its context comes back
};

/// One call on a worker thread, as the loop, the thread and the awaiting task see it. For the library; users
/// have `to_thread`, `CancelToken`, `check_cancelled`.
class WorkerJob : public PoolJob, public std::enable_shared_from_this<WorkerJob> {
public:
    /// What the awaiting task is woken for.
    enum class Event : std::uint8_t {
        ended,    ///< the function has ended
        request,  ///< the function wants a Task to be run
        left,     ///< cancelled: it never began, or is left to itself
    };

    // The thread's side.

    /// Whether the awaiting task was cancelled.
    bool peek() const noexcept { return cancelled_.load(std::memory_order_acquire); }
    /// The same; if so the job ends as cancelled, whatever it returns.
    bool consume() noexcept {
        if (!peek()) return false;
        consumed_ = true;
        return true;
    }
    /// Errors: `Cancelled`.
    void throw_if_cancelled();
    /// As long as it lives, a cancel of the awaiting task opens `gate`, at which the worker waits.
    class CancelOpens {
    public:
        CancelOpens(WorkerJob& job, ThreadGate& gate);
        ~CancelOpens();
        CancelOpens(const CancelOpens&) = delete;
        CancelOpens& operator=(const CancelOpens&) = delete;

    private:
        WorkerJob& job_;
    };
    /// Runs `task`, which throws nothing, in the awaiting task, and waits for its end (sem:T3).
    ///
    /// Errors      `Cancelled` if the awaiting task is cancelled, `LoopClosed` if its loop is gone.
    enum class IfCancelled : std::uint8_t { throws, runs };
    void run_in_awaiting_task(Task<void> task, const BlockingWait& wait,
                              IfCancelled if_cancelled = IfCancelled::throws);

    /// From the start to the end of a job, in the awaiting task. Throws what keeps it from starting, and
    /// `Cancelled`; not what the function threw.
    static Task<void> await(std::shared_ptr<WorkerJob> job, JobPlacement placement);

    // For the wait-for graph.

    /// What its thread waits for; under the graph's lock.
    std::shared_ptr<OutsideWait> wait_of_thread;
    /// If it is queued and no thread is free to take it: the jobs that they have.
    std::vector<std::shared_ptr<PoolJob>> ahead_in_pool() const { return pool_->ahead_of(*this); }
    const SourceLocation& started_at() const { return started_at_; }
    bool holds_slot_of(const SlotLine& line) const { return slot_.line() == &line; }
    /// The task that awaits it; null once it does no more. On its loop.
    TaskNode* awaiting() const { return awaiting_; }
    /// What it asked for ended with `error`, which the function is about to see.
    void throws(const std::exception_ptr& error) noexcept;

    // For Workers.
    ListLink<WorkerJob> job_link;
    /// The loop closes: a thread that waits for it is told.
    void loop_gone() noexcept;

protected:
    WorkerJob() : notice_(*this) {}
    ~WorkerJob() override = default;
    /// Calls the function and keeps what comes of it. Throws nothing but the forced unwinding of a thread
    /// that ends (sem:W3).
    virtual void call() = 0;
    /// In a catch block: what was caught; goes on with a forced unwinding, once `error` says so.
    static void keep_caught(std::exception_ptr& error);
    /// The error it ended with; null for a value.
    virtual std::exception_ptr take_error() noexcept = 0;
    virtual bool failed() const noexcept = 0;

private:
    class AskWait;
    class EventWait;
    // A worker waits for one answer at a time, so one notice is under way at most.
    struct Notice final : Runnable {
        explicit Notice(WorkerJob& j) : job(j) {}
        void run() override { std::exchange(self, nullptr)->arrived(); }
        void discard() noexcept override { std::exchange(self, nullptr)->discarded(); }
        WorkerJob& job;
        std::shared_ptr<WorkerJob> self;  // while it is posted
    };
    struct Request {
        explicit Request(Task<void> t) : task(std::move(t)) {}
        Task<void> task;
        ThreadGate answered;
        std::exception_ptr failure;
    };

    void run() final;
    void has_run() noexcept;
    void dropped() noexcept final;
    bool post() noexcept;
    void arrived() noexcept;
    void discarded() noexcept;
    void begin(TaskNode& task, Workers& workers, JobPlacement& placement);
    void answer(std::exception_ptr failure) noexcept;
    void note_cancel(const TaskNode& task) noexcept;
    std::exception_ptr cancelled_error();
    void report_late_end(EventLoop& loop) noexcept;
    void report_swallowed() noexcept;
    void unregister() noexcept;

    Notice notice_;
    std::atomic<bool> cancelled_ = false;
    bool consumed_ = false;
    bool saw_cancel_ = false;  // a Cancelled was thrown in it
    bool swallowed_ = false;   // and it gave a value
    bool dropped_ = false;     // its pool ended first
    Context context_;          // a copy of the awaiting task's; once it runs, the thread's alone
    std::shared_ptr<LoopLife> life_;
    std::mutex mutex_;
    SharedReason reason_;         // of the cancellation
    ThreadGate* gate_ = nullptr;  // that a cancellation opens
    Request* request_ = nullptr;  // on the waiting worker's stack

    // The loop's thread alone.
    Workers* workers_ = nullptr;
    std::shared_ptr<WorkerJob> registered_;  // itself, from submission to its end
    TaskNode* waiter_ = nullptr;
    TaskNode* awaiting_ = nullptr;
    SlotLine::Hold slot_;
    std::optional<WorkerPool> pool_;
    std::string task_name_;  // of the awaiting task, if the job may outlive it
    SourceLocation started_at_;
    bool abandons_ = false;
    bool has_request_ = false;
    bool ended_ = false;
    bool left_ = false;
};

/// The job whose function runs on this thread; null elsewhere.
WorkerJob* current_worker_job() noexcept;

/// What a destructor waits for while an exception unwinds: a cancel does not enter, the loop's grace ends it
/// (sem:C27).
template <class T>
Task<T> in_grace(Task<T> task) {
    Task<T> shielded = shield(std::move(task), Deadline(cleanup_grace()));
    co_return co_await std::move(shielded);
}

/// Runs `task` to its end in the task that awaits the current job, in the worker's context, and gives its
/// result to the worker.
template <class T>
T run_in_awaiting_task(WorkerJob& job, Task<T> task, const BlockingWait& wait,
                       ContextFlow flow = ContextFlow::down) {
    struct Answer {
        Context context = Context::current();
        std::exception_ptr error;
        std::optional<KeptResult<T>> value;
    } answer;
    const auto serve = [](Task<T> asked, Answer& into) -> Task<void> {
        const InContext inside(into.context);
        try {
            if constexpr (std::is_void_v<T>) {
                co_await std::move(asked);
            } else if constexpr (std::is_reference_v<T>) {
                T value = co_await std::move(asked);
                into.value.emplace(std::addressof(value));
            } else {
                T value = co_await std::move(asked);
                into.value.emplace(std::move(value));
            }
        } catch (...) {
            into.error = std::current_exception();
        }
    };
    using enum WorkerJob::IfCancelled;
    const auto if_cancelled = is_no_checkpoint(task.born()) ? runs : throws;
    if (std::uncaught_exceptions() > 0) task = in_grace(std::move(task));
    job.run_in_awaiting_task(serve(std::move(task), answer), wait, if_cancelled);
    if (flow == ContextFlow::back) answer.context.swap_with_current();
    if (answer.error) {
        job.throws(answer.error);
        std::rethrow_exception(answer.error);
    }
    if constexpr (std::is_reference_v<T>)
        return static_cast<T>(**answer.value);
    else if constexpr (!std::is_void_v<T>)
        return std::move(*answer.value);
}

}  // namespace tandem::inline v1
