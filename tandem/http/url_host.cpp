// The host parser of the WHATWG URL Standard: names, IPv4, IPv6 (https://url.spec.whatwg.org/#host-parsing).
#include <tandem/http/h1_tables_internal.hpp>
#include <tandem/http/url_idna_internal.hpp>
#include <tandem/http/url_internal.hpp>

#include <algorithm>
#include <charconv>
#include <vector>

namespace tandem::inline v1::http {
namespace {

using octets::is;

bool is_forbidden_in_host(char byte) noexcept {
    return std::string_view("\0\t\n\r #/:<>?@[\\]^|", 17).find(byte) != std::string_view::npos;
}

bool is_forbidden_in_domain(char byte) noexcept {
    return is_forbidden_in_host(byte) || static_cast<unsigned char>(byte) < 0x20 || byte == '%' ||
           byte == '\x7f';
}

bool all_digits(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(), [](char byte) { return is(byte, octets::digit); });
}

constexpr std::uint64_t too_big = 1ULL << 40U;

/// One part of an IPv4 address: decimal, 0octal, 0xhex; anything above 2^40 is that.
std::optional<std::uint64_t> parse_ipv4_part(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    unsigned base = 10;
    if (text.size() >= 2 && text[0] == '0' && octets::lower(text[1]) == 'x') {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() >= 2 && text[0] == '0') {
        base = 8;
        text.remove_prefix(1);
    }
    std::uint64_t value = 0;
    for (const char byte : text) {
        if (!is(byte, octets::hex) || octets::hex_value(byte) >= base) return std::nullopt;
        value = std::min(value * base + octets::hex_value(byte), too_big);
    }
    return value;
}

std::vector<std::string_view> split_dots(std::string_view text) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto dot = std::min(text.find('.'), text.size());
        parts.push_back(text.substr(0, dot));
        if (dot == text.size()) return parts;
        text.remove_prefix(dot + 1);
    }
}

bool ends_in_number(std::string_view text) noexcept {
    if (text.ends_with('.')) text.remove_suffix(1);
    const auto dot = text.rfind('.');
    const auto last = dot == std::string_view::npos ? text : text.substr(dot + 1);
    if (last.empty() || !is(last[0], octets::digit)) return false;
    return all_digits(last) || parse_ipv4_part(last).has_value();
}

void append_decimal(std::string& out, std::uint64_t value) {
    std::array<char, 24> digits{};
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

std::optional<std::string> parse_ipv4(std::string_view text) {
    auto parts = split_dots(text);
    if (parts.back().empty() && parts.size() > 1) parts.pop_back();
    if (parts.size() > 4) return std::nullopt;
    std::uint64_t address = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto value = parse_ipv4_part(parts[i]);
        if (!value) return std::nullopt;
        if (i + 1 < parts.size()) {
            if (*value > 255) return std::nullopt;
            address |= *value << (8 * (3 - i));
        } else {
            if (*value >= 1ULL << (8 * (5 - parts.size()))) return std::nullopt;
            address |= *value;
        }
    }
    std::string dotted;
    for (unsigned shift = 24;; shift -= 8) {
        append_decimal(dotted, address >> shift & 0xffU);
        if (shift == 0) return dotted;
        dotted += '.';
    }
}

using Ipv6 = std::array<std::uint16_t, 8>;

/// Reads dotted decimal at the end of an IPv6 address into two pieces.
bool read_embedded_ipv4(std::string_view text, Ipv6& address, std::size_t piece) noexcept {
    unsigned seen = 0;
    std::size_t at = 0;
    while (at < text.size()) {
        if (seen > 0) {
            if (text[at] != '.' || seen >= 4) return false;
            ++at;
        }
        if (at >= text.size() || !is(text[at], octets::digit)) return false;
        int value = -1;
        for (; at < text.size() && is(text[at], octets::digit); ++at) {
            const int digit = text[at] - '0';
            if (value == 0) return false;  // a leading zero
            value = value < 0 ? digit : value * 10 + digit;
            if (value > 255) return false;
        }
        auto& into = address[piece + seen / 2];
        into = static_cast<std::uint16_t>(into * 256 + value);
        ++seen;
    }
    return seen == 4;
}

