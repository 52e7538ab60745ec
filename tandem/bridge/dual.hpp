#pragma once

#include <tandem/bridge/blocking_wait.hpp>
#include <tandem/bridge/caller.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <functional>
#include <future>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// One call of a `dual` function; how it is used decides which body runs.
template <class Blocking, class Async, class... Args>
class [[nodiscard("co_await it, start it, or call .get()")]] DualCall {
public:
    using T = typename std::invoke_result_t<Async&, Args...>::value_type;

    DualCall(Blocking blocking, Async async, std::tuple<Args...> args)
        : blocking_(std::move(blocking)), async_(std::move(async)), args_(std::move(args)) {}

    /// Plain code and workers: the blocking body, here and now. A fiber: the async body, which suspends it. A
    /// loop's thread: `WouldDeadlock`.
    T get(SourceLocation where = SourceLocation::current()) && {
        const CallerKind kind = refuse_to_block({"get() of a dual call", where});
        if (kind == CallerKind::plain || kind == CallerKind::worker || kind == CallerKind::owner)
            return std::move(*this).run_blocking();
        return std::move(*this).to_task().get(where);
    }
    /// The async body, as a Task: what `co_await` uses.
    Task<T> to_task() && { return std::apply(async_, std::move(args_)); }
    Pending<T> start(SourceLocation where = SourceLocation::current()) && {
        return std::move(*this).to_task().start(where);
    }
    Pending<T> start(StartOn where_to, SourceLocation where = SourceLocation::current()) && {
        return std::move(*this).to_task().start(where_to, where);
    }
    /// The blocking body, here and now, whoever calls.
    T run_blocking() && { return std::apply(blocking_, std::move(args_)); }

private:
    Blocking blocking_;
    Async async_;
    std::tuple<Args...> args_;
};

/// The last argument of a `dual` call by which the caller chooses himself. What is derived from it says in
/// `apply(call)` what becomes of the call.
struct CallTag {};

/// The blocking body on this thread, also on a loop's: `std::string page = fetch(url, use_sync);`
struct UseSync : CallTag {
    template <class Call>
    typename Call::T apply(Call call) const {
        return std::move(call).run_blocking();
    }
};
inline constexpr UseSync use_sync;

/// The async body as a `Task`, for plain code too: `std::string page = fetch(url, use_async).get();`
struct UseAsync : CallTag {
    template <class Call>
    Task<typename Call::T> apply(Call call) const {
        return std::move(call).to_task();
    }
};
inline constexpr UseAsync use_async;

/// The async body on the background loop: `std::future<std::string> page = fetch(url, use_future);`
struct UseFuture : CallTag {
    template <class Call>
    std::future<typename Call::T> apply(Call call) const {
        return to_future(std::move(call).to_task());
    }
};
inline constexpr UseFuture use_future;

/// See `use_callback`.
template <class F>
struct UseCallback : CallTag {
    explicit UseCallback(F f) : fn(std::move(f)) {}
    template <class Call>
    Pending<typename Call::T> apply(Call call) {
        EventLoop* const loop = this_loop_or_null();
        auto pending = std::move(call).start(loop ? on(*loop) : on_background());
        pending.on_done(std::move(fn));
        return pending;
    }
    F fn;
};
/// The async body on this thread's loop, in plain code on the background loop, then `fn(pending)` there.
/// Nobody waits.
///
///     fetch(url, use_callback([](const Pending<std::string>& page) { std::puts(page.get().c_str()); }));
template <class F>
UseCallback<F> use_callback(F fn) {
    return UseCallback<F>(std::move(fn));
}

/// What `dual` makes.
template <class Blocking, class Async>
class Dual {
public:
    constexpr Dual(Blocking blocking, Async async)
        : blocking_(std::move(blocking)), async_(std::move(async)) {}

    /// A `DualCall`; with a tag as last argument, what the tag makes of it.
    template <class... Args>
    decltype(auto) operator()(Args... args) const {
        if constexpr ((std::is_base_of_v<CallTag, Args> || ...))
            return tagged(std::make_index_sequence<sizeof...(Args) - 1>(),
                          std::tuple<Args...>(std::move(args)...));
        else
            return call(std::tuple<Args...>(std::move(args)...));
    }

private:
    template <class... Args>
    auto call(std::tuple<Args...> args) const {
        return DualCall<Blocking, Async, Args...>(blocking_, async_, std::move(args));
    }
    template <std::size_t... place, class All>
    decltype(auto) tagged(std::index_sequence<place...>, All all) const {
        static_assert(std::is_base_of_v<CallTag, std::tuple_element_t<sizeof...(place), All>>,
                      "use_sync, use_async, use_future or use_callback(fn) is the last argument");
        return std::get<sizeof...(place)>(all).apply(
            call(std::tuple<std::tuple_element_t<place, All>...>(std::get<place>(std::move(all))...)));
    }

    Blocking blocking_;
    Async async_;
};

/// One name for a library's two bodies, a blocking one and a coroutine (sem:B6). How a call is used decides
/// which one runs; a tag as last argument decides instead.
///
///     inline constexpr auto fetch = dual(fetch_blocking, fetch_async);
///     std::string a = fetch(url).get();            // plain code: fetch_blocking, on this thread
///     std::string b = co_await fetch(url);         // a coroutine: fetch_async, in this task
///     std::string c = fetch(url, use_async).get(); // plain code, and all the same fetch_async
///
/// Errors      whatever the body throws; `get()` on a loop's thread: `WouldDeadlock`.
/// Cancelling  as the async body; the blocking one cannot be cancelled.
/// Threads     as the body that runs.
/// Lifetime    arguments are kept by value until the call is used.
template <class Blocking, class Async>
constexpr auto dual(Blocking blocking, Async async) {
    return Dual<Blocking, Async>(std::move(blocking), std::move(async));
}

}  // namespace tandem::inline v1
