#include <tandem/bridge/fiber.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/blocking_wait.hpp>
#include <tandem/bridge/fiber_core_internal.hpp>
#include <tandem/bridge/hook_table.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/task_node.hpp>

#include <cstdio>
#include <cstdlib>

namespace tandem::inline v1 {
namespace {

// Here, since whatever waits in a manner of its own is linked with this file.
[[maybe_unused]] const bool queues_know = (tell_queues_of_tasks(), true);

}  // namespace

Fiber::Fiber(const FiberOptions& options, void (*body)(void*) noexcept, void* argument)
    : core_(make(options, body, argument)) {}

FiberCore& Fiber::make(const FiberOptions& options, void (*body)(void*) noexcept, void* argument) {
    TaskNode& task = *current_task_node();
    EventLoop& loop = task.loop();
    if (options.hook_blocking_calls && !attach_hooks())
        throw InvalidStateError(
            "in_fiber({.hook_blocking_calls = true}) needs the library tandem_hooks, which stands in front "
            "of "
            "the C library: link tandem::hooks (-ltandem_hooks), or preload libtandem_hooks.so");
    if (loop.debug()) {
        report_fiber_overflows();
        attach_hooks();
    }
    FiberCore& core = FiberCore::make(FiberStacks::of(loop), options.stack, &task, body, argument);
    core.hooked = options.hook_blocking_calls;
    core.be_reportable();
    return core;
}

Fiber::~Fiber() {
    if (core_.begun() && !core_.ended()) {
        std::fprintf(stderr,
                     "tandem: the frame of an in_fiber() was destroyed while its fiber waits; a fiber is "
                     "always run to its end: cancel its task and wait for it\n");
        std::abort();
    }
    core_.dispose();
}

void Fiber::gave_value() const {
    const TaskNode& task = core_.task();
    if (!core_.saw_cancel || !task.scope().cancelled()) return;
    task.loop().call_exception_handler(
        {"a fiber swallowed Cancelled and returned: catch (...) must rethrow it, or its function ends later "
         "than it was asked to",
         nullptr, task.name(), task.spawned_at(), Severity::warning});
}

}  // namespace tandem::inline v1
