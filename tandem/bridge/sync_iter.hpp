#pragma once

#include <tandem/bridge/get.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/async_generator.hpp>
#include <tandem/task/generator.hpp>
#include <tandem/task/shield.hpp>

#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// Runs tasks one after the other for code that is no coroutine, all on the same loop: where one of them made
/// something, the next may use it. For the library.
class BlockingCalls {
public:
    /// Where this thread's blocking calls go. Errors: `WouldDeadlock` if it may not block.
    explicit BlockingCalls(const SourceLocation& where);

    template <class U>
    U call(Task<U> task, const SourceLocation& where) {
        if (!loop_) return std::move(task).get(where);
        auto pending = std::move(task).start(StartOn(loop_), where);
        last_ = pending.state();
        return std::move(pending).get(where);
    }
    /// For a destructor: what it throws is told to the loop. A call that was given up on is waited for there.
    void close(Task<void> task, const SourceLocation& where);

private:
    void tell(const std::exception_ptr& error, const SourceLocation& where) const noexcept;

    std::shared_ptr<EventLoop> loop_;  // null where the task that waits for the caller runs them
    std::shared_ptr<PendingCore> last_;
};

/// An async generator as a range; `sync_iter` makes it.
template <class T, class Sent>
class SyncIter {
public:
    SyncIter(std::shared_ptr<AsyncGenerator<T, Sent>> generator, SourceLocation where)
        : where_(where), calls_(where), generator_(std::move(generator)) {}
    ~SyncIter() { calls_.close(close_of(generator_), where_); }
    SyncIter(const SyncIter&) = delete;
    SyncIter& operator=(const SyncIter&) = delete;

    /// The next element, or nothing at the end.
    std::optional<T> next(SourceLocation where = SourceLocation::current()) {
        return calls_.call(next_of(generator_), where);
    }
    /// `value` becomes the value of the `co_yield` the body stands at.
    template <class U>
    std::optional<T> send(U value, SourceLocation where = SourceLocation::current())
        requires(!std::is_void_v<Sent> && std::convertible_to<U, Sent>)
    {
        return calls_.call(send_to(generator_, Sent(std::move(value))), where);
    }
    /// Throws `error` at the `co_yield` the body stands at.
    template <class E>
    std::optional<T> throw_in(E error, SourceLocation where = SourceLocation::current()) {
        if constexpr (std::is_same_v<E, std::exception_ptr>)
            return calls_.call(throw_into(generator_, std::move(error)), where);
        else
            return calls_.call(throw_into(generator_, std::make_exception_ptr(std::move(error))), where);
    }
    /// Ends it now, and throws what its cleanup throws. Harmless the second time.
    void close(SourceLocation where = SourceLocation::current()) { calls_.call(close_of(generator_), where); }

    class iterator {
    public:
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        T& operator*() const { return *all_->current_; }
        T* operator->() const { return &*all_->current_; }
        iterator& operator++() {
            all_->step();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& it, std::default_sentinel_t) { return it.over(); }

    private:
        friend class SyncIter;
        explicit iterator(SyncIter& all) : all_(&all) {}
        bool over() const { return !all_->current_; }
        SyncIter* all_;
    };
    iterator begin() {
        step();
        return iterator(*this);
    }
    std::default_sentinel_t end() const noexcept { return {}; }

private:
    // Held by each step: one that was given up on may go on.
    using Source = AsyncGenerator<T, Sent>;
    static Task<std::optional<T>> next_of(std::shared_ptr<Source> generator) {
        co_return co_await generator->next();
    }
    template <class U>
    static Task<std::optional<T>> send_to(std::shared_ptr<Source> generator, U value) {
        co_return co_await generator->send(std::move(value));
    }
    static Task<std::optional<T>> throw_into(std::shared_ptr<Source> generator, std::exception_ptr error) {
        co_return co_await generator->throw_in(std::move(error));
    }
    static Task<void> close_of(std::shared_ptr<Source> generator) { co_await generator->aclose(); }
    void step() { current_ = next(where_); }

    SourceLocation where_;
    BlockingCalls calls_;
    std::shared_ptr<Source> generator_;
    std::optional<T> current_;
};

/// An async generator in plain code's `for`:
///
///     for (auto&& line : sync_iter(lines(peer))) std::puts(line.c_str());
///
/// Each element is asked for when the loop wants it, none ahead. Left early, by `break`, `return` or an
/// exception, it is closed, and its cleanup has run before the statement is over.
///
/// Errors      what the generator throws, out of the `for`; `WouldDeadlock` on a loop's own thread. What a
///             cleanup throws when it is left early goes to the loop's exception handler; `close()` throws
///             it.
/// Cancelling  in a worker or on a fiber, the awaiting task's cancel comes out of the `for`.
/// Threads     plain code, a worker, a fiber; all steps on one loop.
/// Lifetime    takes the generator over; one that is lent must outlive it, and is closed too.
template <class T, class Sent>
SyncIter<T, Sent> sync_iter(AsyncGenerator<T, Sent>&& generator,
                            SourceLocation where = SourceLocation::current()) {
    return SyncIter<T, Sent>(std::make_shared<AsyncGenerator<T, Sent>>(std::move(generator)), where);
}
template <class T, class Sent>
SyncIter<T, Sent> sync_iter(AsyncGenerator<T, Sent>& generator,
                            SourceLocation where = SourceLocation::current()) {
    return SyncIter<T, Sent>(std::shared_ptr<AsyncGenerator<T, Sent>>(std::shared_ptr<void>(), &generator),
                             where);
}

/// The reverse: a generator whose body blocks, read from a coroutine. Each step runs in a worker thread, item
/// by item.
///
///     auto rows = to_async(read_table(file));
///     while (auto row = co_await rows.next()) ...
///
/// Errors      what the body throws; an error thrown in at the `co_yield` comes out of the body's own.
/// Cancelling  the step that runs is waited for; a generator that is left early ends in a worker, too.
/// Threads     the steps' are workers of the loop, any of them.
/// Lifetime    takes the generator over.
template <class T>
AsyncGenerator<T> to_async(Generator<T> generator);

// Implementation

Task<void> rethrow_if(std::exception_ptr error);

template <class T>
Task<void> close_in_worker(std::shared_ptr<Generator<T>> generator) {
    const auto close = [generator] { generator->close(); };
    co_await to_thread(close);
}

template <class T>
AsyncGenerator<T> steps_in_workers(std::shared_ptr<Generator<T>> generator) {
    std::exception_ptr failure;
    try {
        std::exception_ptr thrown_in;
        for (;;) {
            const auto step = [generator, error = std::exchange(thrown_in, nullptr)] {
                return error ? generator->throw_in(error) : generator->next();
            };
            std::optional<T> element = co_await to_thread(step);
            if (!element) break;
            try {
                co_yield std::move(*element);
            } catch (const Cancelled&) {
                throw;
            } catch (...) {
                thrown_in = std::current_exception();
            }
        }
    } catch (...) {
        failure = std::current_exception();
    }
    co_await with_finally(rethrow_if(failure), close_in_worker(generator));
}

template <class T>
AsyncGenerator<T> to_async(Generator<T> generator) {
    static_assert(!std::is_reference_v<T>, "what is lent by a generator does not outlive its step");
    auto steps = steps_in_workers(std::make_shared<Generator<T>>(std::move(generator)));
    steps.awaits_cleanup();
    return steps;
}

}  // namespace tandem::inline v1
