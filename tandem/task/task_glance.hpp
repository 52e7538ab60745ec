#pragma once

#include <tandem/base/source_location.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace tandem::inline v1 {

/// Copies memory of this process that may not be there any more. False: then it is not. It must neither
/// allocate nor lock where `glance_at_task()` is called in a signal handler.
using CarefulRead = bool (*)(const void* from, void* to, std::size_t bytes) noexcept;

/// What can be seen of a running task from another thread, or in a signal handler, without its help.
struct TaskGlance {
    struct Frame {
        SourceLocation function;
        SourceLocation at;  ///< where it awaited last
    };
    std::uint64_t id = 0;         ///< 0 if no task runs there
    std::array<char, 64> name{};  ///< as far as there is room, ends with 0
    std::array<Frame, 48> frames{};
    std::size_t frame_count = 0;  ///< the deepest first
};

/// Of the task that `place` leads to: the address that a thread gave with `LoopPulse::Beat::task_place`. True
/// to the facts only if that thread stands still meanwhile. Follows no pointer but by `read`.
void glance_at_task(const void* place, CarefulRead read, TaskGlance& seen) noexcept;

}  // namespace tandem::inline v1
