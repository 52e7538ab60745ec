#pragma once

#include <cstddef>

namespace tandem::inline v1 {

/// Memory for coroutine frames: free lists per thread and size class, every block aligned to 64 bytes so that
/// an over-aligned local survives an await (sem:K10, Z10). Blocks may be freed in any thread and then serve
/// that one. After warm-up no call reaches malloc. Under AddressSanitizer every block is malloc's own, so
/// that it sees each use after free.
///
/// Errors      `allocate` throws `std::bad_alloc`.
namespace frame_memory {

inline constexpr std::size_t alignment = 64;

void* allocate(std::size_t bytes);
void release(void* block, std::size_t bytes) noexcept;

}  // namespace frame_memory

}  // namespace tandem::inline v1
