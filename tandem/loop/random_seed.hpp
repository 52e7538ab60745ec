#pragma once

#include <cstdint>

namespace tandem::inline v1 {

/// For a generator of random numbers: out of the seed of this thread's loop if that has one, so that a
/// simulated world is the same again (SIM-2), else out of the system's random numbers. Threads: any.
std::uint64_t random_seed();

}  // namespace tandem::inline v1
