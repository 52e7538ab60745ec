#include <tandem/bridge/portal.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber_core_internal.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/wait.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1 {
namespace {

// Of the thread that asks now: a step may go on in another function than the one that noted it (sem:F15).
[[gnu::noinline]] TaskNode* exchange_running_task(TaskNode* task) noexcept {
    asm volatile("" : "+r"(task));
    return std::exchange(running_task_node, task);
}

/// The stacks of a loop's turns. One of them dispatches: it polls, and runs the entries of the batch. When
/// one of these waits it keeps that stack, and another dispatches. When the wait is over, an entry enters the
/// stack again, which then ends what it had begun and is spare.
class Portal final : public LoopPortal {
public:
    explicit Portal(EventLoop& loop) : loop_(loop) {}
    ~Portal() override {
        closing_ = true;
        if (dispatcher) spare_.push_back(dispatching());
        for (const Stack* stack : spare_) {
            if (stack->core->begun()) stack->core->enter();
            stack->core->dispose();
            delete stack;
        }
        if (parked_ > 0)
            loop_.call_exception_handler(
                {std::to_string(parked_) +
                     " step(s) of a loop made with Blocking::portal still waited in get() when it closed; "
                     "their "
                     "stacks stay where they are, and what stands on them is not destroyed",
                 nullptr,
                 {},
                 {},
                 Severity::warning});
    }

    void turn(TimePoint limit) override {
        if (parked_ > 0 && thread_ != &fiber_record())
            throw WrongThread(
                "a loop made with Blocking::portal is driven by another thread than before, while " +
                std::to_string(parked_) +
                " step(s) wait in get() on their stacks: they must end where they began");
        thread_ = &fiber_record();
        Context outside;  // of whoever drives the loop
        outside.swap_with_current();
        limit_ = limit;
        begun_ = over_ = false;
        try {
            while (!over_) {
                if (!dispatcher) dispatcher = take();
                dispatching()->core->enter();
            }
        } catch (...) {
            error_ = std::current_exception();
        }
        outside.swap_with_current();
        if (error_) [[unlikely]]
            std::rethrow_exception(std::exchange(error_, nullptr));
    }
    std::size_t parked() const noexcept override { return parked_; }

    /// Suspends the stack that it is called on until somebody enters it again.
    void park() {
        if (spare_.empty()) spare_.push_back(take());  // the loop must be able to go on
        FiberCore& here = *fiber_record().stack;
        TaskNode* const task = exchange_running_task(nullptr);
        Context context;
        context.swap_with_current();
        ++parked_;
        in_entry = false;
        if (dispatcher && dispatching()->core == &here) dispatcher = nullptr;
        here.leave();
        --parked_;
        context.swap_with_current();
        exchange_running_task(task);
    }

private:
    struct Stack {
        Portal* portal;
        FiberCore* core = nullptr;
    };

    const Stack* dispatching() const noexcept { return static_cast<const Stack*>(dispatcher); }
    const Stack* take() {
        if (spare_.empty()) {
            auto made = std::make_unique<Stack>(Stack{this});
            spare_.reserve(++stacks_);  // what is given back later is given back without failing
            const auto body = [](void* stack) noexcept {
                auto& it = *static_cast<Stack*>(stack);
                it.portal->work(it);
            };
            made->core =
                &FiberCore::make(FiberStacks::of(loop_), FiberOptions().stack, nullptr, body, made.get());
            made->core->be_reportable();
            return made.release();
        }
        const Stack* const stack = spare_.back();
        spare_.pop_back();
        return stack;
    }

    // On a stack of ours: a turn, or the rest of one that another stack was left with.
    void work(Stack& here) noexcept {
        while (!closing_) {
            try {
                if (!std::exchange(begun_, true)) loop_.begin_turn(limit_);
                loop_.finish_turn();
            } catch (...) {
                error_ = std::current_exception();
            }
            if (dispatcher == &here)
                over_ = true;
            else
                spare_.push_back(&here);
            here.core->leave();
        }
    }

    EventLoop& loop_;
    std::vector<const Stack*> spare_;
    std::size_t stacks_ = 0;
    std::size_t parked_ = 0;
    const void* thread_ = nullptr;  // names the one that drives
    TimePoint limit_{};
    bool begun_ = false;  // this turn's poll is through
    bool over_ = false;   // so is its batch
    bool closing_ = false;
    std::exception_ptr error_;
};

Portal& portal_of(EventLoop& loop) { return static_cast<Portal&>(*loop.portal()); }

/// What a step waits for on its stack.
class StepWait final : public Wait, private CompletionHook, private Runnable {
public:
    StepWait(TaskNode& child, TaskNode* waiter, const SourceLocation& where)
        : child_(child), waiter_(waiter), stack_(*fiber_record().stack) {
        child_.add_hook(*this);
        if (!waiter_) return;
        waiter_->frame()->stand_at(where);
        bind(*waiter_->frame());
        waiter_->suspend(*this);
        child_.loop().join_began();
    }
    ~StepWait() {
        if (waiter_) waiter_->unsuspend();
    }
    StepWait(const StepWait&) = delete;
    StepWait& operator=(const StepWait&) = delete;

    void give_up() noexcept { child_.remove_hook(*this); }

    // The child is in the scope that was cancelled.
    bool request_cancel() noexcept override { return false; }
    const char* waiting_for() const noexcept override { return "get()"; }
    void show_joined(JoinedVisitor& visitor) const override { visitor.joined(child_); }

private:
    void task_done(TaskNode&) noexcept override { child_.loop().post(*this); }
    const TaskNode* waiter() const noexcept override { return waiter_; }
    void run() override { stack_.enter(); }  // until the step waits again, or is over
    void discard() noexcept override {}

    TaskNode& child_;
    TaskNode* const waiter_;
    FiberCore& stack_;
};

}  // namespace

std::unique_ptr<LoopPortal> make_portal(EventLoop& loop) { return std::make_unique<Portal>(loop); }

bool may_wait_in_portal() noexcept {
    const EventLoop* const loop = this_loop_or_null();
    if (!loop || !loop->portal() || !loop->portal()->in_entry) return false;
    const FiberRecord& record = fiber_record();
    return record.stack && !record.fiber;
}

PortalCall::PortalCall(bool shielded, const SourceLocation& where)
    : domain_(TaskDomain::of(this_loop())),
      parent_(current_task_node() && !shielded ? current_task_node()->scope() : domain_.root()),
      where_(where) {
    if (shielded || !parent_.cancelled() || !current_task_node()) return;
    TaskNode& waiter = *current_task_node();
    if (waiter.threw_in_this_step()) get_in_portal(shield(as_task(checkpoint())), where);  // sem:C22, C25
    waiter.throw_cancelled();
}

void PortalCall::wait_for(TaskNode& child) {
    TaskNode* const waiter = current_task_node();
    if (!child.done()) {
        StepWait wait(child, waiter, where_);
        try {
            portal_of(child.loop()).park();
        } catch (...) {
            wait.give_up();
            child.cancel(make_reason("no stack for the loop to go on with", where_));
            throw;
        }
    }
    if (waiter && waiter->scope().cancelled() && child.result() != PromiseBase::Result::value &&
        child.result() != PromiseBase::Result::error)
        waiter->throw_cancelled();
}

bool PortalCall::unwinding() noexcept { return std::uncaught_exceptions() > 0; }

}  // namespace tandem::inline v1
