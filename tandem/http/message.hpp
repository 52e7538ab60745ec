#pragma once

#include <tandem/http/body.hpp>
#include <tandem/http/head.hpp>
#include <tandem/http/headers.hpp>
#include <tandem/http/url.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1::http {

/// One request: what a client sends and what a server's handler gets, the same type for both.
///
///     auto request = http::Request("PUT", http::Url("https://api.example/items/7"));
///     request.header("Content-Type", "text/plain").body("seven");
///     auto reply = co_await client.send(std::move(request));
///
/// Errors      `InvalidUrl`, `InvalidHeader`; readers: see `Body`.
/// Cancelling  readers: the connection underneath is closed.
/// Threads     a value that moves; the body is bound to the loop it comes from.
/// Lifetime    owns everything; a server's request must not outlive its handler.
class Request {
public:
    Request(std::string method, Url url) : method_(std::move(method)), url_(std::move(url)) {}
    /// A server's: `target` as it was received, `url` made of it and `Host`.
    Request(RequestHead head, Url url, Body body);
    Request(Request&&) noexcept = default;
    Request& operator=(Request&&) noexcept = default;
    ~Request() {}

    [[nodiscard]] const std::string& method() const noexcept { return method_; }
    [[nodiscard]] const Url& url() const noexcept { return url_; }
    /// The path of the URL.
    [[nodiscard]] std::string_view path() const noexcept { return url_.path(); }
    /// The request target as received or as it will be sent.
    [[nodiscard]] std::string target() const { return target_.empty() ? url_.request_target() : target_; }
    [[nodiscard]] HttpVersion version() const noexcept { return version_; }
    [[nodiscard]] const Headers& headers() const noexcept { return headers_; }
    [[nodiscard]] Headers& headers() noexcept { return headers_; }
    [[nodiscard]] const Body& body() const noexcept { return body_; }
    [[nodiscard]] Body& body() noexcept { return body_; }
    /// The first value of the query's parameter, decoded; nothing if there is none.
    [[nodiscard]] std::optional<std::string> param(std::string_view name) const;
    /// What a router's pattern matched, decoded; "" for an unknown name.
    [[nodiscard]] std::string_view path_value(std::string_view name) const noexcept;
    /// "127.0.0.1:4711"; servers only.
    [[nodiscard]] const std::string& remote() const noexcept { return remote_; }

    Request& method(std::string value) & { return method_ = std::move(value), *this; }
    Request&& method(std::string value) && { return std::move(method(std::move(value))); }
    Request& url(Url value) & { return url_ = std::move(value), *this; }
    Request&& url(Url value) && { return std::move(url(std::move(value))); }
    /// Appends a field.
    Request& header(std::string_view name, std::string_view value) & {
        return headers_.add(name, value), *this;
    }
    Request&& header(std::string_view name, std::string_view value) && {
        return std::move(header(name, value));
    }
    Request& body(Body value) & { return body_ = std::move(value), *this; }
    Request&& body(Body value) && { return std::move(body(std::move(value))); }
    Request& remote(std::string value) & { return remote_ = std::move(value), *this; }
    Request&& remote(std::string value) && { return std::move(remote(std::move(value))); }
    Request& path_values(std::vector<std::pair<std::string, std::string>> values) & {
        return path_values_ = std::move(values), *this;
    }
    Request&& path_values(std::vector<std::pair<std::string, std::string>> values) && {
        return std::move(path_values(std::move(values)));
    }

    /// The whole body, read once and kept.
    [[nodiscard]] Task<const std::string&> bytes() { return body_.read_all(); }
    /// The same, as a copy.
    [[nodiscard]] Task<std::string> text();
    [[nodiscard]] Task<std::size_t> read_some(MutableBytes buffer) { return body_.read_some(buffer); }

private:
    std::string method_;
    Url url_;
    std::string target_;
    HttpVersion version_ = HttpVersion::http_1_1;
    Headers headers_;
    Body body_;
    std::string remote_;
    std::vector<std::pair<std::string, std::string>> path_values_;
};

}  // namespace tandem::inline v1::http
