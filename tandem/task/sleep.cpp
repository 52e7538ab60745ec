#include <tandem/task/sleep.hpp>

namespace tandem::inline v1 {

void Sleep::start() noexcept {
    EventLoop& here = loop();
    const auto now = here.time();
    const auto when = until_.resolve(now);
    if (when <= now) {
        task().wake();  // one turn, as sleep(0) in asyncio
        return;
    }
    // An infinite sleep needs no timer: only a cancel ends it. Registering may throw bad_alloc: then the
    // process has no memory for a timer, and noexcept ends it, as the loop itself could not go on.
    will_touch(&task());
    if (when != TimePoint::max()) here.timers().add(*this, when);
}

bool Sleep::request_cancel() noexcept {
    cancelled_ = true;
    loop().timers().remove(*this);
    return true;
}

}  // namespace tandem::inline v1
