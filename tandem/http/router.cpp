#include <tandem/http/router.hpp>

#include <tandem/http/h1_writer.hpp>
#include <tandem/http/router_internal.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1::http {
namespace {

constexpr std::array<std::string_view, 9> known_methods = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS",
                                                           "PATCH",   "POST",   "PUT", "TRACE"};

/// "GET, HEAD, OPTIONS": what is offered, and what goes with it.
std::string allow_text(std::vector<std::string> methods) {
    const auto has = [&](std::string_view name) {
        return std::find(methods.begin(), methods.end(), name) != methods.end();
    };
    if (has("GET") && !has("HEAD")) methods.emplace_back("HEAD");
    if (!has("OPTIONS")) methods.emplace_back("OPTIONS");
    std::sort(methods.begin(), methods.end());
    std::string text;
    for (const auto& method : methods) {
        if (!text.empty()) text += ", ";
        text += method;
    }
    return text;
}

Response plain_status(int status) {
    auto text = std::to_string(status);
    text.append(" ").append(reason_phrase(status)).append("\n");
    return Response::text(std::move(text), status);
}

/// The path of a target, whatever its form: without query, and without scheme and authority.
std::string_view path_of(std::string_view target) {
    if (!target.starts_with('/')) {
        const auto authority = target.find("://");
        if (authority == std::string_view::npos) return target;
        const auto path = target.find_first_of("/?", authority + 3);
        if (path == std::string_view::npos || target[path] == '?') return "/";
        target.remove_prefix(path);
    }
    return target.substr(0, std::min(target.find('?'), target.size()));
}

class SingleHandler final : public Dispatcher {
public:
    explicit SingleHandler(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
    const Endpoint* choose(Request&, std::optional<Response>&) const override { return &endpoint_; }
    const Endpoint& endpoint() const { return endpoint_; }

private:
    Endpoint endpoint_;
};

}  // namespace

Handler::Handler(CoroutineHandler coroutine, PlainHandler plain)
    : dispatcher_(std::make_shared<SingleHandler>(Endpoint{std::move(coroutine), std::move(plain), {}})) {}

Handler::Handler(const Router& router) : dispatcher_(router.dispatcher()) {}

Endpoint Handler::endpoint() const {
    if (const auto* single = dynamic_cast<const SingleHandler*>(dispatcher_.get())) return single->endpoint();
    throw std::invalid_argument("a router cannot be the handler of a route: add its routes one by one");
}

class Router::Routes final : public Dispatcher {
public:
    void add(std::string_view method, std::string_view pattern, Endpoint endpoint) {
        auto parsed = RoutePattern::parse(pattern);
        tree_.add(method, parsed, routes_.size());
        Route route;
        route.endpoint = std::move(endpoint);
        for (std::size_t i = 0; i < parsed.parts.size(); ++i) {
            auto& part = parsed.parts[i];
            if (part.kind != RoutePattern::Kind::fixed)
                route.values.push_back({std::move(part.text), i, part.kind == RoutePattern::Kind::rest});
        }
        routes_.push_back(std::make_unique<Route>(std::move(route)));
        if (std::find(methods_.begin(), methods_.end(), method) == methods_.end())
            methods_.emplace_back(method);
    }

    const Endpoint* choose(Request& request, std::optional<Response>& otherwise) const override {
        const auto& method = request.method();
        if (!knows(method)) {
            otherwise = plain_status(501);
            return nullptr;
        }
        const auto target = request.target();
        if (target == "*") {
            otherwise = allowing(204, methods_);
            return nullptr;
        }
        PathSegments path;
        if (!path.parse(path_of(target))) {
            otherwise = plain_status(400);
            return nullptr;
        }
        auto found = tree_.find(method, path);
        if (!found && method == "HEAD") found = tree_.find("GET", path);
        if (!found) {
            auto methods = tree_.methods_of(path);
            if (methods.empty()) {
                otherwise = plain_status(404);
            } else {
                otherwise = allowing(method == "OPTIONS" ? 204 : 405, std::move(methods));
            }
            return nullptr;
        }
        const Route& route = *routes_[*found];
        if (!route.values.empty()) request.path_values(values_of(route, path));
        return &route.endpoint;
    }

private:
    struct Value {
        std::string name;
        std::size_t segment;
        bool rest;
    };
    struct Route {
        Endpoint endpoint;
        std::vector<Value> values;
    };

    static Response allowing(int status, std::vector<std::string> methods) {
        auto response = status == 204 ? Response(204) : plain_status(status);
        response.header("Allow", allow_text(std::move(methods)));
        return response;
    }
    bool knows(std::string_view method) const {
        return std::find(known_methods.begin(), known_methods.end(), method) != known_methods.end() ||
               std::find(methods_.begin(), methods_.end(), method) != methods_.end();
    }
    static std::vector<std::pair<std::string, std::string>> values_of(const Route& route,
                                                                      const PathSegments& path) {
        std::vector<std::pair<std::string, std::string>> values;
        values.reserve(route.values.size());
        for (const auto& value : route.values)
            values.emplace_back(
                value.name, value.rest ? path.rest_from(value.segment) : std::string(path[value.segment]));
        return values;
    }

    RouteTree tree_;
    std::vector<std::unique_ptr<Route>> routes_;
    std::vector<std::string> methods_;  // of all routes, each once
};

Router::Router() : routes_(std::make_shared<Routes>()) {}

Router& Router::route(std::string_view method, std::string_view pattern, const Handler& handler,
                      RouteOptions options) {
    check_method(method);
    if (method == "CONNECT" || method == "TRACE")
        throw std::invalid_argument("a route for " + std::string(method) +
                                    ": the server answers 405 to it by itself");
    auto endpoint = handler.endpoint();
    endpoint.options = options;
    routes_->add(method, pattern, std::move(endpoint));
    return *this;
}

std::shared_ptr<const Dispatcher> Router::dispatcher() const { return routes_; }

}  // namespace tandem::inline v1::http
