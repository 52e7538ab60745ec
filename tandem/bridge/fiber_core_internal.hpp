#pragma once

#include <tandem/base/source_location.hpp>
#include <tandem/bridge/fiber_stacks_internal.hpp>
#include <tandem/task/promise.hpp>
#include <tandem/task/task_node.hpp>

#include <cstddef>

namespace tandem::inline v1 {

/// A function on a stack of its own, at whose top this stands: the one seam to Boost.Context's switch, which
/// also carries the floating-point control state. With it go what belongs to a stack although C++ keeps it by
/// the thread, exceptions being handled and errno, the caller's record, and what sanitizers want to know
/// (sem:F10-F15).
class FiberCore {
public:
    using Body = void (*)(void* argument) noexcept;

    /// Takes a stack; nothing runs yet.
    /// `task` is whose fiber it is; null: a stack of a loop's portal.
    static FiberCore& make(FiberStacks& stacks, std::size_t stack_bytes, TaskNode* task, Body body,
                           void* argument);
    /// Gives the stack back. Precondition: not begun, or ended.
    void dispose() noexcept;
    FiberCore(const FiberCore&) = delete;
    FiberCore& operator=(const FiberCore&) = delete;

    /// From the loop's stack: runs the fiber until it leaves or ends.
    void enter() noexcept;
    void enter_inline() noexcept;  ///< the same, for fiber_core.cpp
    /// From the fiber's: back to where `enter()` was called.
    void leave() noexcept;

    /// On the fiber's stack: `std::uncaught_exceptions() > 0`.
    bool unwinding() const { return thread_.exceptions->uncaught > 0; }

    bool begun() const { return began_; }
    bool ended() const { return ended_; }
    TaskNode& task() const { return *task_; }
    bool of_portal() const { return task_ == nullptr; }
    const FiberStack& stack() const { return stack_; }
    /// If overflows are to be reported: notes what will be said of this one.
    void be_reportable();

    /// A mutex was locked on this fiber's stack, or is being unlocked; of many at once the first few count.
    void locked(const void* mutex, const void* place) noexcept {
        if (held_count_ < most_held) held_[held_count_++] = {mutex, place, false};
    }
    void unlocked(const void* mutex) noexcept {
        for (unsigned i = held_count_; i-- > 0;) {
            if (held_[i].mutex != mutex) continue;
            for (--held_count_; i < held_count_; ++i) held_[i] = held_[i + 1];
            return;
        }
    }
    /// It is about to wait at `where`: tells of mutexes that it holds meanwhile, once of each (sem:F20).
    void check_held(const SourceLocation& where) noexcept {
        if (held_count_ > 0) [[unlikely]]
            report_held(where);
    }

    // What the fiber asks of its task.
    PromiseBase* asked = nullptr;  ///< run this
    SourceLocation asked_at;
    bool saw_cancel = false;   ///< a `Cancelled` was thrown in it
    bool hooked = false;       ///< blocking calls of the C library wait on the loop
    char name[48] = "a task";  ///< its task's, for whoever may not allocate

private:
    // Of the C++ runtime, for each thread: abi::__cxa_eh_globals, which the ABI leaves opaque.
    struct Exceptions {
        void* caught = nullptr;
        unsigned uncaught = 0;
    };
    struct Sanitized {
        void* fake_stack = nullptr;
        const void* outside_low = nullptr;
        std::size_t outside_size = 0;
        void* fiber = nullptr;
        void* outside = nullptr;
    };
    struct Switch;
    struct Held {
        const void* mutex = nullptr;
        const void* place = nullptr;
        bool told = false;
    };
    static constexpr unsigned most_held = 4;
    void report_held(const SourceLocation& where) noexcept;
    FiberCore(FiberStacks& stacks, const FiberStack& stack, TaskNode* task, Body body, void* argument);
    ~FiberCore() = default;

    void* inside_ = nullptr;   // where the fiber stands
    void* outside_ = nullptr;  // where the loop's stack stands
    Exceptions exceptions_;
    // Of the thread that it ran on last: asking for them costs as much as the switch. They lie at a fixed
    // distance from the thread's pointer, so that another thread with the same pointer has them in the same
    // place.
    struct Thread {
        const void* pointer = nullptr;
        Exceptions* exceptions = nullptr;
        int* error = nullptr;
    };
    void look_up_thread() noexcept;
    Thread thread_;
    int errno_ = 0;
    unsigned held_count_ = 0;
    Held held_[most_held];
    bool began_ = false;
    bool ended_ = false;
    TaskNode* const task_;
    const Body body_;
    void* const argument_;
    FiberStacks& stacks_;
    const FiberStack stack_;
    [[maybe_unused]] Sanitized sanitized_;
};

}  // namespace tandem::inline v1
