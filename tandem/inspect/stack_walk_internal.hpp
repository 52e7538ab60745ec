#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tandem::inline v1::inspect {

/// Copies memory of this process, or says that there is none. Neither allocates nor locks.
bool read_carefully(const void* from, void* to, std::size_t bytes) noexcept;

/// The return addresses on a stack of another thread of this process, which stands still in a system call,
/// the innermost first and `pc` before all others. It goes by the tables that exceptions are thrown by, so it
/// needs no frame pointers and no debug information.
///
/// What the thread has in its registers is unknown but for these two. Where a frame is found by a register
/// that nobody on the way has saved, its end is looked for on the stack instead: a caller may be missed or
/// guessed there, never the function that `pc` lies in nor those up to the first such frame.
///
/// On other processors than x86-64 it is `pc` alone.
std::vector<std::uintptr_t> walk_stack(std::uintptr_t pc, std::uintptr_t sp);

}  // namespace tandem::inline v1::inspect