std::optional<Ipv6> parse_ipv6(std::string_view text) noexcept {
    Ipv6 address{};
    std::size_t piece = 0;
    std::optional<std::size_t> compress;
    std::size_t at = 0;
    if (text.starts_with(':')) {
        if (!text.starts_with("::")) return std::nullopt;
        at = 2;
        compress = ++piece;
    }
    while (at < text.size()) {
        if (piece == 8) return std::nullopt;
        if (text[at] == ':') {
            if (compress) return std::nullopt;
            ++at;
            compress = ++piece;
            continue;
        }
        unsigned value = 0;
        std::size_t length = 0;
        for (; length < 4 && at < text.size() && is(text[at], octets::hex); ++at, ++length)
            value = value * 16 + octets::hex_value(text[at]);
        if (at < text.size() && text[at] == '.') {
            if (length == 0 || piece > 6 || !read_embedded_ipv4(text.substr(at - length), address, piece))
                return std::nullopt;
            piece += 2;
            break;
        }
        if (at < text.size() && text[at] == ':') {
            ++at;
            if (at == text.size()) return std::nullopt;
        } else if (at < text.size()) {
            return std::nullopt;
        }
        address[piece++] = static_cast<std::uint16_t>(value);
    }
    if (compress) {
        auto swaps = piece - *compress;
        piece = 7;
        while (piece != 0 && swaps > 0) {
            std::swap(address[piece], address[*compress + swaps - 1]);
            --piece;
            --swaps;
        }
    } else if (piece != 8) {
        return std::nullopt;
    }
    return address;
}

/// In brackets, the longest run of two or more zeros compressed (RFC 5952).
std::string write_ipv6(const Ipv6& address) {
    std::size_t best_at = 8;
    std::size_t best_length = 1;
    for (std::size_t i = 0; i < 8;) {
        std::size_t end = i;
        while (end < 8 && address[end] == 0) ++end;
        if (end - i > best_length) {
            best_at = i;
            best_length = end - i;
        }
        i = end + 1;
    }
    std::string text = "[";
    for (std::size_t i = 0; i < 8; ++i) {
        if (i == best_at) {
            text += i == 0 ? "::" : ":";
            i += best_length - 1;
            continue;
        }
        std::array<char, 8> digits{};
        text.append(digits.data(),
                    std::to_chars(digits.data(), digits.data() + digits.size(), address[i], 16).ptr);
        if (i != 7) text += ':';
    }
    text += ']';
    return text;
}

}  // namespace

std::optional<ParsedHost> parse_host(std::string_view text, bool special, std::string_view& reason) {
    if (text.starts_with('[')) {
        const auto address = text.ends_with(']') ? parse_ipv6(text.substr(1, text.size() - 2)) : std::nullopt;
        if (address) return ParsedHost{write_ipv6(*address), HostKind::ipv6};
        reason = "the host is no IPv6 address";
        return std::nullopt;
    }
    if (!special) {
        if (std::any_of(text.begin(), text.end(), is_forbidden_in_host)) {
            reason = "the host has a byte that may not stand there";
            return std::nullopt;
        }
        ParsedHost host{{}, text.empty() ? HostKind::empty : HostKind::opaque};
        urls::append_encoded(host.text, text, urls::c0_control_set);
        return host;
    }
    auto domain = text.find('%') == std::string_view::npos ? std::string(text) : percent_decode(text);
    auto mapped = urls::domain_to_ascii(urls::to_scalar_values(domain));
    if (!mapped || mapped->empty()) {
        reason = "the host is no domain name";
        return std::nullopt;
    }
    if (std::any_of(mapped->begin(), mapped->end(), is_forbidden_in_domain)) {
        reason = "the host has a byte that may not stand there";
        return std::nullopt;
    }
    if (!ends_in_number(*mapped)) return ParsedHost{std::move(*mapped), HostKind::domain};
    if (auto address = parse_ipv4(*mapped)) return ParsedHost{std::move(*address), HostKind::ipv4};
    reason = "the host ends in a number but is no IPv4 address";
    return std::nullopt;
}

}  // namespace tandem::inline v1::http
