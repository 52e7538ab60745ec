#include <tandem/http/h1_syntax_internal.hpp>
#include <tandem/http/headers.hpp>

#include <algorithm>
#include <array>
#include <cstring>

namespace tandem::inline v1::http::syntax {
namespace {

using octets::is;

constexpr std::uint64_t every_byte = 0x0101010101010101ULL;
constexpr std::uint64_t high_bits = 0x8080808080808080ULL;

/// Whether one of eight bytes is below 0x20 or is DEL; HTAB is such a byte too and is told apart later.
bool may_have_control(const char* bytes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    const auto below_space = (word - every_byte * 0x20) & ~word & high_bits;
    const auto del = word ^ (every_byte * 0x7f);
    return (below_space | ((del - every_byte) & ~del & high_bits)) != 0;
}

bool is_one_of(std::string_view name, const auto& names) noexcept {
    return std::any_of(names.begin(), names.end(),
                       [name](std::string_view other) { return equals_ignoring_case(name, other); });
}

bool is_port(std::string_view text) noexcept {
    if (text.empty() || text.size() > 5) return false;
    unsigned value = 0;
    for (const char byte : text) {
        if (!is(byte, octets::digit)) return false;
        value = value * 10 + octets::hex_value(byte);
    }
    return value <= 65535;
}

/// The inside of the brackets: groups of hex digits, "::" once, perhaps dotted decimal at the end.
bool is_ipv6(std::string_view text) noexcept {
    int groups = 0;
    bool compressed = false;
    std::size_t at = 0;
    if (text.starts_with("::")) {
        compressed = true;
        at = 2;
    }
    while (at < text.size()) {
        const auto end = std::min(text.find(':', at), text.size());
        const auto group = text.substr(at, end - at);
        if (group.find('.') != npos) {
            if (end != text.size()) return false;
            int parts = 0;
            std::size_t from = 0;
            while (from <= group.size()) {
                const auto dot = std::min(group.find('.', from), group.size());
                const auto part = group.substr(from, dot - from);
                if (part.empty() || part.size() > 3 || (part.size() > 1 && part[0] == '0')) return false;
                unsigned value = 0;
                for (const char byte : part) {
                    if (!is(byte, octets::digit)) return false;
                    value = value * 10 + octets::hex_value(byte);
                }
                if (value > 255) return false;
                ++parts;
                from = dot + 1;
            }
            if (parts != 4) return false;
            groups += 2;
            break;
        }
        if (group.empty() || group.size() > 4) return false;
        if (!std::all_of(group.begin(), group.end(), [](char byte) { return is(byte, octets::hex); }))
            return false;
        ++groups;
        at = end;
        if (at == text.size()) break;
        ++at;  // the ':'
        if (at == text.size()) return false;
        if (text[at] == ':') {
            if (compressed) return false;
            compressed = true;
            ++at;
        }
    }
    return compressed ? groups < 8 : groups == 8;
}

bool is_reg_name(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!is(text[i], octets::reg_name)) return false;
        if (text[i] != '%') continue;
        if (i + 2 >= text.size() || !is(text[i + 1], octets::hex) || !is(text[i + 2], octets::hex))
            return false;
        i += 2;
    }
    return !text.empty();
}

std::size_t scheme_bytes(std::string_view target) noexcept {
    if (target.size() > 7 && equals_ignoring_case(target.substr(0, 7), "http://")) return 7;
    if (target.size() > 8 && equals_ignoring_case(target.substr(0, 8), "https://")) return 8;
    return 0;
}

}  // namespace

std::size_t find_non_token(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (!is(text[i], octets::token)) return i;
    }
    return npos;
}

std::size_t find_bad_value_byte(std::string_view text) noexcept {
    if (text.size() >= 8) {
        const char* const last = text.data() + text.size() - 8;  // some bytes are looked at twice
        bool suspicious = may_have_control(last);
        for (const char* at = text.data(); at < last; at += 8) suspicious |= may_have_control(at);
        if (!suspicious) return npos;
    }
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (!is(text[at], octets::field_value)) return at;
    }
    return npos;
}

std::size_t find_bare_cr(std::string_view text) noexcept {
    for (auto at = text.find('\r'); at != npos; at = text.find('\r', at + 1)) {
        if (at + 1 < text.size() && text[at + 1] != '\n') return at;
    }
    return npos;
}

