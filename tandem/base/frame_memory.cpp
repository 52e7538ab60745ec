#include <tandem/base/frame_memory.hpp>

#include <tandem/base/fork.hpp>
#include <tandem/base/slab_memory.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

namespace tandem::inline v1::frame_memory {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool pooled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool pooled = false;
#else
constexpr bool pooled = true;
#endif
#else
constexpr bool pooled = true;
#endif

constexpr std::size_t granularity = 16;
constexpr std::size_t classes = 128;  // 16 bytes to 2 KiB; larger frames are rare and go to malloc
constexpr std::size_t first_slab_bytes = std::size_t{64} * 1024;
constexpr std::uint32_t chain_blocks = 256;

// Sizes are rounded up to the greatest alignment that a local may have in a frame of that size: it stands
// behind two pointers and a promise, so an alignment of 64 needs 128 bytes, one of 32 needs 96. Compilers do
// not round: clang 19 at -O0 has frames of 152 bytes with such a local in it.
constexpr std::size_t class_of(std::size_t bytes) noexcept {
    const std::size_t unit = bytes < 96 ? granularity : bytes < 128 ? 32 : alignment;
    return ((bytes + unit - 1) & ~(unit - 1)) / granularity - 1;
}
static_assert(class_of(1) == 0 && class_of(16) == 0 && class_of(17) == 1);
static_assert(class_of(97) == 7 && class_of(128) == 7 && class_of(129) == 11 &&
              class_of(2048) == classes - 1);

struct FreeBlock {
    FreeBlock* next;
    FreeBlock* next_chain;  // in the depot only, in the first block of a chain
};

// Each thread keeps at most two chains per class: one that it takes from and gives to, and a full spare. What
// goes beyond is passed on through the depot, so that frames born in one thread and freed in another (every
// `.get()` from plain code) do not pile up in the second.
struct Chain {
    FreeBlock* first;
    std::uint32_t count;
};

// Trivially destructible on purpose: a frame may die in a thread_local destructor that runs after ours.
struct Pool {
    Chain current[classes];
    FreeBlock* spare[classes];
    char* fresh;
    char* fresh_end;
    std::size_t slab_bytes;  // how much was taken last
    bool registered;         // gives its blocks away when its thread ends
};

// Every count starts full, so that a thread's first release takes the slow path and registers it.
constexpr Pool new_pool() {
    Pool made{};
    for (Chain& chain : made.current) chain.count = chain_blocks;
    return made;
}
constinit thread_local Pool pool = new_pool();

// Less is not worth a place in the list.
constexpr std::size_t smallest_rest = 1024;

// What an ended thread had not yet cut of its slab; lies in that memory itself.
struct Rest {
    Rest* next;
    char* end;
};

struct Depot {
    std::mutex mutex;
    FreeBlock* chains[classes] = {};
    Rest* rests = nullptr;

    void give_rest(char* begin, char* end) {
        if (static_cast<std::size_t>(end - begin) < smallest_rest) return;
        const std::lock_guard lock(mutex);
        rests = ::new (static_cast<void*>(begin)) Rest{rests, end};
    }
    /// The first that has room for `bytes`; null if none has.
    Rest* take_rest(std::size_t bytes) {
        const std::lock_guard lock(mutex);
        for (Rest** place = &rests; *place; place = &(*place)->next) {
            Rest* const rest = *place;
            if (static_cast<std::size_t>(rest->end - reinterpret_cast<char*>(rest)) < bytes) continue;
            *place = rest->next;
            return rest;
        }
        return nullptr;
    }

