#pragma once

#include <tandem/backend/operation.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace tandem::inline v1 {

struct OperationSlot;

/// Who is told when an operation ends.
class OperationWaiter {
public:
    virtual void operation_completed(OperationSlot& slot) noexcept = 0;

protected:
    ~OperationWaiter() = default;
};

/// One operation's state, in memory that belongs to the loop (sem:C90).
struct OperationSlot final : Operation {
    OperationWaiter* waiter = nullptr;
    std::int32_t result = 0;

    void completed(std::int32_t end) noexcept override {
        result = end;
        waiter->operation_completed(*this);
    }
};

/// The loop's supply of slots. Grows by slabs, never shrinks; a used slot is the next one taken, still warm.
class OperationSlab {
public:
    /// Errors: `std::bad_alloc`.
    OperationSlot& take() {
        if (!free_) grow();
        OperationSlot& slot = *free_;
        free_ = static_cast<OperationSlot*>(slot.next);
        slot.next = nullptr;
        slot.cancel_requested = false;
        slot.flags = 0;
        slot.offset = -1;
        ++in_use_;
        return slot;
    }
    void give_back(OperationSlot& slot) noexcept {
        slot.waiter = nullptr;
        slot.next = free_;
        free_ = &slot;
        --in_use_;
    }
    std::size_t in_use() const { return in_use_; }

private:
    void grow();

    static constexpr std::size_t slots_per_slab = 64;
    std::vector<std::unique_ptr<OperationSlot[]>> slabs_;
    OperationSlot* free_ = nullptr;
    std::size_t in_use_ = 0;
};

}  // namespace tandem::inline v1