std::optional<Flaw> check_method(std::string_view method) noexcept {
    if (method.empty()) return Flaw{"P15", 0, "the method is empty"};
    if (const auto at = find_non_token(method); at != npos) return Flaw{"P15", at, "the method is no token"};
    if (method.size() > 32) return Flaw{"P15", 32, "the method has more than 32 characters"};
    return std::nullopt;
}

std::optional<Flaw> check_target(std::string_view method, std::string_view target) noexcept {
    if (target.empty()) return Flaw{"P16", 0, "the target is empty"};
    for (std::size_t i = 0; i < target.size(); ++i) {
        if (!is(target[i], octets::target)) return Flaw{"P16", i, "this byte may not stand in a target"};
    }
    const bool connect = method == "CONNECT";
    if (connect) {
        const auto parts = parse_host_port(target);
        if (!parts || parts->port.empty()) return Flaw{"P17", 0, "CONNECT needs host:port as its target"};
        return std::nullopt;
    }
    if (target == "*") {
        if (method == "OPTIONS") return std::nullopt;
        return Flaw{"P17", 0, "only OPTIONS may have the target *"};
    }
    std::size_t path_at = 0;
    if (target.front() != '/') {
        const auto authority = authority_of(target);
        if (!authority) return Flaw{"P17", 0, "the target is neither a path nor an http URL"};
        path_at = static_cast<std::size_t>(authority->text.data() - target.data()) + authority->text.size();
        if (!parse_host_port(authority->text))
            return Flaw{"P17", 0, "the target's authority is not host[:port]"};
    }
    const auto query_at = std::min(target.find('?'), target.size());
    const auto backslash = target.find('\\', path_at);
    if (backslash < query_at) return Flaw{"P16", backslash, "a backslash may not stand in a path"};
    return std::nullopt;
}

std::optional<HostPort> parse_host_port(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    HostPort parts;
    std::size_t host_end = 0;
    if (text.front() == '[') {
        const auto close = text.find(']');
        if (close == npos || !is_ipv6(text.substr(1, close - 1))) return std::nullopt;
        host_end = close + 1;
    } else {
        host_end = std::min(text.find(':'), text.size());
        if (!is_reg_name(text.substr(0, host_end))) return std::nullopt;
    }
    parts.host = text.substr(0, host_end);
    if (host_end == text.size()) return parts;
    if (text[host_end] != ':') return std::nullopt;
    parts.port = text.substr(host_end + 1);
    if (!parts.port.empty() && !is_port(parts.port)) return std::nullopt;
    return parts;
}

std::optional<Authority> authority_of(std::string_view target) noexcept {
    const auto from = scheme_bytes(target);
    if (from == 0) return std::nullopt;
    const auto end = std::min(target.find_first_of("/?", from), target.size());
    return Authority{target.substr(from, end - from), from == 7 ? "80" : "443"};
}

bool same_host(std::string_view left, std::string_view right, std::string_view default_port) noexcept {
    const auto a = parse_host_port(left);
    const auto b = parse_host_port(right);
    if (!a || !b || !equals_ignoring_case(a->host, b->host)) return false;
    const auto port = [default_port](std::string_view text) {
        if (text.empty()) return default_port;
        return text.substr(std::min(text.find_first_not_of('0'), text.size() - 1));
    };
    return port(a->port) == port(b->port);
}

std::optional<Decimal> parse_decimal(std::string_view text) noexcept {
    constexpr std::uint64_t most = 0x7fffffffffffffffULL;
    if (text.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (const char byte : text) {
        if (!is(byte, octets::digit)) return std::nullopt;
        const std::uint64_t next = octets::hex_value(byte);
        if (value > (most - next) / 10) return std::nullopt;
        value = value * 10 + next;
    }
    return Decimal{value, text.size() > 1 && text[0] == '0' ? LeadingZero::yes : LeadingZero::no};
}

bool is_forbidden_in_trailers(std::string_view name) noexcept {
    static constexpr auto names = std::to_array<std::string_view>(
        {// framing and connection
         "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Keep-Alive", "Proxy-Connection",
         "TE", "Upgrade", "HTTP2-Settings", "Expect", "Max-Forwards",
         // routing
         "Host", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP",
         "Location",
         // credentials
         "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "Cookie",
         "Set-Cookie",
         // what the content is
         "Content-Type", "Content-Encoding", "Content-Range"});
    return is_one_of(name, names);
}

bool is_credential_field(std::string_view name) noexcept {
    static constexpr auto names = std::to_array<std::string_view>(
        {"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key", "Authentication-Info"});
    return is_one_of(name, names);
}

}  // namespace tandem::inline v1::http::syntax
