#include <tandem/bridge/caller.hpp>

#include <tandem/bridge/portal.hpp>
#include <tandem/bridge/worker_job.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/current_fiber.hpp>

namespace tandem::inline v1 {

CallerKind caller_kind() noexcept {
    if (this_loop_or_null()) {
        if (current_fiber()) return CallerKind::fiber;
        return may_wait_in_portal() ? CallerKind::portal : CallerKind::loop_thread;
    }
    if (current_worker_job()) return CallerKind::worker;
    return idle_loop_of_this_thread() ? CallerKind::owner : CallerKind::plain;
}

}  // namespace tandem::inline v1
