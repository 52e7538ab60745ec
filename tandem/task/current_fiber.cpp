#include <tandem/task/current_fiber.hpp>

#include <tandem/task/task_node.hpp>

namespace tandem::inline v1 {
namespace {

constinit thread_local FiberRecord record_of_this_thread;

}  // namespace

// Never inlined, and nothing of it remembered: a fiber's function may go on in another thread than it was
// suspended in, when another thread drives its loop, and compilers keep addresses of thread_locals over a
// switch (sem:F15).
[[gnu::noinline]] FiberRecord& fiber_record() noexcept {
    FiberRecord* record = &record_of_this_thread;
    asm volatile("" : "+r"(record));
    return *record;
}

[[gnu::noinline]] FiberCore* current_fiber() noexcept {
    const FiberRecord* record = &record_of_this_thread;
    asm volatile("" : "+r"(record));
    return record->fiber && record->task == current_task_node() ? record->fiber : nullptr;
}

}  // namespace tandem::inline v1
