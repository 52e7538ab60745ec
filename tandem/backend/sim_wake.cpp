#include <tandem/backend/sim_wake_internal.hpp>

namespace tandem::inline v1 {

void SimWake::raise() noexcept {
    if (flag_.raise() == WakeFlag::State::raised) return;
    // The store of a new backend comes before a look at the flag: one of the two sees the other.
    if (Backend* const outside = outside_.load()) outside->wake();
}

}  // namespace tandem::inline v1
