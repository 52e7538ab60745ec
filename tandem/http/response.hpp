#pragma once

#include <tandem/base/bytes.hpp>
#include <tandem/base/time.hpp>
#include <tandem/http/body.hpp>
#include <tandem/http/h1_parser.hpp>
#include <tandem/http/head.hpp>
#include <tandem/http/headers.hpp>
#include <tandem/http/url.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1::http {

/// How long each part of a call took (H192). Zero for what was skipped: a reused connection has neither names
/// nor connecting.
struct Timings {
    Duration queued{};   ///< waiting for a slot of the pool
    Duration resolve{};  ///< names
    Duration connect{};  ///< TCP, without names
    Duration tls{};      ///< the handshake
    Duration send{};     ///< until the last byte of the request was handed over
    Duration wait{};     ///< from there to the end of the response's head
    Duration receive{};  ///< the body; grows until it is complete
    Duration total{};    ///< from the call to the end of the body, redirects included

    /// From the call to the first byte.
    Duration first_byte{};
};

/// What was agreed with the other side of a connection; shared by its responses.
struct ConnectionInfo {
    std::string remote;  ///< "127.0.0.1:443"
    bool tls = false;
    bool tls_verified = false;
    std::string tls_version;
    std::string tls_cipher;
    std::string tls_alpn;
    std::string tls_issuer;
    bool tls_resumed = false;
};

/// One hop that a redirect ended.
struct Hop {
    Url url;
    std::string method;
    int status = 0;
    Duration elapsed{};
};

/// How much went over the wire for a call; the last hop's.
struct ByteCounts {
    std::uint64_t sent = 0;      ///< head and body of the request
    std::uint64_t received = 0;  ///< head and body of the response, with chunk framing
    std::uint64_t body = 0;      ///< of the body as sent: encoded, without chunk framing
    std::uint64_t decoded = 0;   ///< of the body as the caller gets it
};

/// One response: what a client gets and what a server's handler gives, the same type for both.
///
///     auto reply = co_await client.get(url);         // in a coroutine: the head has come, the body may
///     still come reply.raise_for_status(); std::string page = co_await reply.text();
///
///     co_return http::Response::html("<h1>It works</h1>");   // in a handler
///
/// Errors      readers: `IncompleteBody`, `BadResponse`, `BadEncoding`, `LimitExceeded`, `TimeoutError`,
///             `BodyConsumed` when whole reads and streaming are mixed.
/// Cancelling  a cancelled read closes the connection.
/// Threads     a value that moves; the body is bound to the loop it comes from.
/// Lifetime    owns everything. Dropped unread, its connection is closed unless the rest had arrived already
/// (H36).
class Response {
public:
    explicit Response(int status = 200) : status_(status) {}
    Response(ResponseHead head, Body body);
    Response(Response&&) noexcept = default;
    Response& operator=(Response&&) noexcept = default;
    ~Response() {}

    // For servers.
    [[nodiscard]] static Response text(std::string text, int status = 200);
    [[nodiscard]] static Response html(std::string text, int status = 200);
    /// `serialised` is JSON already.
    [[nodiscard]] static Response json(std::string serialised, int status = 200);
    /// `application/octet-stream`, or what `type` says; "" leaves the field out.
    [[nodiscard]] static Response bytes(std::string bytes,
                                        std::string_view type = "application/octet-stream");
    [[nodiscard]] static Response stream(std::unique_ptr<BodySource> source,
                                         std::string_view type = "application/octet-stream");
    [[nodiscard]] static Response with_status(int status) { return Response(status); }
    /// 302, or another of the family.
    [[nodiscard]] static Response redirect(std::string_view location, int status = 302);
    Response& set_status(int status, std::string reason = {}) & {
        return status_ = status, reason_ = std::move(reason), *this;
    }
    Response&& set_status(int status, std::string reason = {}) && {
        return std::move(set_status(status, std::move(reason)));
    }
    /// Appends a field.
    Response& header(std::string_view name, std::string_view value) & {
        return headers_.add(name, value), *this;
    }
    Response&& header(std::string_view name, std::string_view value) && {
        return std::move(header(name, value));
    }
    Response& body(Body value) & { return body_ = std::move(value), *this; }
    Response&& body(Body value) && { return std::move(body(std::move(value))); }

