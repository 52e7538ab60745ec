#include <tandem/bridge/to_thread.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/workers_internal.hpp>
#include <tandem/task/cancel_scope.hpp>

namespace tandem::inline v1 {
namespace {

Task<void> wait_until_idle(Workers& workers) {
    while (!workers.idle()) {
        Workers::IdleWait idle(workers);
        co_await idle;
    }
}

Task<void> shut_down(EventLoop& loop, Deadline limit) {
    Workers& workers = Workers::of(loop);
    workers.close();
    if (!workers.idle()) co_await move_on_after(limit, wait_until_idle(workers));
    if (!workers.idle()) workers.warn_of_running(loop, "shutdown_workers()");
    workers.end_pool();
}

}  // namespace

void check_cancelled() {
    WorkerJob* const job = current_worker_job();
    if (!job)
        throw InvalidStateError(
            "check_cancelled() was called outside a to_thread job: in a coroutine use co_await checkpoint()");
    job->throw_if_cancelled();
}

void EventLoop::set_worker_pool(WorkerPool pool) {
    require_open("set its worker pool");
    Workers::of(*this).set_pool(std::move(pool));
}

Task<void> EventLoop::shutdown_workers(Deadline limit) { return shut_down(*this, limit); }

}  // namespace tandem::inline v1
