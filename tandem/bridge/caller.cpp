#include <tandem/bridge/caller.hpp>

#include <tandem/bridge/worker_job.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/current_fiber.hpp>

namespace tandem::inline v1 {

CallerKind caller_kind() noexcept {
    if (this_loop_or_null()) return current_fiber() ? CallerKind::fiber : CallerKind::loop_thread;
    return current_worker_job() ? CallerKind::worker : CallerKind::plain;
}

}  // namespace tandem::inline v1
