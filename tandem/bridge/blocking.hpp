#pragma once

#include <tandem/bridge/sync_iter.hpp>
#include <tandem/task/async_generator.hpp>
#include <tandem/task/async_scope.hpp>
#include <tandem/task/shield.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// What has to be awaited to be opened and closed, as a value of plain code: opened by its constructor,
/// closed by its destructor. `blocking(...)` makes it:
///
///     auto peer = blocking(net::connect("example.org", 80));
///     peer->write_all("GET / HTTP/1.0\r\n\r\n").get();
///
/// Takes a `Task` that opens a resource with `aclose()` or `close()`; a manager with `enter()` and `exit()`;
/// or a generator that yields once, what stands before its `co_yield` opening and what stands behind closing.
/// Several are closed in reverse order, as values are; each within the grace deadline, on the loop that
/// opened it, also while an exception is on its way.
///
/// Errors      what opening throws; `WouldDeadlock` on a loop's own thread. What closing throws goes to the
///             loop's exception handler; `close()` throws it.
/// Cancelling  opening is cancelled with its caller, closing is not.
/// Threads     plain code, a worker, a fiber. Destroyed on a loop's own thread it is not closed but dropped.
/// Lifetime    of a scope: neither copied nor moved.
template <class Way>
class BlockingResource {
public:
    template <class... Args>
    explicit BlockingResource(SourceLocation where, Args&&... args)
        : where_(where), calls_(where), way_(std::make_shared<Way>(std::forward<Args>(args)...)) {
        calls_.call(open_it(way_), where_);
    }
    ~BlockingResource() {
        if (!closed_ && caller_kind() != CallerKind::loop_thread) calls_.close(close_it(way_), where_);
    }
    BlockingResource(const BlockingResource&) = delete;
    BlockingResource& operator=(const BlockingResource&) = delete;

    auto& operator*() noexcept { return way_->value(); }
    auto* operator->() noexcept { return &way_->value(); }
    /// Closes it now. Harmless the second time.
    void close(SourceLocation where = SourceLocation::current()) {
        if (!std::exchange(closed_, true))
            calls_.call(shield(close_it(way_), std::chrono::seconds(5)), where);
    }

private:
    // Held by what runs: opening that was given up on may go on.
    static Task<void> open_it(std::shared_ptr<Way> way) { co_await way->open(); }
    static Task<void> close_it(std::shared_ptr<Way> way) { co_await way->close(); }

    SourceLocation where_;
    BlockingCalls calls_;
    std::shared_ptr<Way> way_;
    bool closed_ = false;
};

// Implementation

template <class R>
class OpenedByTask {
public:
    explicit OpenedByTask(Task<R> opening) : opening_(std::move(opening)) {}
    Task<void> open() { resource_.emplace(co_await std::move(opening_)); }
    Task<void> close() { return close_resource(*resource_); }
    R& value() noexcept { return *resource_; }

private:
    Task<R> opening_;
    std::optional<R> resource_;
};

template <class M>
class OpenedByManager {
    using Entered = typename decltype(std::declval<M&>().enter())::value_type;
    static constexpr bool lends = std::is_reference_v<Entered>;

public:
    explicit OpenedByManager(M manager) : manager_(std::move(manager)) {}
    Task<void> open() {
        if constexpr (std::is_void_v<Entered>) {
            co_await manager_.enter();
        } else if constexpr (lends) {
            Entered lent = co_await manager_.enter();
            entered_ = &lent;
        } else {
            Entered made = co_await manager_.enter();
            entered_.emplace(std::move(made));
        }
    }
    Task<void> close() { return manager_.exit(); }
    auto& value() noexcept {
        if constexpr (std::is_void_v<Entered>)
            return manager_;
        else
            return *entered_;
    }

private:
    using Kept =
        std::conditional_t<lends, std::remove_reference_t<Entered>*,
                           std::optional<std::conditional_t<std::is_void_v<Entered>, bool, Entered>>>;
    M manager_;
    Kept entered_{};
};

template <class T>
class OpenedByGenerator {
public:
    explicit OpenedByGenerator(AsyncGenerator<T> generator) : generator_(std::move(generator)) {}
    Task<void> open() {
        auto entered = co_await generator_.next();
        if (!entered) throw_did_not_yield();
        entered_.emplace(std::move(*entered));
    }
    Task<void> close() { return leave_context(generator_); }
    T& value() noexcept { return *entered_; }

private:
    AsyncGenerator<T> generator_;
    std::optional<T> entered_;
};

/// See `BlockingResource`.
template <class R>
BlockingResource<OpenedByTask<R>> blocking(Task<R> opening,
                                           SourceLocation where = SourceLocation::current()) {
    return BlockingResource<OpenedByTask<R>>(where, std::move(opening));
}
template <ContextManager M>
BlockingResource<OpenedByManager<M>> blocking(M manager, SourceLocation where = SourceLocation::current()) {
    return BlockingResource<OpenedByManager<M>>(where, std::move(manager));
}
template <class T>
BlockingResource<OpenedByGenerator<T>> blocking(AsyncGenerator<T> opening,
                                                SourceLocation where = SourceLocation::current()) {
    return BlockingResource<OpenedByGenerator<T>>(where, std::move(opening));
}

}  // namespace tandem::inline v1
