#include "failing_allocation.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TANDEM_UNDER_TSAN 1
#endif
#endif

namespace {

thread_local bool armed = false;
thread_local std::int64_t allocations = 0;
thread_local std::int64_t failing = -1;

[[maybe_unused]] bool fails() noexcept { return armed && allocations++ == failing; }

[[maybe_unused]] void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
    if (fails()) return nullptr;
    if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes == 0 ? 1 : bytes);
    void* block = nullptr;
    return ::posix_memalign(&block, alignment, bytes) == 0 ? block : nullptr;
}

[[maybe_unused]] void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
    if (void* const block = allocate(bytes, alignment)) return block;
    throw std::bad_alloc();
}

}  // namespace

namespace exploration {

#ifdef TANDEM_UNDER_TSAN
const bool FailingAllocation::possible = false;
#else
const bool FailingAllocation::possible = true;
#endif

FailingAllocation::FailingAllocation(std::int64_t index) {
    allocations = 0;
    failing = index;
    armed = true;
}
FailingAllocation::~FailingAllocation() { armed = false; }
std::int64_t FailingAllocation::count() { return allocations; }

}  // namespace exploration

// The whole program's: every allocation of the library comes through here. ThreadSanitizer has its own.
#ifndef TANDEM_UNDER_TSAN
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
    return allocate(bytes, alignment);
}
void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new[](std::size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }
#endif