    void give(std::size_t index, FreeBlock* chain) {
        const std::lock_guard lock(mutex);
        chain->next_chain = chains[index];
        chains[index] = chain;
    }
    FreeBlock* take(std::size_t index) {
        const std::lock_guard lock(mutex);
        FreeBlock* chain = chains[index];
        if (chain) chains[index] = chain->next_chain;
        return chain;
    }
};

constinit Depot depot;

// A thread that ends leaves its blocks to the others.
struct AtThreadEnd {
    ~AtThreadEnd() {
        for (std::size_t index = 0; index < classes; ++index) {
            if (auto* chain = std::exchange(pool.current[index].first, nullptr)) depot.give(index, chain);
            if (auto* chain = std::exchange(pool.spare[index], nullptr)) depot.give(index, chain);
            pool.current[index].count = 0;
        }
        depot.give_rest(std::exchange(pool.fresh, nullptr), std::exchange(pool.fresh_end, nullptr));
    }
};

void register_thread() {
    if (std::exchange(pool.registered, true)) return;
    [[maybe_unused]] static const bool kept_free = (free_in_children(depot.mutex, LockRank::inner), true);
    thread_local AtThreadEnd at_thread_end;
    static_cast<void>(at_thread_end);
    for (Chain& chain : pool.current) chain.count = chain.first ? 1 : 0;
}

void* from_system(std::size_t bytes) {
    const auto rounded = (bytes + alignment - 1) / alignment * alignment;
    if (void* block = std::aligned_alloc(alignment, rounded)) return block;
    throw std::bad_alloc();
}

// The slow path: the spare chain, a chain of the depot, or a block cut from this thread's slab.
[[gnu::noinline]] void* refill(std::size_t index) {
    register_thread();
    FreeBlock* chain = std::exchange(pool.spare[index], nullptr);
    if (!chain) chain = depot.take(index);
    if (chain) {
        // A chain from an ended thread may be shorter; counting it as full only makes it move on a little
        // earlier.
        pool.current[index] = {chain->next, chain_blocks - 1};
        return chain;
    }
    const auto size = (index + 1) * granularity;
    const auto aligned = std::min(size & (~size + 1), alignment);  // the largest power of two in it
    const auto padding = [&] { return (~reinterpret_cast<std::uintptr_t>(pool.fresh) + 1) & (aligned - 1); };
    if (static_cast<std::size_t>(pool.fresh_end - pool.fresh) < padding() + size) {
        depot.give_rest(std::exchange(pool.fresh, nullptr), std::exchange(pool.fresh_end, nullptr));
        if (Rest* const rest = depot.take_rest(size + alignment)) {
            pool.fresh_end = rest->end;
            pool.fresh = reinterpret_cast<char*>(rest);
        } else {
            // Twice as much each time: few frames cost little, and a million do not fault on every page.
            pool.slab_bytes = std::clamp(2 * pool.slab_bytes, first_slab_bytes, slab_memory::huge_bytes);
            pool.fresh = static_cast<char*>(slab_memory::allocate(pool.slab_bytes, alignment));
            pool.fresh_end = pool.fresh + pool.slab_bytes;
        }
    }
    char* const block = pool.fresh + padding();
    pool.fresh = block + size;
    return block;
}

[[gnu::noinline]] void pass_on(std::size_t index) noexcept {
    if (!pool.registered) {
        register_thread();
        return;
    }
    if (FreeBlock* chain = pool.spare[index]) depot.give(index, chain);
    pool.spare[index] = pool.current[index].first;
    pool.current[index] = {nullptr, 0};
}

}  // namespace

void* allocate(std::size_t bytes) {
    const auto index = class_of(bytes);
    if (!pooled || index >= classes) return from_system(bytes);
    Chain& chain = pool.current[index];
    FreeBlock* block = chain.first;
    if (!block) return refill(index);
    chain.first = block->next;
    if (chain.count > 0) --chain.count;
    return block;
}

void release(void* block, std::size_t bytes) noexcept {
    const auto index = class_of(bytes);
    if (!pooled || index >= classes) {
        std::free(block);
        return;
    }
    Chain& chain = pool.current[index];
    auto* free_block = static_cast<FreeBlock*>(block);
    free_block->next = chain.first;
    chain.first = free_block;
    if (++chain.count >= chain_blocks) pass_on(index);
}

}  // namespace tandem::inline v1::frame_memory
