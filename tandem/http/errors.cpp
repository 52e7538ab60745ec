#include <tandem/http/errors.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

namespace tandem::inline v1::http {
namespace {

class Category : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "tandem.http"; }

    [[nodiscard]] std::string message(int code) const override {
        switch (static_cast<Errc>(code)) {
            case Errc::invalid_url:
                return "invalid URL";
            case Errc::invalid_header:
                return "invalid header";
            case Errc::invalid_request:
                return "invalid request";
            case Errc::server_disconnected:
                return "server disconnected";
            case Errc::bad_response:
                return "bad response";
            case Errc::limit_exceeded:
                return "limit exceeded";
            case Errc::incomplete_body:
                return "incomplete body";
            case Errc::bad_encoding:
                return "bad encoding";
            case Errc::too_many_redirects:
                return "too many redirects";
            case Errc::redirect_refused:
                return "redirect refused";
            case Errc::status_error:
                return "status error";
            case Errc::body_consumed:
                return "body consumed";
            case Errc::client_closed:
                return "client closed";
        }
        return "unknown error";
    }
};

/// Hides what may be user and password in a text that may be no URL: all from the "//", or from the
/// beginning, to the last '@' before query and fragment. Rather hides a piece of the path than shows a
/// password with a '/' in it.
std::string hide_credentials(std::string_view text) {
    const auto at = text.substr(0, text.find_first_of("?#")).rfind('@');
    if (at == std::string_view::npos) return std::string(text);
    auto from = text.find_first_of("/\\");
    if (from != std::string_view::npos && from < at && (from == 0 || text[from - 1] == ':')) {
        from = text.find_first_not_of("/\\", from);
    } else {
        from = 0;
    }
    return std::string(text.substr(0, from)) + "***" + std::string(text.substr(at));
}

std::string joined(const std::vector<std::string>& chain) {
    std::string text;
    for (const auto& url : chain) {
        if (!text.empty()) text += " -> ";
        text += url;
    }
    return text;
}

/// "60s", "1.5s", "250ms", "10us".
std::string duration_text(std::chrono::nanoseconds duration) {
    const auto count = static_cast<double>(duration.count());
    std::array<char, 48> text{};
    if (count >= 1e9) {
        std::snprintf(text.data(), text.size(), "%.9gs", count / 1e9);
    } else if (count >= 1e6) {
        std::snprintf(text.data(), text.size(), "%.9gms", count / 1e6);
    } else {
        std::snprintf(text.data(), text.size(), "%.9gus", count / 1e3);
    }
    return text.data();
}

std::string incomplete_text(std::uint64_t received, std::optional<std::uint64_t> expected,
                            std::string_view why) {
    auto text = "the body ended early: " + std::to_string(received);
    if (expected) text += " of " + std::to_string(*expected);
    text += " bytes received";
    if (!why.empty()) text.append(", ").append(why);
    return text;
}

std::string concat(std::initializer_list<std::string_view> parts) {
    std::string whole;
    for (const auto part : parts) whole += part;
    return whole;
}

}  // namespace

const std::error_category& error_category() noexcept {
    static const auto& category = *new Category;  // never destroyed: errors may outlive static objects
    return category;
}

std::error_code make_error_code(Errc code) noexcept { return {static_cast<int>(code), error_category()}; }

std::string escape_excerpt(std::string_view text, std::size_t max_bytes) {
    static constexpr std::string_view hex = "0123456789abcdef";
    std::string escaped;
    for (const char byte : text.substr(0, max_bytes)) {
        const auto value = static_cast<unsigned char>(byte);
        switch (byte) {
            case '\n':
                escaped += "\\n";
                break;
            case '\r':
                escaped += "\\r";
                break;
            case '\t':
                escaped += "\\t";
                break;
            case '\\':
                escaped += "\\\\";
                break;
            default:
                if (value >= 0x20 && value < 0x7f) {
                    escaped += byte;
                } else {
                    escaped += "\\x";
                    escaped += hex[value >> 4U];
                    escaped += hex[value & 15U];
                }
        }
    }
    return escaped;
}

Error::Error(std::error_code code, Reached reached, const std::string& message)
    : std::system_error(code), message_(message), reached_(reached) {}

InvalidUrl::InvalidUrl(std::string_view url, std::size_t position, std::string_view reason)
    : Error(make_error_code(Errc::invalid_url), Reached::not_sent,
            concat({"'", escape_excerpt(hide_credentials(url), 512), "' is no usable URL: ", reason,
                    " (position ", std::to_string(position), ")"})),
      text_(hide_credentials(url)),
      position_(position),
      reason_(reason) {}

