#include <tandem/base/slab_memory.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace tandem::inline v1::slab_memory {

void* allocate(std::size_t bytes, std::size_t alignment) {
    const bool huge = bytes >= huge_bytes;
    void* slab = std::aligned_alloc(huge ? std::max(alignment, huge_bytes) : alignment, bytes);
    if (!slab) throw std::bad_alloc();
    if (huge) ::madvise(slab, bytes, MADV_HUGEPAGE);  // a wish
    return slab;
}

void release(void* slab) noexcept { std::free(slab); }

}  // namespace tandem::inline v1::slab_memory
