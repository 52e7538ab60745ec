#include <tandem/bridge/hook_table.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/blocking_calls.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/fiber_core_internal.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_fiber.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/sleep.hpp>

#include <dlfcn.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace tandem::inline v1 {
namespace {

bool hooked() noexcept {
    const FiberCore* const fiber = current_fiber();
    return fiber && fiber->hooked;
}

/// A wait of third-party code: an error number instead of an exception, which its frames may not be made for.
template <class Wait>
int waited(Wait wait) noexcept {
    FiberCore& fiber = *current_fiber();
    const bool saw_cancel = fiber.saw_cancel;
    try {
        return wait();
    } catch (const Cancelled&) {
        fiber.saw_cancel = saw_cancel;  // that code cannot do better than to fail
        return -ECANCELED;
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    } catch (const std::exception&) {
        return -EAGAIN;
    }
}

Task<int> ready(int fd, bool writable) {
    OperationWait wait(writable ? OpCode::poll_writable : OpCode::poll_readable, fd);
    const int result = co_await wait;
    co_return result < 0 ? result : 1;
}

int wait_for(int fd, bool writable, std::int64_t nanoseconds) noexcept {
    return waited([&] {
        if (nanoseconds < 0) return ready(fd, writable).get();
        return move_on_after(std::chrono::nanoseconds(nanoseconds), ready(fd, writable)).get().value_or(0);
    });
}

int sleep_for(std::int64_t nanoseconds) noexcept {
    return waited([&] {
        sleep(std::chrono::nanoseconds(nanoseconds)).get();
        return 0;
    });
}

int on_thread(void (*fn)(void*), void* argument) noexcept {
    return waited([&] {
        to_thread(fn, argument).get();
        return 0;
    });
}

/// What a debugger understands: `main+0x1f` or, of what has no name, `program+0x4711`.
std::string place_of(const void* code) {
    Dl_info info{};
    if (!::dladdr(code, &info) || !info.dli_fname) return "an unknown place";
    const void* const base = info.dli_sname ? info.dli_saddr : info.dli_fbase;
    char offset[24];
    std::snprintf(offset, sizeof offset, "+0x%zx",
                  static_cast<std::size_t>(static_cast<const char*>(code) - static_cast<const char*>(base)));
    return std::string(info.dli_sname ? info.dli_sname : info.dli_fname) + offset;
}

void locked(const void* mutex, const void* place) noexcept {
    if (FiberCore* const fiber = current_fiber()) fiber->locked(mutex, place);
}

void unlocked(const void* mutex) noexcept {
    if (FiberCore* const fiber = current_fiber()) fiber->unlocked(mutex);
}

bool stops_loop() noexcept {
    const EventLoop* const loop = this_loop_or_null();
    return loop && loop->debug() && loop->in_step() && !hooked();
}

}  // namespace

void FiberCore::report_held(const SourceLocation& where) noexcept {
    for (unsigned i = 0; i < held_count_; ++i) {
        if (std::exchange(held_[i].told, true)) continue;
        try {
            task().loop().call_exception_handler(
                {"a fiber waits at " + std::string(where.file_name()) + ":" + std::to_string(where.line()) +
                     " with a mutex of the operating system held, locked at " + place_of(held_[i].place) +
                     ": every task of this thread that wants it stops the loop for ever; use tandem::Mutex",
                 nullptr, task().name(), task().spawned_at(), Severity::warning});
        } catch (const std::bad_alloc&) {  // then nobody is told
        }
    }
}

bool attach_hooks() noexcept {
    static const bool attached = [] {
        static constexpr HookTable table = {.hooked = hooked,
                                            .wait = wait_for,
                                            .sleep = sleep_for,
                                            .on_thread = on_thread,
                                            .locked = locked,
                                            .unlocked = unlocked,
                                            .stops_loop = stops_loop,
                                            .stopped_loop = count_blocking_call};
        void* const found = ::dlsym(RTLD_DEFAULT, "tandem_hooks_attach");
        return found && reinterpret_cast<bool (*)(const HookTable*)>(found)(&table);
    }();
    return attached;
}

}  // namespace tandem::inline v1
