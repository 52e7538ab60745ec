#pragma once

#include <array>
#include <cstdint>
#include <string_view>

/// Classes of octets, by table: no locale, no <cctype>, no signed char (P6).
namespace tandem::inline v1::http::octets {

enum Class : std::uint8_t {
    token = 1U << 0U,        // RFC 9110 tchar
    field_value = 1U << 1U,  // HTAB, SP, visible, obs-text
    target = 1U << 2U,       // visible ASCII but '#'
    reg_name = 1U << 3U,     // a host name's: unreserved, '%', sub-delims but ','
    digit = 1U << 4U,
    hex = 1U << 5U,
    alpha = 1U << 6U,
    quoted = 1U << 7U,  // qdtext of a quoted string
};

consteval std::array<std::uint8_t, 256> make_classes() {
    std::array<std::uint8_t, 256> classes{};
    const auto mark = [&classes](std::string_view bytes, Class with) {
        for (const char byte : bytes) classes[static_cast<unsigned char>(byte)] |= with;
    };
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    constexpr std::string_view digits = "0123456789";
    mark(letters, token);
    mark(digits, token);
    mark("!#$%&'*+-.^_`|~", token);
    mark(letters, alpha);
    mark(digits, digit);
    mark(digits, hex);
    mark("abcdefABCDEF", hex);
    mark(letters, reg_name);
    mark(digits, reg_name);
    mark("-._~%!$&'()*+;=", reg_name);
    for (unsigned byte = 0; byte < 256; ++byte) {
        if (byte == '\t' || (byte >= 0x20 && byte != 0x7f)) classes[byte] |= field_value;
        if (byte > 0x20 && byte < 0x7f && byte != '#') classes[byte] |= target;
        if ((classes[byte] & field_value) != 0 && byte != '"' && byte != '\\') classes[byte] |= quoted;
    }
    return classes;
}

consteval std::array<char, 256> make_lower() {
    std::array<char, 256> lower{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        const bool upper = byte >= 'A' && byte <= 'Z';
        lower[byte] = static_cast<char>(static_cast<unsigned char>(upper ? byte + ('a' - 'A') : byte));
    }
    return lower;
}

inline constexpr auto classes = make_classes();
inline constexpr auto lower_table = make_lower();

constexpr bool is(unsigned char byte, Class wanted) noexcept { return (classes[byte] & wanted) != 0; }
constexpr bool is(char byte, Class wanted) noexcept { return is(static_cast<unsigned char>(byte), wanted); }
constexpr char lower(char byte) noexcept { return lower_table[static_cast<unsigned char>(byte)]; }

constexpr unsigned hex_value(char byte) noexcept {
    if (byte >= '0' && byte <= '9') return static_cast<unsigned>(byte - '0');
    return static_cast<unsigned>(lower(byte) - 'a') + 10U;
}

}  // namespace tandem::inline v1::http::octets
