#include <tandem/bridge/fiber_core_internal.hpp>

#include <tandem/bridge/fiber.hpp>
#include <tandem/task/current_fiber.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_node.hpp>

#include <boost/context/detail/fcontext.hpp>

#include <cxxabi.h>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define TANDEM_ADDRESS_SANITIZER 1
#elif defined(__SANITIZE_THREAD__)
#define TANDEM_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TANDEM_ADDRESS_SANITIZER 1
#elif __has_feature(thread_sanitizer)
#define TANDEM_THREAD_SANITIZER 1
#endif
#endif
#if defined(TANDEM_ADDRESS_SANITIZER)
#include <sanitizer/common_interface_defs.h>
#elif defined(TANDEM_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

namespace tandem::inline v1 {
namespace {

namespace context = boost::context::detail;

// Tops of stacks that are 256 KiB apart would all compete for the same few lines of the cache.
constexpr std::size_t colours = 16;
constexpr std::size_t colour_bytes = 192;

Task<void> one_turn() { co_await checkpoint(); }

}  // namespace

/// What sanitizers are told, and nothing without them.
struct FiberCore::Switch {
#if defined(TANDEM_ADDRESS_SANITIZER)
    static void made(FiberCore&) {}
    static void disposed(FiberCore&) {}
    static void entering(const FiberCore& core, void*& own_fake_stack) {
        __sanitizer_start_switch_fiber(&own_fake_stack, core.stack_.low, core.stack_.size);
    }
    static void back_outside(void* own_fake_stack) {
        __sanitizer_finish_switch_fiber(own_fake_stack, nullptr, nullptr);
    }
    static void entered(FiberCore& core) {
        __sanitizer_finish_switch_fiber(core.sanitized_.fake_stack, &core.sanitized_.outside_low,
                                        &core.sanitized_.outside_size);
    }
    static void leaving(FiberCore& core) {
        // Null at the end: then its fake stack is freed.
        __sanitizer_start_switch_fiber(core.ended_ ? nullptr : &core.sanitized_.fake_stack,
                                       core.sanitized_.outside_low, core.sanitized_.outside_size);
    }
#elif defined(TANDEM_THREAD_SANITIZER)
    static void made(FiberCore& core) { core.sanitized_.fiber = __tsan_create_fiber(0); }
    static void disposed(FiberCore& core) { __tsan_destroy_fiber(core.sanitized_.fiber); }
    static void entering(FiberCore& core, void*&) {
        core.sanitized_.outside = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(core.sanitized_.fiber, 0);
    }
    static void back_outside(void*) {}
    static void entered(FiberCore&) {}
    static void leaving(FiberCore& core) { __tsan_switch_to_fiber(core.sanitized_.outside, 0); }
#else
    static void made(FiberCore&) {}
    static void disposed(FiberCore&) {}
    static void entering(FiberCore&, void*&) {}
    static void back_outside(void*) {}
    static void entered(FiberCore&) {}
    static void leaving(FiberCore&) {}
#endif

    static void begin(context::transfer_t from) noexcept {
        FiberCore& core = *static_cast<FiberCore*>(from.data);
        entered(core);
        core.outside_ = from.fctx;
        core.body_(core.argument_);
        core.ended_ = true;
        leaving(core);
        context::jump_fcontext(core.outside_, nullptr);
        __builtin_unreachable();
    }
};

FiberCore::FiberCore(FiberStacks& stacks, const FiberStack& stack, TaskNode* task, Body body, void* argument)
    : task_(task), body_(body), argument_(argument), stacks_(stacks), stack_(stack) {}

FiberCore& FiberCore::make(FiberStacks& stacks, std::size_t stack_bytes, TaskNode* task, Body body,
                           void* argument) {
    const FiberStack stack = stacks.take(stack_bytes);
    const std::size_t colour = reinterpret_cast<std::uintptr_t>(stack.low) / stack.size % colours;
    char* const place = stack.top() - (sizeof(FiberCore) + 63) / 64 * 64 - colour * colour_bytes;
    auto& core = *::new (static_cast<void*>(place)) FiberCore(stacks, stack, task, body, argument);
    core.inside_ = context::make_fcontext(place, static_cast<std::size_t>(place - stack.low), &Switch::begin);
    Switch::made(core);
    return core;
}

void FiberCore::dispose() noexcept {
    Switch::disposed(*this);
    FiberStacks& stacks = stacks_;
    const FiberStack stack = stack_;
    this->~FiberCore();
    stacks.give(stack);
}

[[gnu::noinline]] void FiberCore::look_up_thread() noexcept {
    thread_ = {__builtin_thread_pointer(), reinterpret_cast<Exceptions*>(abi::__cxa_get_globals()), &errno};
}

// All that is exchanged is exchanged here, on the loop's side: its thread is the same before and after.
inline void FiberCore::enter_inline() noexcept {
    began_ = true;
    if (thread_.pointer != __builtin_thread_pointer()) [[unlikely]]
        look_up_thread();
    const Thread thread = thread_;
    std::swap(*thread.exceptions, exceptions_);
    std::swap(*thread.error, errno_);
    FiberRecord& record = fiber_record();
    const FiberRecord outer = std::exchange(record, {task_ ? this : nullptr, task_, this});
    void* fake_stack = nullptr;
    Switch::entering(*this, fake_stack);
    inside_ = context::jump_fcontext(inside_, this).fctx;
    Switch::back_outside(fake_stack);
    record = outer;
    std::swap(*thread.error, errno_);
    std::swap(*thread.exceptions, exceptions_);
}

void FiberCore::enter() noexcept { enter_inline(); }

void FiberCore::leave() noexcept {
    Switch::leaving(*this);
    outside_ = context::jump_fcontext(outside_, nullptr).fctx;
    Switch::entered(*this);
}

// In this file, so that a switch costs few returns: those that the processor foresaw are of the other stack.

bool Fiber::Turn::await_ready() noexcept {
    core_.enter_inline();
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
    if (checkpoint && fiber.task().scope().cancelled() && !is_no_checkpoint(frame.born())) [[unlikely]] {
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
