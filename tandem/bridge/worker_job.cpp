#include <tandem/bridge/worker_job.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/counted_wait.hpp>
#include <tandem/bridge/workers_internal.hpp>
#include <tandem/task/await_cycle.hpp>
#include <tandem/task/task_handle.hpp>

#include <cxxabi.h>
#include <pthread.h>

#include <stdexcept>

namespace tandem::inline v1 {
namespace {

constinit thread_local WorkerJob* job_of_this_thread = nullptr;

// A child forked by a worker is no worker: the task that awaits the job is the parent's.
[[maybe_unused]] const int watches_children =
    ::pthread_atfork(nullptr, nullptr, [] { job_of_this_thread = nullptr; });

}  // namespace

WorkerJob* current_worker_job() noexcept { return job_of_this_thread; }

// The thread's side.

void WorkerJob::run() {
    job_of_this_thread = this;
    try {
        const InContext inside(context_);
        call();
    } catch (const abi::__forced_unwind&) {
        has_run();
        throw;
    }
    has_run();
}

void WorkerJob::keep_caught(std::exception_ptr& error) {
    try {
        throw;
    } catch (const abi::__forced_unwind&) {
        error = std::make_exception_ptr(std::runtime_error(
            "a thread job ended its own thread, by pthread_exit() or pthread_cancel(), and has no result: "
            "return from its function instead"));
        throw;
    } catch (...) {
        error = std::current_exception();
    }
}

void WorkerJob::has_run() noexcept {
    swallowed_ = saw_cancel_ && !consumed_ && !failed();
    job_of_this_thread = nullptr;
    post();
}

void WorkerJob::dropped() noexcept {
    dropped_ = true;
    post();
}

// False if the loop is closed: then nobody wants to know.
bool WorkerJob::post() noexcept {
    const std::lock_guard lock(life_->mutex);
    if (!life_->loop) return false;
    notice_.self = shared_from_this();
    if (life_->loop->try_post_threadsafe(notice_)) return true;
    notice_.self = nullptr;
    return false;
}

std::exception_ptr WorkerJob::cancelled_error() {
    SharedReason reason;
    {
        const std::lock_guard lock(mutex_);
        reason = reason_;
    }
    if (!reason) reason = make_reason("the event loop closes", SourceLocation());
    try {
        CancelledAccess::raise(reason);
    } catch (...) {
        return std::current_exception();
    }
}

void WorkerJob::throw_if_cancelled() {
    if (!peek()) return;
    saw_cancel_ = true;
    std::rethrow_exception(cancelled_error());
}

WorkerJob::CancelOpens::CancelOpens(WorkerJob& job, ThreadGate& gate) : job_(job) {
    const std::lock_guard lock(job_.mutex_);
    job_.gate_ = &gate;
    if (job_.peek()) gate.open();
}

WorkerJob::CancelOpens::~CancelOpens() {
    const std::lock_guard lock(job_.mutex_);
    job_.gate_ = nullptr;
}

void WorkerJob::throws(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled&) {
        saw_cancel_ = true;
    } catch (...) {  // its own affair
    }
}

/// A worker's wait for the task that awaits its job.
class WorkerJob::AskWait final : public OutsideWait {
public:
    AskWait(const BlockingWait& wait, WorkerJob& job) : OutsideWait(wait), job_(job.weak_from_this()) {
        thread = worker_name();
    }
    bool asks_awaiting_task() const noexcept override { return true; }

private:
    TaskNode* target() const override {
        const auto job = job_.lock();
        return job ? job->awaiting() : nullptr;
    }
    // The task is at what it was asked to run: what that waits for is refused, and the worker hears of it.
    bool refuse(const std::exception_ptr& error) noexcept override {
        struct Refusal final : Runnable {
            Refusal(std::shared_ptr<OutsideWait> k, AskWait& a, std::exception_ptr e)
                : keep(std::move(k)), ask(a), why(std::move(e)) {}
            void run() override {
                const std::unique_ptr<Refusal> self(this);
                TaskNode* const task = ask.target();
                if (task && waits_for_good(*task)) task->waiting()->refuse(why);
            }
            void discard() noexcept override { delete this; }
            std::shared_ptr<OutsideWait> keep;
            AskWait& ask;
            std::exception_ptr why;
        };
        const auto job = job_.lock();
        if (!job) return false;
        try {
            auto refusal = std::make_unique<Refusal>(shared_from_this(), *this, error);
            const std::lock_guard lock(job->life_->mutex);
            if (!job->life_->loop || !job->life_->loop->try_post_threadsafe(*refusal)) return false;
            static_cast<void>(refusal.release());
            return true;
        } catch (const std::bad_alloc&) {
            return false;
        }
    }
    std::weak_ptr<WorkerJob> job_;
};

