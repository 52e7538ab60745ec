#include <tandem/task/current_fiber.hpp>

#include <tandem/task/task_node.hpp>

#include <utility>

namespace tandem::inline v1 {
namespace {

constinit thread_local FiberRecord record_of_this_thread;

// Never inlined and never remembered: a fiber's function may go on in another thread than it was suspended
// in, when another thread drives its loop, and compilers keep addresses of thread_locals over a switch
// (sem:F15).
[[gnu::noinline]] FiberRecord& fiber_record() noexcept {
    FiberRecord* record = &record_of_this_thread;
    asm volatile("" : "+r"(record));
    return *record;
}

[[gnu::noinline]] const TaskNode* task_of_this_step() noexcept {
    const TaskNode* task = current_task_node();
    asm volatile("" : "+r"(task));
    return task;
}

}  // namespace

FiberCore* current_fiber() noexcept {
    const FiberRecord& record = fiber_record();
    return record.fiber && record.task == task_of_this_step() ? record.fiber : nullptr;
}

FiberRecord current_fiber_record() noexcept { return fiber_record(); }

FiberRecord exchange_fiber_record(FiberRecord record) noexcept {
    return std::exchange(fiber_record(), record);
}

}  // namespace tandem::inline v1
