#pragma once

#include <tandem/base/errors.hpp>
#include <tandem/base/intrusive_list.hpp>
#include <tandem/loop/runnable.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/task.hpp>
#include <tandem/task/task_node.hpp>
#include <tandem/task/wait.hpp>

#include <chrono>
#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace tandem::inline v1 {

template <class T, class Sent = void>
class AsyncGenerator;

/// What an async generator's frame carries whatever its types are. It is a frame of whichever task asks for
/// the next element, and suspended at a `co_yield` between two of them; its loop knows it from its first step
/// to its end.
class AsyncGeneratorFrame : public TaskPromise<void> {
public:
    bool started() const noexcept { return life_ != nullptr; }
    bool ended() const noexcept { return closed_ || result() != Result::none; }

    /// Takes it for one step of `task`. Errors: `InvalidStateError` if a step is under way, `WrongLoop`.
    void claim(TaskNode& task);
    /// Its awaiter is `awaiting`; the task goes on in here.
    void enter(PromiseBase& awaiting) noexcept;
    /// In the task that asked, when the step is over: throws what left the body, once.
    void step_over();
    /// The handle is gone: it is destroyed, at once or by its loop.
    void drop() noexcept;
    /// Its cleanup awaits: dropped half-way, it is closed by a task of its loop.
    void awaits_cleanup() noexcept { awaits_cleanup_ = true; }
    void throw_at_yield(std::exception_ptr error) noexcept { thrown_ = std::move(error); }

    /// Ends it: `Cancelled` is thrown at the yield. A null frame has ended.
    static Task<void> close(AsyncGeneratorFrame* frame);

    ListLink<AsyncGeneratorFrame> left_link;

protected:
    AsyncGeneratorFrame() noexcept : drop_post_(*this) {}
    ~AsyncGeneratorFrame() = default;
    void yielded() noexcept;
    void resumed_at_yield();

private:
    friend class LeftGeneratorsOfLoop;
    class CloseStep;
    // A member, since a polymorphic base would take the promise's first place, where handles are computed.
    struct DropPost final : Runnable {
        explicit DropPost(AsyncGeneratorFrame& f) : frame(f) {}
        void run() override { frame.dropped_on_loop(); }
        void discard() noexcept override { frame.dropped_after_loop(); }
        AsyncGeneratorFrame& frame;
    };
    static Task<void> close_by_loop(AsyncGeneratorFrame& frame);
    void dropped_on_loop() noexcept;
    void dropped_after_loop() noexcept;
    void leave_loop() noexcept;
    void name_in_debug(const char* what) noexcept;

    std::shared_ptr<LoopLife> life_;  // of the loop it was started on
    TaskDomain* domain_ = nullptr;
    std::exception_ptr thrown_;
    DropPost drop_post_;
    bool running_ = false;
    bool closing_ = false;         // Cancelled is to be thrown at the yield
    bool closed_by_loop_ = false;  // a task of the loop is at it
    bool dropped_ = false;         // that task destroys it
    bool closed_ = false;          // before it had started
    bool delivered_ = false;       // what left the body has been thrown
    bool awaits_cleanup_ = false;
};

template <class T, class Sent>
class AsyncGeneratorPromise final : public AsyncGeneratorFrame {
public:
    using Kept = std::conditional_t<std::is_void_v<Sent>, std::monostate, Sent>;

    AsyncGenerator<T, Sent> get_return_object(SourceLocation born = SourceLocation::current()) noexcept {
        set_born(born);
        return AsyncGenerator<T, Sent>(*this);
    }
    auto yield_value(T&& value, SourceLocation where = SourceLocation::current()) noexcept {
        stand_at(where);
        return Yield(*this, value);
    }
    auto yield_value(const T& value, SourceLocation where = SourceLocation::current())
        requires std::copy_constructible<T>
    {
        stand_at(where);
        return YieldCopy(*this, value);
    }

