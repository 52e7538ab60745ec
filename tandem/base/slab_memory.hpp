#pragma once

#include <cstddef>

namespace tandem::inline v1 {

/// Memory by the slab, for pools that cut it into blocks.
///
/// Errors      `allocate` throws `std::bad_alloc`.
/// Threads     any.
namespace slab_memory {

/// From this size on, a slab is one huge page where the kernel has one: a thousandth of the page faults.
inline constexpr std::size_t huge_bytes = std::size_t{2} * 1024 * 1024;

/// `bytes` a multiple of `alignment`, a power of two.
void* allocate(std::size_t bytes, std::size_t alignment);
void release(void* slab) noexcept;

}  // namespace slab_memory

}  // namespace tandem::inline v1
