#pragma once

#include <tandem/bridge/blocking_wait.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/task/task.hpp>

#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// One call of a `dual` function; how it is used decides which body runs.
template <class Blocking, class Async, class... Args>
class DualCall {
public:
    using T = typename std::invoke_result_t<Async&, Args...>::value_type;

    DualCall(Blocking blocking, Async async, Args... args)
        : blocking_(std::move(blocking)), async_(std::move(async)), args_(std::move(args)...) {}

    /// The blocking body, here and now, on this thread. On a loop's thread: `WouldDeadlock`.
    T get(SourceLocation where = SourceLocation::current()) && {
        refuse_to_block({"get() of a blocking body", where});
        return std::apply(blocking_, std::move(args_));
    }
    /// The async body, as a Task: what `co_await` uses.
    Task<T> to_task() && { return std::apply(async_, std::move(args_)); }
    Pending<T> start(SourceLocation where = SourceLocation::current()) && {
        return std::move(*this).to_task().start(where);
    }
    Pending<T> start(StartOn where_to, SourceLocation where = SourceLocation::current()) && {
        return std::move(*this).to_task().start(where_to, where);
    }

private:
    Blocking blocking_;
    Async async_;
    std::tuple<Args...> args_;
};

/// One name for a library's two bodies, a blocking one and a coroutine (sem:B6).
///
///     inline constexpr auto fetch = dual(fetch_blocking, fetch_async);
///     std::string a = fetch(url).get();      // plain code: fetch_blocking, on this thread
///     std::string b = co_await fetch(url);   // a coroutine: fetch_async, in this task
///
/// Errors      whatever the body throws; `get()` on a loop's thread: `WouldDeadlock`.
/// Cancelling  as the async body; the blocking one cannot be cancelled.
/// Threads     as the body that runs.
/// Lifetime    arguments are kept by value until the call is used.
template <class Blocking, class Async>
constexpr auto dual(Blocking blocking, Async async) {
    return [blocking, async](auto... args) {
        return DualCall<Blocking, Async, decltype(args)...>(blocking, async, std::move(args)...);
    };
}

}  // namespace tandem::inline v1
