#pragma once

#include <tandem/base/held_state.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/base/time.hpp>
#include <tandem/task/invoke_task.hpp>
#include <tandem/task/scope_guard.hpp>
#include <tandem/task/scope_node.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/timeout.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace tandem::inline v1 {

struct LoopLife;

/// A part of a task that can be cancelled on its own: Trio's CancelScope.
///
///     CancelScope scope(5s);
///     auto answer = co_await scope.run(ask(server));   // std::optional: empty if the scope was cancelled
///
/// Errors      entered twice: `InvalidStateError`. What the body throws goes through.
/// Cancelling  level-triggered: every checkpoint inside throws once it is asked for. Absorbed at the border,
///             unless an outer scope is cancelled too.
/// Threads     `cancel()` from any; the rest from its loop's.
/// Lifetime    copies name the same scope: give one to whoever may cancel it.
class CancelScope {
public:
    explicit CancelScope(Deadline deadline = {}) : state_(std::make_shared<State>()) {
        state_->deadline = deadline;
    }

    /// Runs `task` inside; the value, or nothing if the scope's own cancel ended it (`bool` for void).
    template <class T>
    Task<AbsorbedResult<T>> run(Task<T> task) {
        return run_in(state_.shared(), std::move(task));
    }
    template <class F, class... Args>
        requires TaskFunction<F, Args...>
    auto run(F fn, Args... args) {
        return run(invoke_task(std::move(fn), std::move(args)...));
    }

    /// False if it is over. Before entry: the body is entered cancelled. From another thread it takes effect
    /// there as soon as the loop gets to it.
    bool cancel(std::string reason = "cancelled by its scope",
                SourceLocation where = SourceLocation::current());
    /// It was asked to end, by `cancel()` or its deadline.
    bool cancel_requested() const { return reason() != nullptr; }
    /// In effect: asked for here or further out. False before and after the stay.
    bool cancelled() const { return state_->guard && state_->guard->cancelled(); }
    /// The scope's cancel ended the body.
    bool absorbed() const { return state_->absorbed; }
    /// Who asked it to end and why; null if nobody did.
    SharedReason reason() const;
    /// When it will be cancelled; before entry `TimePoint::max()`, since a duration counts from there.
    TimePoint deadline() const;
    /// False if it has fired or the scope is over.
    bool set_deadline(Deadline deadline);
    /// A shield keeps requests from outside at its door; taken off, those that wait come in at once.
    CancelScope& set_shielded(bool on);
    bool shielded() const { return state_->shielded; }

private:
    struct State {
        std::mutex mutex;  // over what `cancel()` touches from other threads
        std::shared_ptr<LoopLife> life;
        SharedReason reason;
        bool entered = false;
        bool over = false;
        // The loop's alone.
        Deadline deadline;
        ScopeGuard* guard = nullptr;  // while entered
        bool absorbed = false;
        bool shielded = false;
    };
    class Stay;
    // Static, so that the frame outlives the scope object that it was made by.
    template <class T>
    static Task<AbsorbedResult<T>> run_in(std::shared_ptr<State> state, Task<T> task);
    HeldState<State, "CancelScope"> state_;
};

/// Why the code that asks should end: the reason of the nearest scope outwards that was asked; null if it
/// should not.
SharedReason current_reason() noexcept;

// Implementation

/// The stay of one body inside a `CancelScope`.
class CancelScope::Stay {
public:
    explicit Stay(State& state);
    ~Stay();
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;
    ScopeGuard guard;

private:
    State& state_;
};

template <class T>
Task<AbsorbedResult<T>> CancelScope::run_in(std::shared_ptr<State> state, Task<T> task) {
    Stay stay(*state);
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(task);
            co_return true;
        } else {
            T value = co_await std::move(task);
            co_return AbsorbedResult<T>(std::move(value));
        }
    } catch (const Cancelled&) {
        if (!stay.guard.absorbs()) throw;
    }
    state->absorbed = true;
    co_return AbsorbedResult<T>();
}

}  // namespace tandem::inline v1
