#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

namespace tandem::inline v1 {

// What fork() does to a process with threads: the child has the caller's thread alone, with all memory as it
// stood; what other threads were about stays half done there, and a lock that one of them held is never
// released.

extern constinit std::atomic<std::uint32_t> forks_seen;

/// Counts this process's ancestors since they began to watch: what was made under another number is the
/// parent's, with its ring, its descriptors and its threads.
inline std::uint32_t fork_generation() noexcept { return forks_seen.load(std::memory_order_relaxed); }
/// From now on `fork_generation()` tells a child from its parent. Idempotent.
void watch_forks();

/// Which of two locks a thread takes first when it holds both.
enum class LockRank : std::uint8_t { outer, middle, inner };
/// No fork() takes place while another thread holds `mutex`, so that the child finds it free. For the few
/// locks of the whole process, which live for ever and are held for moments.
void free_in_children(std::mutex& mutex, LockRank rank = LockRank::middle);

}  // namespace tandem::inline v1
