#pragma once

#include <tandem/http/server_handler.hpp>

#include <memory>
#include <string_view>

namespace tandem::inline v1::http {

/// Sends each request to the handler of its method and path.
///
///     http::Router routes;
///     routes.get("/items/{id}", show_item).put("/items/{id}", store_item);
///     routes.get("/files/{path...}", show_file);
///     co_await http::serve(listener, routes);
///
/// A fixed segment beats `{name}`, and that beats `{name...}`, which takes the rest of the path. Segments are
/// split before they are decoded, so `%2F` never makes one; `.` and `..` are resolved first. HEAD runs the
/// GET handler; OPTIONS is answered by itself.
///
/// Errors      a bad pattern, or two handlers for the same: `std::invalid_argument`. Requests: 400 for a path
/// that
///             cannot be decoded or climbs above the root, 404, 405 with `Allow`, 501 for a method nobody
///             knows.
/// Cancelling  never waits.
/// Threads     filled before it serves.
/// Lifetime    copies share the routes.
class Router {
public:
    Router();
    Router(const Router&) = default;
    Router(Router&&) noexcept = default;
    Router& operator=(const Router&) = default;
    Router& operator=(Router&&) noexcept = default;
    ~Router() {}

    Router& route(std::string_view method, std::string_view pattern, const Handler& handler,
                  RouteOptions options = {});

    Router& get(std::string_view pattern, const Handler& handler, RouteOptions options = {}) {
        return route("GET", pattern, handler, options);
    }
    Router& head(std::string_view pattern, const Handler& handler, RouteOptions options = {}) {
        return route("HEAD", pattern, handler, options);
    }
    Router& post(std::string_view pattern, const Handler& handler, RouteOptions options = {}) {
        return route("POST", pattern, handler, options);
    }
    Router& put(std::string_view pattern, const Handler& handler, RouteOptions options = {}) {
        return route("PUT", pattern, handler, options);
    }
    Router& patch(std::string_view pattern, const Handler& handler, RouteOptions options = {}) {
        return route("PATCH", pattern, handler, options);
    }
    Router& delete_(std::string_view pattern, const Handler& handler, RouteOptions options = {}) {
        return route("DELETE", pattern, handler, options);
    }
    Router& options(std::string_view pattern, const Handler& handler, RouteOptions options = {}) {
        return route("OPTIONS", pattern, handler, options);
    }

    /// What a request gets: the same as `Handler(router)`, for tests and for servers of one's own.
    [[nodiscard]] std::shared_ptr<const Dispatcher> dispatcher() const;

private:
    class Routes;
    std::shared_ptr<Routes> routes_;
};

}  // namespace tandem::inline v1::http