InvalidHeader::InvalidHeader(std::string_view name, std::size_t position, std::string_view rule,
                             std::string_view reason)
    : Error(make_error_code(Errc::invalid_header), Reached::not_sent,
            concat({"header '", escape_excerpt(name), "': ", reason, " (position ", std::to_string(position),
                    ", ", rule, ")"})),
      name_(escape_excerpt(name)),
      position_(position),
      rule_(rule) {}

InvalidRequest::InvalidRequest(std::string_view quoted, std::size_t position, std::string_view rule,
                               std::string_view reason)
    : Error(make_error_code(Errc::invalid_request), Reached::not_sent,
            concat({"'", escape_excerpt(hide_credentials(quoted)), "': ", reason, " (position ",
                    std::to_string(position), ", ", rule, ")"})),
      text_(escape_excerpt(hide_credentials(quoted))),
      position_(position),
      rule_(rule) {}

ServerDisconnected::ServerDisconnected(std::string_view peer, Connection connection, Reached reached)
    : Error(make_error_code(Errc::server_disconnected), reached,
            concat({peer,
                    connection == Connection::fresh ? " closed the new connection"
                                                    : " closed the reused connection",
                    " before the first byte of a response"})),
      connection_(connection) {}

BadResponse::BadResponse(std::string_view rule, std::uint64_t offset, std::string_view excerpt,
                         std::string_view reason, Reached reached)
    : Error(make_error_code(Errc::bad_response), reached,
            concat({reason, " at byte ", std::to_string(offset), " (", rule, ")",
                    excerpt.empty() ? "" : ": '", excerpt, excerpt.empty() ? "" : "'"})),
      rule_(rule),
      offset_(offset),
      excerpt_(excerpt) {}

LimitExceeded::LimitExceeded(std::string_view what, std::string_view limit, std::uint64_t value,
                             std::uint64_t seen, std::string_view unit, Reached reached)
    : Error(make_error_code(Errc::limit_exceeded), reached,
            concat({what, ": ", std::to_string(seen), unit.empty() ? "" : " ", unit, ", the limit is ",
                    std::to_string(value), " (", limit, ")"})),
      limit_(limit),
      value_(value),
      seen_(seen) {}

IncompleteBody::IncompleteBody(std::uint64_t received, std::optional<std::uint64_t> expected,
                               std::string_view why, Reached reached)
    : Error(make_error_code(Errc::incomplete_body), reached, incomplete_text(received, expected, why)),
      received_(received),
      expected_(expected) {}

BadEncoding::BadEncoding(std::string_view coding, std::uint64_t offset, std::string_view reason,
                         Reached reached)
    : Error(make_error_code(Errc::bad_encoding), reached,
            concat({"content coding ", escape_excerpt(coding), ": ", reason, " (encoded byte ",
                    std::to_string(offset), ")"})),
      coding_(escape_excerpt(coding)),
      offset_(offset) {}

TooManyRedirects::TooManyRedirects(std::vector<std::string> chain, std::size_t limit)
    : Error(make_error_code(Errc::too_many_redirects), Reached::processed,
            concat({"more than ", std::to_string(limit), " redirects: ", joined(chain)})),
      chain_(std::move(chain)) {}

RedirectRefused::RedirectRefused(std::vector<std::string> chain, std::string_view reason)
    : Error(make_error_code(Errc::redirect_refused), Reached::processed,
            concat({"redirect refused: ", reason, ": ", joined(chain)})),
      chain_(std::move(chain)) {}

StatusError::StatusError(int status, std::string_view reason, std::string_view method, std::string_view url)
    : Error(make_error_code(Errc::status_error), Reached::processed,
            concat({escape_excerpt(method), " ", url, ": status ", std::to_string(status),
                    reason.empty() ? "" : " ", escape_excerpt(reason)})),
      status_(status),
      url_(url) {}

TimeoutError::TimeoutError(std::string_view phase, std::chrono::nanoseconds limit, std::string_view detail,
                           Reached reached)
    : Error(std::make_error_code(std::errc::timed_out), reached,
            concat({phase, " ", duration_text(limit), ": ", detail})),
      phase_(phase),
      limit_(limit) {}

BodyConsumed::BodyConsumed(std::string_view what, Reached reached)
    : Error(make_error_code(Errc::body_consumed), reached, std::string(what)) {}

ClientClosed::ClientClosed(std::string_view what, Reached reached)
    : Error(make_error_code(Errc::client_closed), reached, std::string(what)) {}

}  // namespace tandem::inline v1::http
