#pragma once

#include <tandem/loop/event_loop.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/invoke_task.hpp>

#include <type_traits>
#include <utility>

namespace tandem::inline v1::testing {

/// As long as it lives every checkpoint of the running loop also suspends for a turn, also where there is
/// nothing to wait for: what relies on an await not suspending is found out.
class StrictCheckpoints {
public:
    StrictCheckpoints() : loop_(this_loop()) { loop_.ready_awaits = loop_.ready_budget = 0; }
    ~StrictCheckpoints() { loop_.ready_awaits = EventLoop::ready_awaits_per_step; }
    StrictCheckpoints(const StrictCheckpoints&) = delete;
    StrictCheckpoints& operator=(const StrictCheckpoints&) = delete;

private:
    EventLoop& loop_;
};

/// Fails the test if what `fn(args...)` awaits has no checkpoint: it is run in a scope that is cancelled
/// already, which only a checkpoint notices. True if it has one.
template <class F, class... Args>
Task<bool> assert_checkpoints(F fn, Args... args);

// Implementation

/// Adds a failure to the running test.
void report_missing_checkpoint(const SourceLocation& born);

template <class F, class... Args>
Task<bool> assert_checkpoints(F fn, Args... args) {
    CancelScope scope;
    scope.cancel("assert_checkpoints");
    auto task = invoke_task(std::move(fn), std::move(args)...);
    const auto born = task.born();
    co_await scope.run(std::move(task));
    if (!scope.absorbed()) report_missing_checkpoint(born);
    co_return scope.absorbed();
}

}  // namespace tandem::inline v1::testing
