#include <tandem/bridge/pending.hpp>

#include <tandem/bridge/fiber.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_fiber.hpp>

namespace tandem::inline v1 {

void PendingCore::watch(TaskNode& task) {
    if (task.done()) {
        take_from(task, true);
        finish();
        return;
    }
    self_ = shared_from_this();
    SharedReason early;
    {
        const std::lock_guard lock(mutex_);
        task_ = &task;
        early = std::move(early_cancel_);
    }
    task.add_hook(*this);
    if (early) task.cancel(std::move(early));
}

void PendingCore::task_done(TaskNode& task) noexcept {
    const auto keep = std::move(self_);
    {
        const std::lock_guard lock(mutex_);
        task_ = nullptr;
    }
    // Nobody asked for this one's end but the loop, which is closing (sem:B24).
    const bool given_up = task.domain().root().cancelled() && !task.requested() &&
                          task.result() != PromiseBase::Result::value &&
                          task.result() != PromiseBase::Result::error;
    if (given_up) {
        fail(std::make_exception_ptr(
            LoopClosed(loop_->closed_reason(), task.name() + " was cancelled: its event loop is closed")));
        return;
    }
    take_from(task, task.references() > 1);  // one is the loop's own
    finish();
}

void PendingCore::task_abandoned() noexcept {
    const auto keep = std::move(self_);
    {
        const std::lock_guard lock(mutex_);
        task_ = nullptr;
    }
    fail(std::make_exception_ptr(LoopClosed(
        loop_->closed_reason(), "event loop is closed: the task did not end in time and is left behind")));
}

bool PendingCore::loop_idle_here() {
    const std::lock_guard lock(mutex_);
    return !done() && loop_->idle_here();
}

std::shared_ptr<LoopLife> PendingCore::life_while_pending() {
    const std::lock_guard lock(mutex_);
    return done() ? nullptr : loop_->life();
}

void PendingCore::finish() {
    const auto keep = shared_from_this();
    std::vector<UniqueFunction<void()>> callbacks;
    {
        const std::lock_guard lock(mutex_);
        callbacks.swap(callbacks_);
        gate_.open();
    }
    for (auto& fn : callbacks) call(fn);
}

void PendingCore::call(UniqueFunction<void()>& fn) noexcept {
    try {
        fn();
    } catch (...) {
        loop_->call_exception_handler({"exception in a done callback of a Pending",
                                       std::current_exception(),
                                       {},
                                       born_,
                                       Severity::error});
    }
}

void PendingCore::when_done(UniqueFunction<void()> fn) {
    {
        const std::lock_guard lock(mutex_);
        if (!gate_.is_open()) {
            callbacks_.push_back(std::move(fn));
            return;
        }
    }
    call(fn);
}

bool PendingCore::cancel(std::string reason, SourceLocation where) {
    if (done()) return false;
    auto shared = make_reason(reason, where);
    const auto ask = [self = shared_from_this(), shared] {
        if (self->done()) return;
        if (self->task_)
            self->task_->cancel(shared);
        else
            self->early_cancel_ = shared;
    };
    if (this_loop_or_null() == loop_) {
        ask();
        return true;
    }
    try {
        loop_->call_soon_threadsafe(ask);
    } catch (const LoopClosed&) {
        return false;
    }
    return true;
}

bool PendingCore::wait_on_fiber(Deadline limit, const SourceLocation& where) {
    const auto until = [](std::shared_ptr<PendingCore> core) -> Task<void> { co_await PendingWait(core); };
    return get_on_fiber(*current_fiber(), move_on_after(limit, until(shared_from_this())), where);
}

void throw_pending_timeout(const SourceLocation& born, const SourceLocation& where) {
    throw TimeoutError(std::string("get() at ") + where.file_name() + ":" + std::to_string(where.line()) +
                       " ran out of time waiting for " + born.function_name() + " (" + born.file_name() +
                       ":" + std::to_string(born.line()) + "), which goes on; get_or_cancel() would end it");
}

void PendingWait::start() noexcept {
    relay_ = std::make_shared<Relay>(*this, loop());
    core_->when_done([relay = relay_] {
        const std::lock_guard lock(relay->mutex);
        if (!relay->loop) return;
        try {
            relay->loop->call_soon_threadsafe([relay] {
                if (relay->wait) std::exchange(relay->wait, nullptr)->task().wake();
            });
        } catch (const LoopClosed&) {  // nobody waits there any more
        }
    });
    noted_ = note_task_wait(*this, task(), "co_await of a Pending", core_);
}

bool PendingWait::refuse(std::exception_ptr error) noexcept {
    refused_ = std::move(error);
    request_cancel();
    task().wake();
    return true;
}

bool PendingWait::request_cancel() noexcept {
    cancelled_ = true;
    leave_graph();
    relay_->wait = nullptr;
    const std::lock_guard lock(relay_->mutex);
    relay_->loop = nullptr;
    return true;
}

}  // namespace tandem::inline v1
