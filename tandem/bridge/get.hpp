#pragma once

#include <tandem/base/frame_memory.hpp>
#include <tandem/base/time.hpp>
#include <tandem/bridge/blocking_wait.hpp>
#include <tandem/bridge/caller.hpp>
#include <tandem/bridge/counted_wait.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/interrupt_scope.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/portal.hpp>
#include <tandem/bridge/worker_job.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_fiber.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/timeout.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// `f().get({.deadline = 2s, .context = ContextFlow::back})`.
struct GetOptions {
    Deadline deadline = {};
    /// Past the deadline the work goes on and only the wait ends.
    bool detach_on_timeout = false;
    /// `back`: the task-locals that the call changed are changed here too when it returns or throws.
    ContextFlow context = ContextFlow::down;
};

// Blocking waits from plain code. A loop's own thread gets WouldDeadlock before anything is started (sem:T4,
// B1); on a worker thread the task that awaits the worker's job does the work (sem:T3), on a fiber the
// fiber's own task (sem:T2).

/// A call whose caller waits for its end, whatever happens, and owns all of it. For a loop that ends what it
/// took: the background one. Only a process that exits may have to leave it to a loop that is stuck.
template <class T>
class BlockingCall final : public SubmittedTask {
public:
    BlockingCall(EventLoop& loop, Task<T> task, SourceLocation where)
        : SubmittedTask(loop, task.born(), where), task_(std::move(task)), context_(Context::current()) {}
    static void* operator new(std::size_t bytes) { return frame_memory::allocate(bytes); }
    static void operator delete(void* block, std::size_t bytes) noexcept {
        frame_memory::release(block, bytes);
    }
    struct Owner {
        void operator()(BlockingCall* call) const noexcept {
            if (!call->was_left_at_exit()) delete call;
        }
    };
    void submit() { SubmittedTask::submit(nullptr); }
    /// Precondition: done.
    T take() {
        if (!outcome_->has_value()) note_waited_for(outcome_->exception(), failure(), spawned_at());
        return std::move(*outcome_).value();
    }

private:
    TaskNode& start_task(const TaskOptions& options) override {
        return start_submitted(loop(), task_, context_, options, spawned_at());
    }
    void drop_work() noexcept override { task_.reset(); }
    void take_from(TaskNode& task, bool) override {
        task.add_reference();
        outcome_.emplace(TaskHandle<T>(task).take_outcome());
    }
    void set_failure(std::exception_ptr error) noexcept override {
        outcome_.emplace(Error(std::move(error)));
    }
    void completed(bool) noexcept override { open_gate(); }
    bool may_be_left() const noexcept override { return false; }

    std::optional<Task<T>> task_;
    Context context_;
    std::optional<Outcome<T>> outcome_;
};

/// Runs `task` in a task of its own and waits for it up to the deadline, past which it goes on. A cancel of
/// the wait before that is one of the work.
template <class T>
Task<T> leave_at_timeout(GetOptions options, Task<T> task, SourceLocation where) {
    const auto born = task.born();
    const auto join = [](TaskHandle<T> joined) -> Task<void> { co_await joined.join_only(); };
    TaskHandle<T> handle = create_task(std::move(task), where);
    bool ended = false;
    bool asked = false;
    try {
        ended = co_await move_on_after(options.deadline, join(handle));
    } catch (const Cancelled&) {
        asked = true;
    }
    if (asked) co_return co_await own(std::move(handle));
    if (!ended) throw_pending_timeout(born, where);
    if (options.context == ContextFlow::back) handle.context().swap_with_current();
    co_return handle.take_result();
}

/// Makes the task-locals of a call its caller's when it is over, however it ends.
class ContextBack {
public:
    ContextBack(ContextFlow flow, Context& from) : from_(flow == ContextFlow::back ? &from : nullptr) {}
    ContextBack(const ContextBack&) = delete;
    ContextBack& operator=(const ContextBack&) = delete;
    ~ContextBack() {
        if (!from_) return;
        Context taken = *from_;
        taken.swap_with_current();
    }

private:
    Context* from_;
};

