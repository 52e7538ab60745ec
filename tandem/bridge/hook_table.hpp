#pragma once

#include <cstdint>

namespace tandem::inline v1 {

/// What the library `tandem_hooks`, which stands in front of the C library, asks of this one. Neither is
/// linked to the other: `attach_hooks()` looks for the other one's `tandem_hooks_attach(const HookTable*)`
/// among the libraries that are loaded. Not for users.
///
/// Threads     every function may be called on any thread, at any time after the attaching.
struct HookTable {
    std::uint32_t version = 2;
    /// Whether the caller runs on a fiber that asked for hooked calls.
    bool (*hooked)() noexcept = nullptr;
    /// Waits until `fd` is readable or writable, at most so many nanoseconds, below 0 without end: 1, 0 when
    /// they are over, or a negative errno; -ECANCELED if the fiber's task is cancelled. Precondition:
    /// `hooked()`.
    int (*wait)(int fd, bool writable, std::int64_t nanoseconds) noexcept = nullptr;
    /// 0, or -ECANCELED.
    int (*sleep)(std::int64_t nanoseconds) noexcept = nullptr;
    /// Calls `fn(argument)` on a worker thread: 0, -ECANCELED, or -EAGAIN if there is no thread.
    int (*on_thread)(void (*fn)(void*), void* argument) noexcept = nullptr;
    /// A mutex was locked at `place`, or is being unlocked.
    void (*locked)(const void* mutex, const void* place) noexcept = nullptr;
    void (*unlocked)(const void* mutex) noexcept = nullptr;
    /// Whether the caller runs in a step of a loop in debug mode, which its call would stop.
    bool (*stops_loop)() noexcept = nullptr;
    /// The function of this name, called at `place`, took so many nanoseconds. Precondition: `stops_loop()`.
    void (*stopped_loop)(const char* call, const void* place, std::int64_t nanoseconds) noexcept = nullptr;
};

/// Whether `tandem_hooks` is there, linked or preloaded; from the first time on it knows of us.
bool attach_hooks() noexcept;

}  // namespace tandem::inline v1
