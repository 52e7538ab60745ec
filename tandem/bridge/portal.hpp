#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/task/current_fiber.hpp>
#include <tandem/task/task_handle.hpp>

#include <utility>

namespace tandem::inline v1 {

// A plain step that waits on its own stack while its loop goes on with others: sem:T5, `Blocking::portal`.

/// Whether the calling code is in such a step: of a loop that was made for it, and on no fiber.
bool may_wait_in_portal() noexcept;

/// One `.get()` in such a step. What is waited for runs in a task of its own: a child of the scope that the
/// waiting task is in, so that a cancel or a deadline of the one reaches the other; or of the loop, where a
/// callback waits, and where `shielded` says that no cancel is to reach it.
class PortalCall {
public:
    /// Throws `Cancelled` if the calling task is cancelled, unless `shielded`.
    PortalCall(bool shielded, const SourceLocation& where);
    PortalCall(const PortalCall&) = delete;
    PortalCall& operator=(const PortalCall&) = delete;

    TaskDomain& domain() const { return domain_; }
    ScopeNode& parent() const { return parent_; }
    /// Suspends this stack until `child` has ended. Throws `Cancelled` if the calling task was, and it too.
    /// Errors: `std::system_error` if there is no stack for the loop to go on with; nothing was waited for.
    void wait_for(TaskNode& child);
    /// An exception goes through this stack.
    static bool unwinding() noexcept;

private:
    TaskDomain& domain_;
    ScopeNode& parent_;
    SourceLocation where_;
};

/// `task.get()` in such a step.
template <class T>
T get_in_portal(Task<T>&& task, const SourceLocation& where) {
    const bool unwinding = PortalCall::unwinding();
    PortalCall call(unwinding || is_no_checkpoint(task.born()), where);
    if (unwinding) task = shield(std::move(task), Deadline(cleanup_grace()));
    TaskHandle<T> child = spawn_in(call.domain(), call.parent(), std::move(task), TaskOptions(), where);
    call.wait_for(child.node());
    return child.take_result();
}

/// `task.get()` where only the caller's own stack waits, a fiber's or a step's.
template <class T>
T get_on_this_stack(Task<T>&& task, const SourceLocation& where) {
    if (FiberCore* const fiber = current_fiber()) return get_on_fiber(*fiber, std::move(task), where);
    return get_in_portal(std::move(task), where);
}

}  // namespace tandem::inline v1
