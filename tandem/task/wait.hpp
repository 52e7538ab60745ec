#pragma once

#include <tandem/loop/event_loop.hpp>
#include <tandem/task/promise.hpp>
#include <tandem/task/task_node.hpp>

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>

namespace tandem::inline v1 {

/// Takes the tasks that a wait waits for, one by one.
class JoinedVisitor {
public:
    /// Whether it wants to see more.
    virtual bool joined(const TaskNode& task) = 0;

protected:
    ~JoinedVisitor() = default;
};

/// What a wait waits for beyond its loop; the room of the bridge knows more.
class OutsideEdge;

/// What a suspended task waits for: the base of every awaiter of the library (sem:C13).
class Wait {
public:
    /// The task should end. True: nothing is in flight any more, resume me. False: the operation's own
    /// completion will come. Called at most once per wait; resumes nobody.
    virtual bool request_cancel() noexcept = 0;
    /// A noun for the await tree: "sleep", "receive".
    virtual const char* waiting_for() const noexcept = 0;
    /// Shows the tasks without whose ends it cannot end: edges of the wait-for graph (sem:B30).
    virtual void show_joined(JoinedVisitor&) const {}
    /// The same, of something that is no task of this loop; null if there is none.
    virtual const OutsideEdge* outside() const noexcept { return nullptr; }
    /// Leaves a wait that would never end: it throws `error`. False if it has no way to.
    virtual bool refuse(std::exception_ptr) noexcept { return false; }
    /// A thread or another loop may end it, without this loop having anything to show for it.
    virtual bool may_end_from_outside() const noexcept { return false; }
    /// The id of the task that holds what it waits for, a mutex say; 0 if nobody is known to. No edge of the
    /// graph: whoever likes may give it back (sem:S25).
    virtual std::uint64_t held_by() const noexcept { return 0; }
    /// Called by `await_transform`, in the task that awaits.
    void bind(PromiseBase&) { task_ = reinterpret_cast<std::uintptr_t>(current_task_node()); }
    bool bound() const { return task_ != 0; }

protected:
    Wait() = default;
    ~Wait() = default;
    TaskNode& task() const { return *reinterpret_cast<TaskNode*>(task_ & ~std::uintptr_t{3}); }
    EventLoop& loop() const { return task().loop(); }

private:
    template <class Derived, std::derived_from<Wait> Base>
    friend class Checkpoint;
    enum class Mode : std::uint8_t { idle, ready, cancelled };
    Mode mode() const { return static_cast<Mode>(task_ & 3); }
    // Stores the whole word, since `mode()` loads it whole a moment later: a byte's store would be waited
    // for.
    void set_mode(const TaskNode& waiter, Mode mode) {
        task_ = reinterpret_cast<std::uintptr_t>(&waiter) | static_cast<std::uintptr_t>(mode);
    }

    std::uintptr_t task_ = 0;  // a TaskNode*, in its two lowest bits the mode: an awaiter is part of a frame
};

/// The shape of an await that is a checkpoint. `Derived` offers
///     bool try_now()      done without waiting? may throw
///     void start()        the task is suspended: arrange that `task().wake()` will be called. Throws nothing
///     R result()          the value, in the resumed task; may throw
/// and `request_cancel`. In a cancelled scope nothing is started and `Cancelled` is thrown; from the second
/// throw within one step on, the task is posted first (sem:C22, C25). 128 awaits in a row that need not wait
/// cost one trip through the ready queue (sem:L8).
template <class Derived, std::derived_from<Wait> Base = Wait>
class Checkpoint : public Base {
    using Mode = Wait::Mode;

public:
    bool await_ready() {
        TaskNode& waiter = this->task();
        if (waiter.scope().cancelled()) [[unlikely]] {
            this->set_mode(waiter, Mode::cancelled);
            return !waiter.threw_in_this_step();
        }
        if (!derived().try_now()) return false;
        this->set_mode(waiter, Mode::ready);
        std::uint32_t& budget = waiter.loop().ready_budget;
        if (budget == 0) return false;
        --budget;
        return true;
    }
    [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept {
        this->task().suspend(*this);
        if (this->mode() == Mode::idle)
            derived().start();
        else
            this->task().wake();
    }
    decltype(auto) await_resume() {
        if (this->mode() == Mode::cancelled) [[unlikely]]
            this->task().throw_cancelled();
        return derived().result();
    }

protected:
    using Base::Base;
    Checkpoint() = default;
    Checkpoint(const Checkpoint&) = default;
    Checkpoint(Checkpoint&&) = default;
    ~Checkpoint() = default;

private:
    Derived& derived() { return static_cast<Derived&>(*this); }
};

}  // namespace tandem::inline v1
