#pragma once

#include <cstddef>

namespace tandem::inline v1 {

/// Memory for coroutine frames: free lists per thread and size class of 16 bytes. A block is aligned to the
/// largest power of two that divides its size class, at most 64: a frame with an over-aligned local has a
/// size that is a multiple of that alignment, so the local survives an await (sem:K10, Z10). Blocks may be
/// freed in any thread and then serve that one. After warm-up no call reaches malloc. Under AddressSanitizer
/// every block is malloc's own, so that it sees each use after free.
///
/// Errors      `allocate` throws `std::bad_alloc`.
namespace frame_memory {

inline constexpr std::size_t alignment = 64;

void* allocate(std::size_t bytes);
void release(void* block, std::size_t bytes) noexcept;

}  // namespace frame_memory

}  // namespace tandem::inline v1
