#pragma once

#include <tandem/http/head.hpp>
#include <tandem/http/headers.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::inline v1::http {

/// How the body that follows a head is framed; the writer adds the field for it.
struct BodyFraming {
    Framing framing = Framing::none;
    std::uint64_t length = 0;

    /// No body, and no field that says so: GET, HEAD, 204, 304, 1xx.
    [[nodiscard]] static constexpr BodyFraming none() { return {}; }
    /// `Content-Length: bytes`, also for the answer to HEAD and for an empty body.
    [[nodiscard]] static constexpr BodyFraming bytes(std::uint64_t bytes) { return {Framing::length, bytes}; }
    /// `Transfer-Encoding: chunked`.
    [[nodiscard]] static constexpr BodyFraming chunked() { return {Framing::chunked, 0}; }
    /// Responses only: the body ends with the connection; adds `Connection: close`.
    [[nodiscard]] static constexpr BodyFraming until_close() { return {Framing::until_close, 0}; }
};

/// What the writer says about the connection if the headers do not.
enum class ConnectionField : std::uint8_t {
    omit,        ///< nothing: HTTP/1.1 keeps the connection
    close,       ///< `Connection: close`
    keep_alive,  ///< `Connection: keep-alive`, for HTTP/1.0 peers
};

/// Throws `InvalidRequest` (H12) unless it is a token of 1 to 32 characters (P15).
void check_method(std::string_view method);
/// Throws `InvalidRequest` (H12) unless the target has a form that suits the method (P16, P17).
void check_target(std::string_view method, std::string_view target);
/// Throws `InvalidRequest` (H12) if the phrase has a control byte or begins or ends with space.
void check_reason(std::string_view reason);

/// Throws `InvalidHeader` (H14) if a user's fields try to do the framing: `Transfer-Encoding`, `Keep-Alive`,
/// `Proxy-Connection`, `HTTP2-Settings`, `Upgrade`, `Connection` other than `close`, or a `Content-Length`
/// other than `body`'s.
void check_user_headers(const Headers& headers, const BodyFraming& body);

/// Appends a request head, up to and with the empty line. `headers` holds `Host` and all else but the
/// framing.
///
/// All checks of H12 and H14 are made first: if it throws (`InvalidRequest`, `InvalidHeader`) nothing was
/// appended.
void write_request_head(std::string& out, std::string_view method, std::string_view target,
                        const Headers& headers, const BodyFraming& body = {},
                        ConnectionField connection = ConnectionField::omit,
                        HttpVersion version = HttpVersion::http_1_1);

/// Appends a response head, up to and with the empty line; an empty reason becomes the usual one.
void write_response_head(std::string& out, int status, std::string_view reason, const Headers& headers,
                         const BodyFraming& body = {}, ConnectionField connection = ConnectionField::omit,
                         HttpVersion version = HttpVersion::http_1_1);

/// Appends what stands before a chunk's data; `chunk_bytes` is not zero.
void write_chunk_header(std::string& out, std::uint64_t chunk_bytes);
/// What stands after a chunk's data.
inline constexpr std::string_view chunk_end = "\r\n";
/// Appends the last chunk, the trailers and the empty line. Fields that P54 forbids throw `InvalidHeader`.
void write_last_chunk(std::string& out, const Headers& trailers = {});

}  // namespace tandem::inline v1::http
