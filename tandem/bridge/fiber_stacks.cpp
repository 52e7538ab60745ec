#include <tandem/bridge/fiber_stacks_internal.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define TANDEM_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TANDEM_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(TANDEM_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

namespace tandem::inline v1 {
namespace {

constexpr std::size_t least_bytes = std::size_t{16} * 1024;
constexpr std::size_t most_slab_bytes = std::size_t{16} * 1024 * 1024;
constexpr unsigned most_stacks_of_slab = 64;  // bits of FiberSlab::cold
constexpr int guard_install = 102;            // MADV_GUARD_INSTALL, since Linux 6.13
#if defined(TANDEM_ADDRESS_SANITIZER)
constexpr std::size_t for_sanitizer = 4;
#else
constexpr std::size_t for_sanitizer = 1;
#endif

std::size_t page_bytes() {
    static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return bytes;
}

/// A page that nobody may touch. `madvise` splits no mapping; where the kernel does not know it, `mprotect`.
bool guard(char* page) {
    static std::atomic<bool> by_madvise = true;
    if (by_madvise.load(std::memory_order_relaxed)) {
        if (::madvise(page, page_bytes(), guard_install) == 0) return true;
        if (errno != EINVAL) return false;
        by_madvise.store(false, std::memory_order_relaxed);
    }
    return ::mprotect(page, page_bytes(), PROT_NONE) == 0;
}

[[noreturn]] void throw_unmappable(const char* call, int error, std::size_t bytes) {
    std::string text =
        std::string(call) + " of " + std::to_string(bytes / 1024) + " KiB for the stacks of fibers";
    if (error == ENOMEM)
        text += ": too much memory, or too many mappings: see ulimit -v and the sysctl vm.max_map_count";
    throw std::system_error(error, std::system_category(), text);
}

#if defined(VALGRIND_STACK_REGISTER)
void tell_valgrind(FiberSlab& slab, std::size_t stride) {
    if (!RUNNING_ON_VALGRIND) return;
    for (char* low = slab.base; low < slab.base + slab.bytes; low += stride)
        slab.valgrind_ids.push_back(VALGRIND_STACK_REGISTER(low + page_bytes(), low + stride));
}
void untell_valgrind(const FiberSlab& slab) {
    for (const unsigned id : slab.valgrind_ids) VALGRIND_STACK_DEREGISTER(id);
}
#else
void tell_valgrind(FiberSlab&, std::size_t) {}
void untell_valgrind(const FiberSlab&) {}
#endif

}  // namespace

FiberStacks& FiberStacks::of(EventLoop& loop) {
    if (!loop.fibers()) [[unlikely]]
        loop.set_fibers(std::make_unique<FiberStacks>());
    return static_cast<FiberStacks&>(*loop.fibers());
}

FiberStacks::~FiberStacks() {
    for (const auto& size : sizes_) {
        // What is warm is nobody's; a slab with more in use holds stacks of tasks that were left behind.
        for (const FiberStack& stack : size->warm) --stack.slab->used;
        for (Slabs* const list : {&size->with_cold, &size->without}) {
            while (FiberSlab* const slab = list->pop_front()) {
                if (slab->used == 0) unmap(*size, *slab);
            }
        }
    }
}

FiberStacks::Size& FiberStacks::size_for(std::size_t wanted) {
    const std::size_t page = page_bytes();
    const std::size_t stack = (std::max(wanted, least_bytes) * for_sanitizer + page - 1) / page * page;
    for (const auto& size : sizes_) {
        if (size->stack == stack) return *size;
    }
    auto size = std::make_unique<Size>();
    size->stack = stack;
    size->warm.reserve(kept_warm);
    sizes_.push_back(std::move(size));
    return *sizes_.back();
}

FiberStack FiberStacks::take(std::size_t wanted) {
    if (wanted > most_bytes)
        throw std::invalid_argument("a fiber's stack of " + std::to_string(wanted) + " bytes: at most " +
                                    std::to_string(most_bytes) + " can be had; to_thread() gives a thread's");
    Size& size = size_for(wanted);
    FiberStack stack;
    if (!size.warm.empty()) {
        stack = size.warm.back();
        size.warm.pop_back();
    } else {
        FiberSlab& slab = size.with_cold.empty() ? map_slab(size) : *size.with_cold.front();
        const auto index = static_cast<unsigned>(std::countr_zero(slab.cold));
        slab.cold &= slab.cold - 1;
        ++slab.used;
        if (slab.cold == 0) {
            size.with_cold.remove(slab);
            size.without.push_back(slab);
        }
        stack.low = slab.base + index * (size.stack + page_bytes()) + page_bytes();
        stack.size = size.stack;
        stack.slab = &slab;
    }
    ++live_;
    return stack;
}

void FiberStacks::give(const FiberStack& stack) noexcept {
    --live_;
#if defined(TANDEM_ADDRESS_SANITIZER)
    __asan_unpoison_memory_region(stack.low, stack.size);
#endif
    Size* size = nullptr;
    for (const auto& each : sizes_) {
        if (each->stack == stack.size) size = each.get();
    }
    if (size->warm.size() < kept_warm) {
        size->warm.push_back(stack);
        return;
    }
    ::madvise(stack.low, stack.size, MADV_DONTNEED);
    FiberSlab& slab = *stack.slab;
    if (slab.cold == 0) {
        size->without.remove(slab);
        size->with_cold.push_front(slab);
    }
    const auto index = static_cast<std::size_t>(stack.low - slab.base) / (size->stack + page_bytes());
    slab.cold |= std::uint64_t{1} << index;
    if (--slab.used > 0) return;
    size->with_cold.remove(slab);
    unmap(*size, slab);
}

FiberSlab& FiberStacks::map_slab(Size& size) {
    const std::size_t stride = size.stack + page_bytes();
    // Few at first, then as many as there are.
    const std::size_t most = std::clamp<std::size_t>(most_slab_bytes / stride, 1, most_stacks_of_slab);
    const std::size_t stacks = std::min(most, size.slabs == 0 ? std::size_t{8} : most);
    auto slab = std::make_unique<FiberSlab>();
    slab->stacks = static_cast<unsigned>(stacks);
    slab->bytes = stacks * stride;
    slab->cold = ~std::uint64_t{0} >> (64 - stacks);
    void* const base = ::mmap(nullptr, slab->bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED) throw_unmappable("mmap", errno, slab->bytes);
    slab->base = static_cast<char*>(base);
    ::madvise(base, slab->bytes, MADV_NOHUGEPAGE);  // else one touched page is two megabytes
    for (char* low = slab->base; low < slab->base + slab->bytes; low += stride) {
        if (guard(low)) continue;
        const int error = errno;
        ::munmap(base, slab->bytes);
        throw_unmappable("a guard page", error, stride);
    }
    tell_valgrind(*slab, stride);
    mapped_ += slab->bytes;
    ++size.slabs;
    size.with_cold.push_front(*slab);
    return *slab.release();
}

void FiberStacks::unmap(Size& size, FiberSlab& slab) noexcept {
    const std::unique_ptr<FiberSlab> ended(&slab);
    untell_valgrind(slab);
    mapped_ -= slab.bytes;
    --size.slabs;
    ::munmap(slab.base, slab.bytes);
}

}  // namespace tandem::inline v1
