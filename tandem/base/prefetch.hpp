#pragma once

#include <cstdint>

namespace tandem::inline v1 {

/// Has the line of the cache that lies `offset` bytes behind `memory` fetched, to be written soon. Nothing
/// need be there.
inline void prefetch(const void* memory, std::uintptr_t offset = 0) noexcept {
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(memory) + offset), 1);
}

}  // namespace tandem::inline v1