void WorkerJob::run_in_awaiting_task(Task<void> task, const BlockingWait& wait, IfCancelled if_cancelled) {
    // Nothing is delivered while an exception is on its way (sem:C27).
    if (if_cancelled == IfCancelled::throws && std::uncaught_exceptions() == 0) throw_if_cancelled();
    Request request(std::move(task));
    const auto asks = std::make_shared<AskWait>(wait, *this);
    EventLoop* loop = nullptr;
    {
        const std::lock_guard lock(life_->mutex);
        loop = life_->loop;
    }
    if (loop) asks->enter(life_, *loop);  // under the graph's lock, which comes before the loop's
    struct Leave {
        OutsideWait& wait;
        ~Leave() { wait.leave(); }
    } const leave{*asks};
    const WaitOfJob waits(*this, asks);
    const CountedWait counted(wait);
    request_ = &request;
    if (!post()) {
        request_ = nullptr;
        throw LoopClosed(LoopClosedReason::closed,
                         "event loop is closed: get() in a worker thread has nobody to run its task");
    }
    request.answered.wait();
    if (request.failure) std::rethrow_exception(request.failure);
}

// The loop's side.

/// Waits for news of the job. No checkpoint: once the function runs, its end has to be waited for (sem:C76).
class WorkerJob::EventWait final : public Wait, public OutsideEdge {
public:
    explicit EventWait(WorkerJob& job) : job_(job) {}

    bool await_ready() noexcept {
        if (job_.ended_ || job_.has_request_) return true;
        return task().scope().cancelled() && request_cancel();
    }
    void await_suspend(std::coroutine_handle<>) noexcept {
        task().suspend(*this);
        job_.waiter_ = &task();
        loop().join_began();
    }
    const OutsideEdge* outside() const noexcept override { return this; }
    std::shared_ptr<WorkerJob> job() const override { return job_.shared_from_this(); }
    Event await_resume() {
        job_.waiter_ = nullptr;
        if (refused_) std::rethrow_exception(refused_);
        if (job_.left_) return Event::left;
        return job_.ended_ ? Event::ended : Event::request;
    }
    bool request_cancel() noexcept override {
        job_.note_cancel(task());
        if (job_.pool_->take_back(job_))
            job_.unregister();
        else if (!job_.abandons_)
            return false;
        job_.left_ = true;
        job_.waiter_ = nullptr;
        return true;
    }
    // Queued behind threads that wait for it.
    bool refuse(std::exception_ptr error) noexcept override {
        if (!job_.pool_->take_back(job_)) return false;
        job_.waiter_ = nullptr;
        job_.unregister();
        refused_ = std::move(error);
        task().wake();
        return true;
    }
    bool may_end_from_outside() const noexcept override { return true; }
    const char* waiting_for() const noexcept override { return "thread job"; }

private:
    WorkerJob& job_;
    std::exception_ptr refused_;
};

Task<void> WorkerJob::await(std::shared_ptr<WorkerJob> job, JobPlacement placement) {
    TaskNode& task = *current_task_node();
    Workers& workers = Workers::of(task.loop());
    workers.require_open();
    const Workers::Call call(workers);
    if (placement.takes_slot && !placement.slots) placement.slots = workers.slots();
    SlotLine::Acquire place(std::move(placement.slots));
    job->slot_ = co_await place;
    job->begin(task, workers, placement);
    struct Awaiting {
        Awaiting(WorkerJob& j, TaskNode& t) : awaited(j) { awaited.awaiting_ = &t; }
        ~Awaiting() { awaited.awaiting_ = nullptr; }
        WorkerJob& awaited;
    } const awaiting(*job, task);
    for (;;) {
        const Event event = co_await EventWait(*job);
        if (event == Event::ended) {
            if (placement.context_back) Context(job->context_).swap_with_current();
            break;
        }
        if (event == Event::left) task.throw_cancelled();
        Task<void> asked = std::move(job->request_->task);
        co_await std::move(asked);
        job->answer(nullptr);
    }
    if (job->dropped_)
        throw LoopClosed(LoopClosedReason::closed,
                         "the WorkerPool was shut down before this job's turn came");
    if (job->consumed_) task.throw_cancelled();
}

void WorkerJob::begin(TaskNode& task, Workers& workers, JobPlacement& placement) {
    life_ = task.loop().life();
    pool_ = placement.pool ? std::move(*placement.pool) : workers.pool();
    abandons_ = placement.abandon;
    if (abandons_) task_name_ = task.name();
    started_at_ = task.spawned_at();
    context_ = Context::current();
    std::string key = placement.strand ? placement.strand->key() : std::move(placement.key);
    registered_ = shared_from_this();
    workers_ = &workers;
    workers.add(*this);
    try {
        pool_->submit(shared_from_this(), key,
                      placement.strand ? placement.strand->life() : std::weak_ptr<const void>());
    } catch (...) {
        unregister();
        throw;
    }
}

void WorkerJob::unregister() noexcept {
    slot_.release();
    workers_->remove(*this);
    workers_ = nullptr;
    const auto last = std::move(registered_);
}