    T* current = nullptr;
    [[no_unique_address]] Kept sent{};

private:
    Sent go_on() {
        resumed_at_yield();
        if constexpr (!std::is_void_v<Sent>) return std::move(sent);
    }
    void hand_out(T& value) noexcept {
        current = std::addressof(value);
        yielded();
    }
    class Yield {
    public:
        Yield(AsyncGeneratorPromise& frame, T& value) noexcept : frame_(&frame), value_(&value) {}
        bool await_ready() const noexcept { return false; }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept { frame_->hand_out(*value_); }
        Sent await_resume() { return frame_->go_on(); }

    private:
        AsyncGeneratorPromise* frame_;
        T* value_;
    };
    class YieldCopy {
    public:
        YieldCopy(AsyncGeneratorPromise& frame, const T& value) : frame_(&frame), value_(value) {}
        bool await_ready() const noexcept { return false; }
        [[gnu::noinline]] void await_suspend(std::coroutine_handle<>) noexcept { frame_->hand_out(value_); }
        Sent await_resume() { return frame_->go_on(); }

    private:
        AsyncGeneratorPromise* frame_;
        T value_;
    };
};

/// The await of `next()`, `send()` and `throw_in()`: the generator's frame is entered in the same step.
template <class T, class Sent>
class NextElement final : public Checkpoint<NextElement<T, Sent>> {
    using Promise = AsyncGeneratorPromise<T, Sent>;

public:
    using Kept = typename Promise::Kept;

    explicit NextElement(Promise* frame, Kept sent = Kept()) : generator_(frame), sent_(std::move(sent)) {}
    NextElement(Promise* frame, std::exception_ptr error) : generator_(frame), thrown_(std::move(error)) {}

    bool try_now() {
        if (!generator_ || generator_->ended()) {
            if (thrown_) std::rethrow_exception(thrown_);
            return true;
        }
        generator_->claim(this->task());
        generator_->sent = std::move(sent_);
        if (thrown_) generator_->throw_at_yield(std::move(thrown_));
        entered_ = true;
        return false;
    }
    void start() noexcept {
        TaskNode& task = this->task();
        task.unsuspend();
        generator_->enter(*task.frame());
        task.go_on_with(*generator_);
    }
    std::optional<T> result() {
        if (!entered_) return std::nullopt;
        generator_->step_over();
        if (generator_->ended()) return std::nullopt;
        return std::optional<T>(std::move(*generator_->current));
    }
    bool request_cancel() noexcept override { return false; }
    const char* waiting_for() const noexcept override { return "the next element"; }

private:
    Promise* generator_;
    [[no_unique_address]] Kept sent_{};
    std::exception_ptr thrown_;
    bool entered_ = false;
};

/// A sequence whose elements are waited for: the body may await between one `co_yield` and the next.
///
///     AsyncGenerator<std::string> lines(net::TcpStream peer);
///     auto all = lines(std::move(peer));
///     while (auto line = co_await all.next()) greet(*line);
///
/// Each `next()` runs the body in the task that awaits it: same identity, same scope, and the await tree
/// shows it. Cleanup that awaits is written `with_finally(body(), cleanup())` and runs in `aclose()`, or at
/// the end of `async_closing(all, read(all))`.
///
/// Errors      what the body throws, at the await that ran it; it ends the generator. `InvalidStateError` for
/// a
///             second `next()` while one is under way, `WrongLoop` on another loop than the first.
/// Cancelling  `next()` is a checkpoint; inside the body every await is one.
/// Threads     its loop's. May be dropped on any.
/// Lifetime    dropped half-way: its locals are destroyed on its loop's thread, and cleanup that awaits is
/// run by a
///             task of the loop; what is left suspended when `run()` or `close()` ends is closed there.
template <class T, class Sent>
class [[nodiscard("it computes nothing until it is read")]] AsyncGenerator {
    static_assert(std::is_object_v<T>,
                  "an async generator hands out values: lend a pointer instead of a reference");

public:
    using promise_type = AsyncGeneratorPromise<T, Sent>;
    using value_type = T;

