#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tandem::inline v1::http {

/// Whether the request can have reached the server when the call failed.
enum class Reached {
    not_sent,         ///< no byte was written, or the peer said that it did nothing: repeating is safe
    maybe_processed,  ///< bytes were written and nobody knows what came of them
    processed,        ///< the server answered
};

/// What went wrong, as a code of the category "tandem.http".
enum class Errc {
    invalid_url = 1,
    invalid_header,
    invalid_request,
    server_disconnected,
    bad_response,
    limit_exceeded,
    incomplete_body,
    bad_encoding,
    too_many_redirects,
    redirect_refused,
    status_error,
    body_consumed,
    client_closed,
};

const std::error_category& error_category() noexcept;
std::error_code make_error_code(Errc code) noexcept;

/// `text` with everything but printable ASCII written as `\n`, `\x1b` ... and cut after `max_bytes` of the
/// input: what an error or a log may quote of received bytes.
std::string escape_excerpt(std::string_view text, std::size_t max_bytes = 64);

/// Every error of the room derives from this. `what()` is the whole message; it never contains credentials.
class Error : public std::system_error {
public:
    Error(std::error_code code, Reached reached, const std::string& message);

    [[nodiscard]] const char* what() const noexcept override { return message_.what(); }
    [[nodiscard]] Reached reached() const noexcept { return reached_; }

    /// For the layers that know better than the one that threw how far the request had come.
    void set_reached(Reached reached) noexcept { reached_ = reached; }

private:
    std::runtime_error message_;  // std::system_error would append the code's own text
    Reached reached_;
};

/// A text that is no URL, or a URL that cannot be used for what was asked.
class InvalidUrl : public Error {
public:
    InvalidUrl(std::string_view text, std::size_t position, std::string_view reason);

    /// The text, with user and password hidden.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// The byte of the original text at which parsing gave up.
    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
    std::string text_;
    std::size_t position_;
    std::string reason_;
};

/// A header name or value that may not be sent.
class InvalidHeader : public Error {
public:
    InvalidHeader(std::string_view name, std::size_t position, std::string_view rule,
                  std::string_view reason);

    [[nodiscard]] const std::string& name() const noexcept { return name_; }  ///< escaped
    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] const std::string& rule() const noexcept { return rule_; }

private:
    std::string name_;
    std::size_t position_;
    std::string rule_;
};

/// A request (or a server's response) that may not be sent: method, target, reason, framing.
class InvalidRequest : public Error {
public:
    InvalidRequest(std::string_view text, std::size_t position, std::string_view rule,
                   std::string_view reason);

    [[nodiscard]] const std::string& text() const noexcept { return text_; }  ///< escaped
    [[nodiscard]] std::size_t position() const noexcept { return position_; }
    [[nodiscard]] const std::string& rule() const noexcept { return rule_; }

private:
    std::string text_;
    std::size_t position_;
    std::string rule_;
};

/// The connection ended before the first byte of a response.
class ServerDisconnected : public Error {
public:
    enum class Connection { fresh, reused };

    ServerDisconnected(std::string_view peer, Connection connection, Reached reached);

    [[nodiscard]] Connection connection() const noexcept { return connection_; }

private:
    Connection connection_;
};

/// A message that breaks the rules of HTTP/1.
class BadResponse : public Error {
public:
    BadResponse(std::string_view rule, std::uint64_t offset, std::string_view excerpt,
                std::string_view reason, Reached reached = Reached::processed);

    [[nodiscard]] const std::string& rule() const noexcept { return rule_; }
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
    [[nodiscard]] const std::string& excerpt() const noexcept { return excerpt_; }  ///< escaped

private:
    std::string rule_;
    std::uint64_t offset_;
    std::string excerpt_;
};

/// Something grew over its limit.
class LimitExceeded : public Error {
public:
    /// `what`: "response head"; `limit`: "HttpLimits::max_header_bytes".
    LimitExceeded(std::string_view what, std::string_view limit, std::uint64_t value, std::uint64_t seen,
                  std::string_view unit = "bytes", Reached reached = Reached::processed);

    [[nodiscard]] const std::string& limit() const noexcept { return limit_; }
    [[nodiscard]] std::uint64_t value() const noexcept { return value_; }
    /// How much had been seen when it was stopped: more than `value()`, not always all there was.
    [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }

private:
    std::string limit_;
    std::uint64_t value_;
    std::uint64_t seen_;
};

/// The connection ended within a body.
class IncompleteBody : public Error {
public:
    IncompleteBody(std::uint64_t received, std::optional<std::uint64_t> expected, std::string_view why = {},
                   Reached reached = Reached::processed);

    [[nodiscard]] std::uint64_t received() const noexcept { return received_; }
    [[nodiscard]] std::optional<std::uint64_t> expected() const noexcept { return expected_; }

private:
    std::uint64_t received_;
    std::optional<std::uint64_t> expected_;
};

/// A content coding that is unknown, damaged or truncated.
class BadEncoding : public Error {
public:
    BadEncoding(std::string_view coding, std::uint64_t offset, std::string_view reason,
                Reached reached = Reached::processed);

    [[nodiscard]] const std::string& coding() const noexcept { return coding_; }
    /// Where in the encoded bytes of that coding.
    [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

private:
    std::string coding_;
    std::uint64_t offset_;
};

class TooManyRedirects : public Error {
public:
    /// `chain`: the URLs in order, without credentials.
    TooManyRedirects(std::vector<std::string> chain, std::size_t limit);

    [[nodiscard]] const std::vector<std::string>& chain() const noexcept { return chain_; }

private:
    std::vector<std::string> chain_;
};

class RedirectRefused : public Error {
public:
    RedirectRefused(std::vector<std::string> chain, std::string_view reason);

    [[nodiscard]] const std::vector<std::string>& chain() const noexcept { return chain_; }

private:
    std::vector<std::string> chain_;
};

/// `raise_for_status()` met a status of 400 or more.
class StatusError : public Error {
public:
    StatusError(int status, std::string_view reason, std::string_view method, std::string_view url);

    [[nodiscard]] int status() const noexcept { return status_; }
    [[nodiscard]] const std::string& url() const noexcept { return url_; }

private:
    int status_;
    std::string url_;
};

/// A time limit passed; `code()` is `std::errc::timed_out`.
class TimeoutError : public Error {
public:
    /// `detail`: "api.example:443 sent nothing (81920 of 1048576 bytes)".
    TimeoutError(std::string_view phase, std::chrono::nanoseconds limit, std::string_view detail,
                 Reached reached);

    [[nodiscard]] const std::string& phase() const noexcept { return phase_; }
    [[nodiscard]] std::chrono::nanoseconds limit() const noexcept { return limit_; }

private:
    std::string phase_;
    std::chrono::nanoseconds limit_;
};

/// The body was read already, or cannot be sent a second time.
class BodyConsumed : public Error {
public:
    explicit BodyConsumed(std::string_view what, Reached reached = Reached::processed);
};

/// The client was closed.
class ClientClosed : public Error {
public:
    explicit ClientClosed(std::string_view what, Reached reached = Reached::not_sent);
};

}  // namespace tandem::inline v1::http

template <>
struct std::is_error_code_enum<tandem::http::Errc> : std::true_type {};
