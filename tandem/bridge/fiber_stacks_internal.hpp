#pragma once

#include <tandem/base/intrusive_list.hpp>
#include <tandem/loop/event_loop.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tandem::inline v1 {

/// Stacks of one size that were mapped together.
struct FiberSlab {
    ListLink<FiberSlab> slab_link;
    char* base = nullptr;
    std::size_t bytes = 0;
    std::uint64_t cold = 0;  // a bit for each stack that nobody uses and that has given its pages back
    unsigned stacks = 0;
    unsigned used = 0;  // live or kept warm
    std::vector<unsigned> valgrind_ids;
};

struct FiberStack {
    char* low = nullptr;  // the page below is the guard
    std::size_t size = 0;
    FiberSlab* slab = nullptr;

    char* top() const { return low + size; }
};

/// The stacks of a loop's fibers: mapped by the slab, each with a guard page below it, 64 of each size kept
/// as they are when their fibers have ended, the others without their pages.
///
/// Errors      `take` throws `std::system_error`, `std::invalid_argument`, `std::bad_alloc`.
/// Threads     its loop's.
class FiberStacks final : public LoopFibers {
public:
    static constexpr std::size_t kept_warm = 64;
    static constexpr std::size_t most_bytes = std::size_t{8} * 1024 * 1024;

    static FiberStacks& of(EventLoop& loop);
    FiberStacks() = default;
    /// Stacks still in use, of tasks that their loop left behind, stay where they are.
    ~FiberStacks() override;

    /// A stack of at least `size` bytes (sem:F13): four times as many under AddressSanitizer.
    FiberStack take(std::size_t size);
    void give(const FiberStack& stack) noexcept;
    /// Fibers that exist.
    std::size_t live() const { return live_; }
    /// Mapped, in use or not.
    std::size_t mapped_bytes() const { return mapped_; }

private:
    using Slabs = IntrusiveList<FiberSlab, &FiberSlab::slab_link>;
    struct Size {
        std::size_t stack = 0;
        std::vector<FiberStack> warm;  // the last one first
        Slabs with_cold;
        Slabs without;
        std::size_t slabs = 0;
    };
    Size& size_for(std::size_t wanted);
    FiberSlab& map_slab(Size& size);
    void unmap(Size& size, FiberSlab& slab) noexcept;

    std::vector<std::unique_ptr<Size>> sizes_;  // few
    std::size_t live_ = 0;
    std::size_t mapped_ = 0;
};

}  // namespace tandem::inline v1
