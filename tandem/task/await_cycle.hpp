#pragma once

namespace tandem::inline v1 {

class TaskNode;

// Tasks of one loop that wait for each other (sem:K26). What leads over threads and other loops is the
// bridge's.

/// Throws `WouldDeadlock` if `wanted` waits, however indirectly, for `waiting`. Waits that somebody else may
/// end are no edges: those in a cancelled scope, or in one with a deadline.
void check_await_cycle(const TaskNode& waiting, const TaskNode& wanted);
/// The same for a wait for several that has begun and cannot be refused itself: a join on the way gets the
/// error.
void refuse_await_cycle(const TaskNode& waiting) noexcept;
/// Whether only the end of what it waits for can end its wait.
bool waits_for_good(const TaskNode& task) noexcept;

}  // namespace tandem::inline v1