    AsyncGenerator(AsyncGenerator&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    AsyncGenerator& operator=(AsyncGenerator&& other) noexcept {
        if (this != &other) {
            reset();
            frame_ = std::exchange(other.frame_, nullptr);
        }
        return *this;
    }
    ~AsyncGenerator() { reset(); }

    /// The next element, or nothing at the end.
    [[nodiscard("co_await it")]] NextElement<T, Sent> next() { return NextElement<T, Sent>(frame_); }
    /// `value` becomes the value of the `co_yield` the body stands at.
    template <class U>
    [[nodiscard("co_await it")]] NextElement<T, Sent> send(U&& value)
        requires(!std::is_void_v<Sent> && std::convertible_to<U &&, Sent>)
    {
        return NextElement<T, Sent>(frame_, Sent(std::forward<U>(value)));
    }
    /// Throws `error` at the `co_yield` the body stands at.
    [[nodiscard("co_await it")]] NextElement<T, Sent> throw_in(std::exception_ptr error) {
        return NextElement<T, Sent>(frame_, std::move(error));
    }
    template <class E>
        requires(!std::is_same_v<E, std::exception_ptr>)
    [[nodiscard("co_await it")]] NextElement<T, Sent> throw_in(E error) {
        return throw_in(std::make_exception_ptr(std::move(error)));
    }
    /// Ends it where it stands: `Cancelled` is thrown at the yield, and the body cleans up, awaiting what it
    /// has to. Harmless the second time. Errors: what the body throws instead; `InvalidStateError` if it
    /// yields once more.
    Task<void> aclose() { return AsyncGeneratorFrame::close(frame_); }

    bool done() const noexcept { return !frame_ || frame_->ended(); }
    /// For the library: dropped half-way, it is closed by a task instead of being destroyed at once.
    void awaits_cleanup() noexcept {
        if (frame_) frame_->awaits_cleanup();
    }

private:
    friend promise_type;
    explicit AsyncGenerator(promise_type& promise) noexcept : frame_(&promise) {}
    void reset() noexcept {
        if (frame_) std::exchange(frame_, nullptr)->drop();
    }

    promise_type* frame_;
};

/// All that is left of `generator`: an async comprehension.
template <class T>
Task<std::vector<T>> collect(AsyncGenerator<T> generator) {
    std::vector<T> elements;
    while (auto element = co_await generator.next()) elements.push_back(std::move(*element));
    co_return elements;
}

/// `body`'s elements, and always `cleanup` afterwards: at the end, after an error, and when it is closed
/// half-way; in a shield with a grace deadline, as for tasks (sem:C53).
template <class T>
AsyncGenerator<T> with_finally(AsyncGenerator<T> body, Task<void> cleanup,
                               Deadline grace = std::chrono::seconds(5));

/// Runs `body`, then always closes `resource`: `aclose()` if it has one, else `close()`.
///
///     co_await async_closing(ticks, print(ticks));   // closed before the next statement, also after an
///     early exit
template <class R, class T>
Task<T> async_closing(R& resource, Task<T> body);

// Implementation

template <class T>
Task<void> close_and_rethrow(AsyncGenerator<T>& generator, std::exception_ptr error) {
    co_await generator.aclose();
    if (error) std::rethrow_exception(error);
}

template <class T>
AsyncGenerator<T> yield_then_clean_up(AsyncGenerator<T> body, Task<void> cleanup, Deadline grace) {
    std::exception_ptr error;
    try {
        while (auto element = co_await body.next()) co_yield std::move(*element);
    } catch (...) {
        error = std::current_exception();
    }
    co_await with_finally(close_and_rethrow(body, error), std::move(cleanup), grace);
}

template <class T>
AsyncGenerator<T> with_finally(AsyncGenerator<T> body, Task<void> cleanup, Deadline grace) {
    auto generator = yield_then_clean_up(std::move(body), std::move(cleanup), grace);
    generator.awaits_cleanup();
    return generator;
}

template <class R>
Task<void> close_resource(R& resource) {
    if constexpr (requires { resource.aclose(); })
        co_await resource.aclose();
    else
        co_await resource.close();
}

template <class R, class T>
Task<T> async_closing(R& resource, Task<T> body) {
    return with_finally(std::move(body), close_resource(resource));
}

}  // namespace tandem::inline v1
