#pragma once

namespace tandem::inline v1 {

/// False if this thread has never run a loop: then it owns none. Costs one load.
bool ever_owned_a_loop() noexcept;

}  // namespace tandem::inline v1
