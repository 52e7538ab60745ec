#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/signals_internal.hpp>

#include <cxxabi.h>

#include <exception>
#include <string>

// How a loop ends (sem:L23), and what becomes of one in a forked child.

namespace tandem::inline v1 {

void EventLoop::close() {
    if (lost()) return;  // the parent's to close
    if (is_running())
        throw InvalidStateError(
            "cannot close a running event loop: stop() it first, or close it after run_forever()");
    if (closed_) return;
    if (this_loop_or_null() && tenant_ && tenant_->live() > 0)
        throw WouldDeadlock(
            "an event loop with live tasks was closed under another one that is running: closing drives its "
            "tasks to "
            "their end, which would stop the other; close it in plain code");

    closing_ = true;
    if (lives() || (tenant_ && !this_loop_or_null() && tenant_->more_to_end())) drain();
    const bool left_behind = tenant_ && tenant_->live() > 0;  // they must not run any more
    if (workers_) workers_->finish(*this, left_behind ? Duration::zero() : close_grace_);
    let_go();
    if (debug_ && (close_record_.callbacks > 0 || close_record_.timers > 0))
        call_exception_handler({"an event loop dropped " + std::to_string(close_record_.callbacks) +
                                    " callbacks and " + std::to_string(close_record_.timers) +
                                    " timers when it closed",
                                nullptr,
                                {},
                                made_at_,
                                Severity::info});
}

bool EventLoop::lives() const noexcept {
    return (tenant_ && tenant_->live() > 0) || (portal_ && portal_->parked() > 0);
}

void EventLoop::drain() {
    close_record_.pending_tasks = tenant_->live();
    tenant_->cancel_all();
    struct Drain {
        EventLoop& loop;
        TimePoint limit;
    } drain{*this, saturating_add(time(), close_grace_)};
    // Whatever ends this turn's drive early, an exit_with() in a cleanup say, must not stop the rest.
    while ((lives() || tenant_->more_to_end()) && time() < drain.limit) {
        try {
            const auto guard = call_at(drain.limit, [] {});
            drive(
                [](void* argument) {
                    auto& d = *static_cast<Drain*>(argument);
                    return !d.loop.lives() || d.loop.time() >= d.limit;
                },
                &drain);
            Handle(guard).cancel();
        } catch (const abi::__forced_unwind&) {
            throw;
        } catch (...) {
            call_exception_handler({"an exception left the loop while it closed",
                                    std::current_exception(),
                                    {},
                                    {},
                                    Severity::error});
        }
    }
    close_record_.leaked_tasks = tenant_->live();
    if (tenant_->live() > 0) tenant_->abandon();
}

void EventLoop::let_go() noexcept {
    const auto discard = [this](ReadyQueue& queue) {
        while (!queue.empty()) {
            Runnable& entry = queue.pop();
            const EntryKind kind = entry.kind();
            if (kind == EntryKind::callback || kind == EntryKind::post) ++close_record_.callbacks;
            if (kind == EntryKind::timer) ++close_record_.timers;
            entry.discard();
        }
    };
    forget_signals(*this);
    closed_ = true;
    while (RegisteredWaker* waker = wakers_.pop_front()) waker->loop_closes();
    ReadyQueue left;
    left.append(ready_);
    mailbox_.close(left);
    left_.store(false);  // from now on a post is refused
    drop_watches();
    discard(left);
    discard(ready_);  // what the discarded ones posted
    while (auto* call = planned_calls_.front()) {
        ++close_record_.timers;
        call->drop();
    }
    portal_.reset();
    workers_.reset();  // threads that wait for this loop are told
    mailbox_.wait_for_wakers();
    {
        const std::lock_guard lock(life_->mutex);
        life_->loop = nullptr;
    }
    backend_.reset();  // cancels and reaps what is in flight, of leaked tasks too
    discard(ready_);
    tenant_.reset();
    fibers_.reset();
}

// In a forked child: the ring and the threads are the parent's, and nothing of them may be touched; what they
// may still write to stays where it is. Our own descriptors are closed.
void EventLoop::leave_to_parent() noexcept {
    {
        const std::lock_guard lock(life_->mutex);
        life_->loop = nullptr;
    }
    while (RegisteredWaker* waker = wakers_.pop_front()) waker->loop_lost();
    if (backend_) backend_->leave_to_parent();
    static_cast<void>(backend_.release());
    static_cast<void>(tenant_.release());
    static_cast<void>(workers_.release());
    static_cast<void>(fibers_.release());
    static_cast<void>(portal_.release());
}

}  // namespace tandem::inline v1
