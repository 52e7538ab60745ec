#pragma once

#include <cstddef>

namespace tandem::inline v1 {

/// Memory for coroutine frames: free lists per thread and size class. A block is aligned to 16 bytes, from 96
/// bytes on to 32, from 128 on to 64, so that a local of that alignment stays aligned over an await (sem:K10,
/// Z10): smaller frames have no room for one behind their promise. Blocks may be
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
