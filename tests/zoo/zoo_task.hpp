#pragma once

// The smallest Task that resumes like tandem's: by trampoline. Beside it the two that every tutorial shows,
// by symmetric transfer and by a nested resume(), which differ in nothing else.

#include "zoo.hpp"

#include <coroutine>
#include <cstddef>
#include <new>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace zoo {

enum class Transfer { trampoline, symmetric, nested };

/// What one resumption leaves behind for the step loop.
struct Step {
    std::coroutine_handle<> next;  // whom to resume now
    bool accounted = false;        // finished, waiting or handed over: anything else is a lost coroutine
    long handovers = 0;
};

[[gnu::noinline]] inline Step& this_step() {
    thread_local Step step;
    return step;
}

// What no compiler asks for, and needs: see Z57.
inline constexpr std::align_val_t frame_alignment{64};

/// Whether new frames are filled with zeros: the lost coroutines of Z51 then behave the same each time.
inline bool& frames_zeroed() {
    static bool zeroed = false;
    return zeroed;
}

struct PromiseBase {
    PromiseBase* awaiter = nullptr;             // who waits for this frame
    PromiseBase* child = nullptr;               // whom this frame waits for
    std::coroutine_handle<>* holder = nullptr;  // the awaiter's handle to this frame
    std::coroutine_handle<> self;
    std::exception_ptr error;
    std::source_location born;
    std::source_location at;
    bool awaiter_suspended = false;  // Transfer::nested only

    std::suspend_always initial_suspend() noexcept { return {}; }
    void unhandled_exception() noexcept { error = std::current_exception(); }

    template <class A>
    A&& await_transform(A&& awaited, std::source_location where = std::source_location::current()) noexcept {
        at = where;
        return static_cast<A&&>(awaited);
    }

    // Not inline: g++ 12 would inline one of the two and warn of a mismatch.
    [[gnu::noinline]] static void* operator new(std::size_t bytes) {
        void* memory = ::operator new(bytes, frame_alignment);
        if (frames_zeroed()) std::memset(memory, 0, bytes);
        ++frames_alive();
        return memory;
    }
    [[gnu::noinline]] static void operator delete(void* memory, std::size_t bytes) {
        --frames_alive();
        ::operator delete(memory, bytes, frame_alignment);
    }
};

/// Destroys a suspended chain from its leaf up: reverse order, and no recursion however deep it is.
inline void destroy_chain(PromiseBase& top) {
    auto* frame = &top;
    while (frame->child) frame = frame->child;
    while (frame != &top) {
        auto* up = frame->awaiter;
        *frame->holder = nullptr;
        up->child = nullptr;
        frame->self.destroy();
        frame = up;
    }
    top.self.destroy();
}

template <Transfer how>
struct Final {
    bool await_ready() const noexcept { return false; }
    void await_resume() const noexcept {}

    template <class Promise>
    [[gnu::noinline]] auto await_suspend(std::coroutine_handle<Promise> done) noexcept {
        PromiseBase& promise = done.promise();
        PromiseBase* awaiter = promise.awaiter;
        auto& step = this_step();
        step.accounted = true;
        if (awaiter) awaiter->child = nullptr;
        if constexpr (how == Transfer::symmetric)
            return awaiter ? awaiter->self : std::coroutine_handle<>(std::noop_coroutine());
        if constexpr (how == Transfer::trampoline)
            if (awaiter) step.next = awaiter->self;
        if constexpr (how == Transfer::nested)
            if (awaiter && promise.awaiter_suspended) awaiter->self.resume();
    }
};

template <class T>
struct Result {
    std::optional<T> value;
    template <class U = T>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }
    T take() { return std::move(*value); }
};
template <class T>
struct Result<T&> {
    T* value = nullptr;
    void return_value(T& result) noexcept { value = &result; }
    T& take() { return *value; }
};
template <>
struct Result<void> {
    void return_void() noexcept {}
    void take() {}
};

template <class T, Transfer how>
class [[nodiscard("co_await it or run it")]] BasicTask {
public:
    struct promise_type : PromiseBase, Result<T> {
        BasicTask get_return_object(std::source_location where = std::source_location::current()) noexcept {
            auto handle = std::coroutine_handle<promise_type>::from_promise(*this);
            self = handle;
            born = where;
            return BasicTask(handle);
        }
        Final<how> final_suspend() noexcept { return {}; }
    };
    using Handle = std::coroutine_handle<promise_type>;

