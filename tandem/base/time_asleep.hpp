#pragma once

#include <cstdint>

namespace tandem::inline v1 {

/// How long this thread has slept so far, waiting for others in a `ThreadGate`; whoever lets it wait in
/// another manner adds that. Nothing is added for a wait that ends without a sleep.
extern constinit thread_local std::int64_t nanoseconds_asleep;

}  // namespace tandem::inline v1
