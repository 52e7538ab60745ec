#pragma once

#include <tandem/http/message.hpp>
#include <tandem/http/response.hpp>
#include <tandem/task/task.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace tandem::inline v1::http {

/// What is written for one kind of request: a coroutine, or a plain function.
using CoroutineHandler = std::function<Task<Response>(Request&)>;
using PlainHandler = std::function<Response(Request&)>;

template <class F>
concept RequestCoroutine = std::same_as<std::invoke_result_t<F&, Request&>, Task<Response>>;
template <class F>
concept RequestFunction = std::convertible_to<std::invoke_result_t<F&, Request&>, Response>;

/// How many bytes of body one route takes, where that differs from `ServerOptions::max_body_bytes`.
struct RouteOptions {
    enum class BodyLimit : std::uint8_t { servers, own, none };
    BodyLimit body_limit = BodyLimit::servers;
    std::uint64_t max_body_bytes = 0;  ///< for `own`

    [[nodiscard]] static constexpr RouteOptions max_body(std::uint64_t bytes) {
        return {BodyLimit::own, bytes};
    }
    [[nodiscard]] static constexpr RouteOptions any_body() { return {BodyLimit::none, 0}; }
};

/// Who answers, and by which rules. Exactly one of the two functions is set.
struct Endpoint {
    CoroutineHandler coroutine;
    PlainHandler plain;
    RouteOptions options;
};

/// Chooses who answers a request; a `Router` has one.
class Dispatcher {
public:
    virtual ~Dispatcher() = default;
    /// The endpoint, or null: then `otherwise` is the answer. May set the request's path values.
    [[nodiscard]] virtual const Endpoint* choose(Request& request,
                                                 std::optional<Response>& otherwise) const = 0;

protected:
    Dispatcher() = default;
    Dispatcher(const Dispatcher&) = default;
    Dispatcher& operator=(const Dispatcher&) = default;
};

class Router;

/// What a server does with requests: a coroutine `Task<Response>(Request&)`, a plain function
/// `Response(Request&)`, or a `Router`.
///
///     http::serve(listener, [](http::Request& request) { return http::Response::text("hello"); });
///
/// Errors      what it throws becomes a 500 without details and goes to the loop's exception handler (H159).
/// Cancelling  it is cancelled when its peer resets the connection, and when the server ends.
/// Threads     called on the server's loop; one call per connection at a time, many connections at once.
/// Lifetime    copies share the callable, which lives as long as the last connection.
class Handler {
public:
    template <class F>
        requires(!std::same_as<F, Handler> && !std::same_as<F, Router> && std::invocable<F&, Request&> &&
                 RequestCoroutine<F>)
    Handler(F fn) : Handler(CoroutineHandler(std::move(fn)), PlainHandler()) {}
    template <class F>
        requires(!std::same_as<F, Handler> && !std::same_as<F, Router> && std::invocable<F&, Request&> &&
                 RequestFunction<F>)
    Handler(F fn) : Handler(CoroutineHandler(), PlainHandler(std::move(fn))) {}
    Handler(const Router& router);
    Handler(const Handler&) = default;
    Handler(Handler&&) noexcept = default;
    Handler& operator=(const Handler&) = default;
    Handler& operator=(Handler&&) noexcept = default;
    ~Handler() {}

    [[nodiscard]] const Dispatcher& dispatcher() const noexcept { return *dispatcher_; }
    /// The two functions of which one is set, taken out of a handler that is no router.
    [[nodiscard]] Endpoint endpoint() const;

private:
    Handler(CoroutineHandler coroutine, PlainHandler plain);
    std::shared_ptr<const Dispatcher> dispatcher_;
};

}  // namespace tandem::inline v1::http
