#include <tandem/loop/operation_slot.hpp>

namespace tandem::inline v1 {

void OperationSlab::grow() {
    slabs_.push_back(std::make_unique<OperationSlot[]>(slots_per_slab));
    for (std::size_t i = 0; i < slots_per_slab; ++i) {
        slabs_.back()[i].next = free_;
        free_ = &slabs_.back()[i];
    }
}

}  // namespace tandem::inline v1