template <class T>
T Task<T>::get(SourceLocation where) && {
    require();
    const BlockingWait wait{"get()", where, born()};
    if (FiberCore* const fiber = current_fiber()) {
        count_wait(wait);
        return get_on_fiber(*fiber, std::move(*this), where);
    }
    const CallerKind kind = refuse_to_block(wait);
    if (kind == CallerKind::portal) {
        count_wait(wait);
        return get_in_portal(std::move(*this), where);
    }
    if (kind == CallerKind::worker)
        return run_in_awaiting_task(*current_worker_job(), std::move(*this), wait);
    if (kind == CallerKind::owner || interrupts_end_waits())
        return std::move(*this).start(on_loop_of_caller(), where).get(where);
    // A plain thread's wait closes no cycle: nobody waits for it in turn.
    const std::shared_ptr<EventLoop> loop = share_background_loop();
    const std::unique_ptr<BlockingCall<T>, typename BlockingCall<T>::Owner> call(
        new BlockingCall<T>(*loop, std::move(*this), where));
    call->submit();
    wait_counted(*call, wait);
    return call->take();
}

template <class T>
T Task<T>::get(Deadline deadline, SourceLocation where) && {
    return std::move(*this).get(GetOptions{.deadline = deadline}, where);
}

template <class T>
T Task<T>::get(const GetOptions& options, SourceLocation where) && {
    require();
    const BlockingWait wait{"get(deadline)", where, born()};
    const CallerKind kind = refuse_to_block(wait);
    const auto limited = [&] {
        return options.detach_on_timeout ? leave_at_timeout(options, std::move(*this), where)
                                         : timeout(options.deadline, std::move(*this));
    };
    if (waits_on_its_stack(kind)) {
        count_wait(wait);
        return get_on_this_stack(limited(), where);
    }
    if (kind == CallerKind::worker)
        return run_in_awaiting_task(*current_worker_job(), limited(), wait, options.context);
    auto state = std::make_shared<PendingState<T>>(on_loop_of_caller(), std::move(*this), where);
    if (options.context == ContextFlow::back) state->keep_context();
    state->submit();
    Pending<T> pending(state);
    if (options.detach_on_timeout && !pending.wait(options.deadline, where))
        throw_pending_timeout(state->born(), where);
    const ContextBack back(options.context, state->context());
    return pending.get_or_cancel(options.deadline, where);
}

/// What a scope can keep of a task that gives a reference.
template <class T>
Task<std::remove_reference_t<T>*> address_of_result(Task<T> task) {
    T result = co_await std::move(task);
    co_return std::addressof(result);
}

template <class T>
template <class Stop>
    requires requires(const Stop& stop) { stop.stop_requested(); }
T Task<T>::get(Stop stop, SourceLocation where) && {
    require();
    constexpr const char* why = "get(stop_token) was asked to stop";
    const BlockingWait wait{"get(stop_token)", where, born()};
    const CallerKind kind = refuse_to_block(wait);
    if (!waits_on_its_stack(kind) && kind != CallerKind::worker) {
        const Pending<T> pending = std::move(*this).start(on_loop_of_caller(), where);
        const std::stop_callback asks(std::move(stop), [&pending, where] { pending.cancel(why, where); });
        return Pending<T>(pending).get(where);
    }
    if (waits_on_its_stack(kind)) count_wait(wait);
    CancelScope scope;
    const std::stop_callback asks(std::move(stop), [scope]() mutable { scope.cancel(why); });
    const auto in_scope = [&] {
        if constexpr (std::is_reference_v<T>)
            return scope.run(address_of_result(std::move(*this)));
        else
            return scope.run(std::move(*this));
    };
    auto inside = in_scope();
    auto result = waits_on_its_stack(kind)
                      ? get_on_this_stack(std::move(inside), where)
                      : run_in_awaiting_task(*current_worker_job(), std::move(inside), wait);
    if (!result) throw TaskCancelled("get(stop_token)", why);
    if constexpr (std::is_reference_v<T>)
        return static_cast<T>(**result);
    else if constexpr (!std::is_void_v<T>)
        return std::move(*result);
}

}  // namespace tandem::inline v1
