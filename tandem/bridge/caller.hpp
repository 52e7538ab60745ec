#pragma once

#include <cstdint>

namespace tandem::inline v1 {

/// What the current thread is at the moment of a blocking wait (sem:7.1).
enum class CallerKind : std::uint8_t {
    plain,        ///< T1: may block
    fiber,        ///< T2: only the fiber waits; its coroutines run in its own task
    worker,       ///< T3: may block; its coroutines run in the task that awaits the job
    loop_thread,  ///< T4: a coroutine or callback; blocking would stop its own loop
    portal,       ///< T5: the same on a loop made with `Blocking::portal`: only its step waits
    owner,        ///< T6: of a loop that is not running, which is driven while it waits
};

CallerKind caller_kind() noexcept;

/// Its waits suspend the stack that it runs on, and no thread.
constexpr bool waits_on_its_stack(CallerKind kind) noexcept {
    return kind == CallerKind::fiber || kind == CallerKind::portal;
}

/// Whether this code runs on a loop's thread and not on a fiber: in a coroutine, in a callback, or in
/// whatever they call. It must not block there (sem:B6). A generator's body is what its consumer is.
inline bool in_async_context() noexcept {
    const CallerKind kind = caller_kind();
    return kind == CallerKind::loop_thread || kind == CallerKind::portal;
}

}  // namespace tandem::inline v1
