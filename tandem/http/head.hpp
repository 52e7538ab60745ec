#pragma once

#include <tandem/http/headers.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace tandem::inline v1::http {

enum class HttpVersion : std::uint8_t { http_1_0, http_1_1, http_2 };

/// "HTTP/1.1".
[[nodiscard]] std::string_view to_string(HttpVersion version) noexcept;

/// The start line and the fields of a request.
struct RequestHead {
    std::string method;
    std::string target;
    HttpVersion version = HttpVersion::http_1_1;
    Headers headers;
};

/// The start line and the fields of a response.
struct ResponseHead {
    int status = 0;
    std::string reason;
    HttpVersion version = HttpVersion::http_1_1;
    Headers headers;
};

/// How the end of a message's body is found.
enum class Framing : std::uint8_t {
    none,         ///< there is no body
    length,       ///< `Content-Length`
    chunked,      ///< `Transfer-Encoding: chunked`
    until_close,  ///< the body ends with the connection; responses only
    tunnel,       ///< what follows is no HTTP: 2xx to CONNECT, 101
};

[[nodiscard]] std::string_view to_string(Framing framing) noexcept;

/// The usual reason phrase of a status, or "" if there is none.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

}  // namespace tandem::inline v1::http
