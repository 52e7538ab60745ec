#pragma once

#include <tandem/loop/event_loop.hpp>
#include <tandem/task/promise.hpp>
#include <tandem/task/task_node.hpp>

#include <coroutine>
#include <cstdint>

namespace tandem::inline v1 {

/// What a suspended task waits for: the base of every awaiter of the library (sem:C13).
class Wait {
public:
    /// The task should end. True: nothing is in flight any more, resume me. False: the operation's own
    /// completion will come. Called at most once per wait; resumes nobody.
    virtual bool request_cancel() noexcept = 0;
    /// A noun for the await tree: "sleep", "receive".
    virtual const char* waiting_for() const noexcept = 0;
    /// The task whose end it waits for, if that is what it waits for: an edge of the wait-for graph.
    virtual const TaskNode* joins() const noexcept { return nullptr; }
    PromiseBase* frame() const { return frame_; }
    /// Called by `await_transform`: whose await this is.
    void bind(PromiseBase& frame) { frame_ = &frame; }

protected:
    Wait() = default;
    ~Wait() = default;
    TaskNode& task() const { return *frame_->task(); }
    EventLoop& loop() const { return task().loop(); }

private:
    PromiseBase* frame_ = nullptr;
};

/// The shape of an await that is a checkpoint. `Derived` offers
///     bool try_now()      done without waiting? may throw
///     void start()        the task is suspended: arrange that `task().wake()` will be called. Throws nothing
///     R result()          the value, in the resumed task; may throw
/// and `request_cancel`. In a cancelled scope nothing is started and `Cancelled` is thrown; from the second
/// throw within one step on, the task is posted first (sem:C22, C25). 128 awaits in a row that need not wait
/// cost one trip through the ready queue (sem:L8).
template <class Derived>
class Checkpoint : public Wait {
public:
    bool await_ready() {
        TaskNode& waiter = task();
        if (waiter.scope().cancelled()) [[unlikely]] {
            mode_ = Mode::cancelled;
            return !waiter.threw_in_this_step();
        }
        if (!derived().try_now()) return false;
        mode_ = Mode::ready;
        std::uint32_t& budget = waiter.loop().ready_budget;
        if (budget == 0) return false;
        --budget;
        return true;
    }
    [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept {
        task().suspend(*this);
        if (mode_ == Mode::idle)
            derived().start();
        else
            task().wake();
    }
    decltype(auto) await_resume() {
        if (mode_ == Mode::cancelled) [[unlikely]]
            task().throw_cancelled();
        return derived().result();
    }

protected:
    Checkpoint() = default;
    ~Checkpoint() = default;

private:
    enum class Mode : std::uint8_t { idle, ready, cancelled };
    Derived& derived() { return static_cast<Derived&>(*this); }
    Mode mode_ = Mode::idle;
};

}  // namespace tandem::inline v1