    [[nodiscard]] int status() const noexcept { return status_; }
    [[nodiscard]] bool ok() const noexcept { return status_ < 400; }
    /// Throws `StatusError` for 400 and more.
    const Response& raise_for_status() const;
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    [[nodiscard]] HttpVersion version() const noexcept { return version_; }
    [[nodiscard]] const Headers& headers() const noexcept { return headers_; }
    [[nodiscard]] Headers& headers() noexcept { return headers_; }
    [[nodiscard]] const Body& body() const noexcept { return body_; }
    [[nodiscard]] Body& body() noexcept { return body_; }

    /// The whole body, read once and kept; decoded. At most 1 GiB, or `ClientOptions::max_body_bytes`.
    [[nodiscard]] Task<const std::string&> bytes() &;
    /// The same of a response that nobody keeps: `co_await (co_await http::get(url)).bytes()`.
    [[nodiscard]] Task<std::string> bytes() &&;
    /// The whole body as UTF-8: by its byte order mark, else the charset of `Content-Type`, else UTF-8. What
    /// is invalid becomes U+FFFD.
    [[nodiscard]] Task<std::string> text() &;
    [[nodiscard]] Task<std::string> text() &&;
    /// At least one byte of the body, or 0 at its end.
    [[nodiscard]] Task<std::size_t> read_some(MutableBytes buffer) { return body_.read_some(buffer); }
    /// The next bytes of the body, at most `max_bytes`; nothing at its end.
    ///
    ///     while (auto piece = co_await reply.next_chunk()) use(*piece);
    [[nodiscard]] Task<std::optional<std::string>> next_chunk(std::size_t max_bytes = 64 * 1024);
    /// Empty until the body has been read to its end.
    [[nodiscard]] const Headers& trailers() const { return body_.trailers(); }

    // Of a client's responses.
    /// The final URL, without user and password.
    [[nodiscard]] const std::optional<Url>& url() const noexcept { return url_; }
    [[nodiscard]] const std::string& method() const noexcept { return method_; }
    [[nodiscard]] const std::vector<Hop>& history() const noexcept { return history_; }
    [[nodiscard]] Quirks quirks() const noexcept;
    [[nodiscard]] Timings timings() const noexcept;
    [[nodiscard]] Duration elapsed() const noexcept { return timings().total; }
    [[nodiscard]] ByteCounts byte_counts() const noexcept;
    [[nodiscard]] const ConnectionInfo& connection() const noexcept;
    [[nodiscard]] const std::string& remote() const noexcept { return connection().remote; }
    /// Whether the end of the body was announced: not if it ended with the connection.
    [[nodiscard]] bool length_known() const noexcept { return length_known_; }
    /// `Content-Length`, if that is how the body is framed: encoded bytes.
    [[nodiscard]] std::optional<std::uint64_t> content_length() const noexcept { return content_length_; }

private:
    friend class ResponseMaker;  // the client's way in

    int status_ = 200;
    HttpVersion version_ = HttpVersion::http_1_1;
    bool length_known_ = true;
    Quirks quirks_;
    std::string reason_;
    Headers headers_;
    Body body_;
    std::optional<Url> url_;
    std::string method_;
    std::vector<Hop> history_;
    Timings timings_;
    ByteCounts counts_;
    std::optional<std::uint64_t> content_length_;
    std::optional<std::uint64_t> max_body_bytes_ = Body::default_max_bytes;
    std::shared_ptr<const ConnectionInfo> connection_;
};

}  // namespace tandem::inline v1::http
