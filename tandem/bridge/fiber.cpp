#include <tandem/bridge/fiber.hpp>

#include <tandem/bridge/fiber_core_internal.hpp>
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
    : core_(FiberCore::make(FiberStacks::of(current_task_node()->loop()), options.stack, *current_task_node(),
                            body, argument)) {
    if (core_.task().loop().debug()) report_fiber_overflows();
    core_.be_reportable();
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

void run_frame_on_fiber(FiberCore& fiber, PromiseBase& frame, bool checkpoint, const SourceLocation& where) {
    if (checkpoint && fiber.task().scope().cancelled()) [[unlikely]] {
        fiber.saw_cancel = true;
        if (!fiber.task().threw_in_this_step()) fiber.task().throw_cancelled();
        FrameOnFiber(one_turn()).run(fiber, false, where);
    }
    fiber.asked = &frame;
    fiber.asked_at = where;
    fiber.leave();
    if (frame.result() == PromiseBase::Result::cancelled) [[unlikely]]
        fiber.saw_cancel = true;
}

}  // namespace tandem::inline v1
