#pragma once

#include <cstdint>

namespace tandem::inline v1 {

/// What the current thread is at the moment of a blocking wait (sem:7.1). Fibers and the portal are named
/// already and not to be met yet.
enum class CallerKind : std::uint8_t {
    plain,        ///< T1: may block
    fiber,        ///< T2
    worker,       ///< T3: may block; its coroutines run in the task that awaits the job
    loop_thread,  ///< T4: a coroutine or callback; blocking would stop its own loop
    portal,       ///< T5
};

CallerKind caller_kind() noexcept;

}  // namespace tandem::inline v1
