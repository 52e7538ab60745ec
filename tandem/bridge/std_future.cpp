#include <tandem/bridge/std_future.hpp>

#include <tandem/bridge/interrupt_scope.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace tandem::inline v1 {

WaitThatLooksUp::WaitThatLooksUp(CallerKind kind) noexcept
    : job_(kind == CallerKind::worker ? current_worker_job() : nullptr),
      interruptible_(interrupts_end_waits()) {}

std::chrono::milliseconds WaitThatLooksUp::pause() {
    // Nothing is delivered while an exception is on its way (sem:C27).
    if (job_ && std::uncaught_exceptions() == 0) job_->throw_if_cancelled();
    if (interruptible_) throw_if_interrupted();
    return std::exchange(next_, std::min(2 * next_, std::chrono::milliseconds(20)));
}

}  // namespace tandem::inline v1