    BasicTask(BasicTask&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    BasicTask& operator=(BasicTask&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~BasicTask() {
        if (handle_) destroy_chain(promise());
    }

    promise_type& promise() const { return Handle::from_address(handle_.address()).promise(); }
    std::coroutine_handle<> handle() const { return handle_; }
    bool done() const { return handle_.done(); }
    T result() {
        if (promise().error) std::rethrow_exception(promise().error);
        return promise().take();
    }

    class Awaiter {
    public:
        explicit Awaiter(BasicTask&& task) noexcept : task_(std::move(task)) {}
        bool await_ready() const noexcept { return false; }
        T await_resume() { return task_.result(); }

        template <class Promise>
        [[gnu::noinline]] auto await_suspend(std::coroutine_handle<Promise> parent) noexcept {
            PromiseBase& mine = task_.promise();
            mine.awaiter = &parent.promise();
            mine.holder = &task_.handle_;
            parent.promise().child = &mine;
            const auto child = mine.self;
            auto& step = this_step();
            ++step.handovers;
            if constexpr (how == Transfer::trampoline) {
                step.accounted = true;
                step.next = child;
            }
            if constexpr (how == Transfer::symmetric) return child;
            if constexpr (how == Transfer::nested) {
                child.resume();
                mine.awaiter_suspended = !child.done();
                return mine.awaiter_suspended;
            }
        }

    private:
        BasicTask task_;
    };
    Awaiter operator co_await() && noexcept { return Awaiter(std::move(*this)); }

private:
    explicit BasicTask(std::coroutine_handle<> handle) noexcept : handle_(handle) {}
    std::coroutine_handle<> handle_;
};

#if defined(ZOO_SYMMETRIC)
template <class T>
using Task = BasicTask<T, Transfer::symmetric>;
#else
template <class T>
using Task = BasicTask<T, Transfer::trampoline>;
#endif

/// The step loop. False if a resumption ended in none of the three allowed ways.
inline bool run_step(std::coroutine_handle<> first) {
    const auto outer = std::exchange(this_step(), Step{first, false, this_step().handovers});
    while (const auto next = std::exchange(this_step().next, nullptr)) {
        this_step().accounted = false;
        next.resume();
    }
    const bool accounted = this_step().accounted;
    const auto handovers = this_step().handovers;
    this_step() = outer;
    this_step().handovers = handovers;
    return accounted;
}

inline constexpr const char* lost_text = "the coroutine returned without suspending; see Z4";

/// Starts a task; it may be waiting afterwards.
template <class T, Transfer how>
void start(BasicTask<T, how>& task) {
    if (run_step(task.handle())) return;
    std::fprintf(stderr, "%s: %s\n", task.promise().born.function_name(), lost_text);
    std::abort();
}

/// Runs a task that never waits.
template <class T, Transfer how>
T run(BasicTask<T, how> task) {
    start(task);
    if (!task.done()) throw std::runtime_error("the task still waits");
    return task.result();
}

/// Suspends whoever awaits it, until it is opened.
class Gate {
public:
    class Awaiter {
    public:
        explicit Awaiter(Gate& gate) noexcept : gate_(&gate) {}
        bool await_ready() const noexcept { return false; }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<> waiting) noexcept {
            this_step().accounted = true;
            gate_->waiting_ = waiting;
        }
        void await_resume() const noexcept {}

    private:
        Gate* gate_;
    };

    Awaiter wait() noexcept { return Awaiter(*this); }
    bool has_waiter() const noexcept { return bool(waiting_); }
    void open() { expect(run_step(std::exchange(waiting_, nullptr)), lost_text); }

private:
    std::coroutine_handle<> waiting_;
};

/// How far the native stack grew below the place where the meter was made.
class StackMeter {
public:
    [[gnu::noinline]] StackMeter() : base_(here()), lowest_(base_) {}
    [[gnu::noinline]] void mark() { lowest_ = std::min(lowest_, here()); }
    std::uintptr_t grown_bytes() const { return base_ - lowest_; }

private:
    [[gnu::noinline]] static std::uintptr_t here() {
        return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    }
    std::uintptr_t base_;
    std::uintptr_t lowest_;
};

}  // namespace zoo
