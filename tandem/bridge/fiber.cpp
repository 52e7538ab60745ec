#include <tandem/bridge/fiber.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber_core_internal.hpp>
#include <tandem/bridge/hook_table.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/current_fiber.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_node.hpp>

#include <cstdio>
#include <cstdlib>

namespace tandem::inline v1 {
namespace {

Task<void> one_turn() { co_await checkpoint(); }

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
    FiberCore& core = FiberCore::make(FiberStacks::of(loop), options.stack, task, body, argument);
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

bool Fiber::Turn::await_ready() noexcept {
    core_.enter();
    return core_.ended();
}

void Fiber::Turn::await_suspend(std::coroutine_handle<>) noexcept {
    TaskNode& here = task();
    PromiseBase& driver = *here.frame();
    driver.stand_at(core_.asked_at);
    core_.asked->start_in(here, &driver);
    here.go_on_with(*core_.asked);
}

bool Fiber::Turn::await_resume() const noexcept { return core_.ended(); }

bool unwinds(const FiberCore& fiber) noexcept { return fiber.unwinding(); }

void run_frame_on_fiber(FiberCore& fiber, PromiseBase& frame, bool checkpoint, const SourceLocation& where) {
    if (checkpoint && fiber.task().scope().cancelled()) [[unlikely]] {
        fiber.saw_cancel = true;
        if (!fiber.task().threw_in_this_step()) fiber.task().throw_cancelled();
        FrameOnFiber(one_turn()).run(fiber, false, where);
    }
    fiber.check_held(where);
    fiber.asked = &frame;
    fiber.asked_at = where;
    fiber.leave();
    if (frame.result() == PromiseBase::Result::cancelled) [[unlikely]]
        fiber.saw_cancel = true;
}

}  // namespace tandem::inline v1
