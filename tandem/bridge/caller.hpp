#pragma once

#include <tandem/base/source_location.hpp>

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

/// Throws `WouldDeadlock` if blocking here would stop a running loop, naming who waits for what and the ways
/// out.
void refuse_to_block(const char* what, const SourceLocation& wanted, const SourceLocation& where);

}  // namespace tandem::inline v1
