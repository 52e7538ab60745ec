#pragma once

namespace tandem::inline v1 {

class FiberCore;
class TaskNode;

/// Whose stack this thread runs on: the fiber's part of the thread's record (sem:7.1). For the library; users
/// have `caller_kind()`.
struct FiberRecord {
    FiberCore* fiber = nullptr;
    TaskNode* task = nullptr;    // another one may take a step on the fiber's stack: it was started eagerly
    FiberCore* stack = nullptr;  // the same fiber, or the stack of a loop's portal
};

/// The fiber that the caller may suspend; null on a thread's own stack, and in a task that started eagerly on
/// a fiber.
FiberCore* current_fiber() noexcept;
/// The record itself; good until the caller's stack is left.
FiberRecord& fiber_record() noexcept;

}  // namespace tandem::inline v1