void WorkerJob::arrived() noexcept {
    if (!workers_) return;
    if (request_) {
        has_request_ = true;
        workers_->job_waits();
        if (left_) answer(cancelled_error());
    } else {
        EventLoop& loop = this_loop();
        ended_ = true;
        unregister();
        if (left_)
            report_late_end(loop);
        else if (swallowed_)
            report_swallowed();
    }
    if (waiter_) std::exchange(waiter_, nullptr)->wake();
}

void WorkerJob::report_late_end(EventLoop& loop) noexcept {
    const auto failure = take_error();
    loop.call_exception_handler({failure ? "a thread job that was abandoned on cancel failed"
                                         : "a thread job that was abandoned on cancel gave a value",
                                 failure, task_name_, started_at_, Severity::suppressed});
}

void WorkerJob::report_swallowed() noexcept {
    if (!waiter_ || !waiter_->scope().cancelled()) return;
    waiter_->loop().call_exception_handler(
        {"a thread job swallowed Cancelled and returned: catch (...) must rethrow it, or the job ends later "
         "than it was asked to",
         nullptr, waiter_->name(), started_at_, Severity::warning});
}

void WorkerJob::discarded() noexcept {
    if (request_) {
        if (!has_request_ && workers_) workers_->job_waits();
        answer(std::make_exception_ptr(LoopClosed(
            LoopClosedReason::closed, "event loop was closed while a worker thread waited for it")));
    }
}

void WorkerJob::loop_gone() noexcept {
    if (has_request_) discarded();
    slot_.forget();
    workers_ = nullptr;
    const auto last = std::move(registered_);
}

void WorkerJob::answer(std::exception_ptr failure) noexcept {
    has_request_ = false;
    if (workers_) workers_->job_goes_on();
    Request& request = *std::exchange(request_, nullptr);
    request.failure = std::move(failure);
    request.answered.open();
}

void WorkerJob::note_cancel(const TaskNode& task) noexcept {
    if (peek()) return;
    {
        const std::lock_guard lock(mutex_);
        reason_ = task.scope().reason();
    }
    cancelled_.store(true, std::memory_order_release);
    const std::lock_guard lock(mutex_);
    if (gate_) gate_->open();
}

// The loop's jobs.

Workers& Workers::of(EventLoop& loop) {
    if (!loop.workers()) loop.set_workers(std::make_unique<Workers>(loop));
    return static_cast<Workers&>(*loop.workers());
}

Workers::~Workers() {
    while (WorkerJob* const job = jobs_.pop_front()) job->loop_gone();
}

void Workers::require_open() const {
    if (closed_)
        throw LoopClosed(LoopClosedReason::closed,
                         "this event loop's workers were shut down: it takes no more thread jobs");
}

WorkerPool& Workers::pool() {
    if (!pool_) {
        pool_.emplace();
        own_pool_ = true;
    }
    return *pool_;
}

void Workers::set_pool(WorkerPool pool) {
    pool_ = std::move(pool);
    own_pool_ = false;
}

void Workers::end_pool() {
    if (own_pool_ && pool_) pool_->shut_down(jobs_.empty() ? Duration::max() : Duration::zero());
    pool_.reset();
}

std::vector<std::shared_ptr<WorkerJob>> Workers::holders_of(const SlotLine& slots) const {
    std::vector<std::shared_ptr<WorkerJob>> holders;
    for (WorkerJob* job = jobs_.front(); job; job = jobs_.next_of(*job)) {
        if (job->holds_slot_of(slots)) holders.push_back(job->shared_from_this());
    }
    return holders;
}

void Workers::wake_waiters() noexcept {
    if (!idle()) return;
    while (IdleWait* const waiter = waiters_.pop_front()) waiter->task().wake();
}

void Workers::warn_of_running(EventLoop& loop, const char* who) const {
    std::size_t count = 0;
    for (const WorkerJob* job = jobs_.front(); job; job = jobs_.next_of(*job)) ++count;
    loop.call_exception_handler({std::string(who) + ": " + std::to_string(count) +
                                     " thread job(s) did not end in time and are left to themselves",
                                 nullptr,
                                 {},
                                 {},
                                 Severity::warning});
}

void Workers::finish(EventLoop& loop, Duration limit) noexcept {
    closed_ = true;
    struct Drain {
        Workers& workers;
        TimePoint limit;
        static bool over(void* argument) {
            auto& drain = *static_cast<Drain*>(argument);
            return drain.workers.jobs_.empty() || real_time().now() >= drain.limit;
        }
    } drain{*this, saturating_add(real_time().now(), limit)};
    while (!Drain::over(&drain) && !this_loop_or_null()) {
        try {
            Handle alarm = loop.call_later(limit, [] {});
            loop.drive(&Drain::over, &drain);
            alarm.cancel();
        } catch (...) {
            loop.call_exception_handler({"an exception left the loop while it waited for its thread jobs",
                                         std::current_exception(),
                                         {},
                                         {},
                                         Severity::error});
        }
    }
    if (!jobs_.empty()) warn_of_running(loop, "closing an event loop");
    end_pool();
}

}  // namespace tandem::inline v1
