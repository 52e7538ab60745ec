#pragma once

#include <tandem/bridge/blocking_wait.hpp>
#include <tandem/bridge/caller.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/worker_job.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_fiber.hpp>

namespace tandem::inline v1 {

// Blocking waits from plain code. A loop's own thread gets WouldDeadlock before anything is started (sem:T4,
// B1); on a worker thread the task that awaits the worker's job does the work (sem:T3), on a fiber the
// fiber's own task (sem:T2).

template <class T>
T Task<T>::get(SourceLocation where) && {
    require();
    if (FiberCore* const fiber = current_fiber()) return get_on_fiber(*fiber, std::move(*this), where);
    const BlockingWait wait{"get()", where, born()};
    refuse_to_block(wait);
    if (caller_kind() == CallerKind::worker)
        return run_in_awaiting_task(*current_worker_job(), std::move(*this), wait);
    return std::move(*this).start(on_loop_of_caller(), where).get(where);
}

template <class T>
T Task<T>::get(Deadline deadline, SourceLocation where) && {
    require();
    if (FiberCore* const fiber = current_fiber())
        return get_on_fiber(*fiber, timeout(deadline, std::move(*this)), where);
    const BlockingWait wait{"get(deadline)", where, born()};
    refuse_to_block(wait);
    if (caller_kind() == CallerKind::worker)
        return run_in_awaiting_task(*current_worker_job(), timeout(deadline, std::move(*this)), wait);
    return std::move(*this).start(on_loop_of_caller(), where).get_or_cancel(deadline, where);
}

}  // namespace tandem::inline v1
