// Percent-encoding: the standard's sets, decoding, form encoding, and UTF-8 that is none.
#include <tandem/http/h1_tables_internal.hpp>
#include <tandem/http/url_internal.hpp>

namespace tandem::inline v1::http {
namespace {

consteval std::array<std::uint8_t, 256> make_sets() {
    std::array<std::uint8_t, 256> sets{};
    const auto add = [&sets](std::string_view bytes, unsigned to) {
        for (const char byte : bytes)
            sets[static_cast<unsigned char>(byte)] =
                static_cast<std::uint8_t>(sets[static_cast<unsigned char>(byte)] | to);
    };
    using namespace urls;
    for (unsigned byte = 0; byte < 256; ++byte) {
        if (byte < 0x20 || byte > 0x7e) sets[byte] = 0xff;
    }
    add(" \"<>`", fragment_set);
    add(" \"#<>", query_set | special_query_set | path_set | userinfo_set);
    add("'", special_query_set);
    add("?^`{}", path_set | userinfo_set);
    add("/:;=@[\\]|", userinfo_set);
    for (unsigned byte = 0x20; byte < 0x7f; ++byte) {
        const auto value = static_cast<char>(byte);
        const bool alnum = octets::is(value, octets::alpha) || octets::is(value, octets::digit);
        if (!alnum && value != '-' && value != '.' && value != '_' && value != '~')
            sets[byte] = static_cast<std::uint8_t>(sets[byte] | unreserved_set);
        if (!alnum && value != '*' && value != '-' && value != '.' && value != '_')
            sets[byte] = static_cast<std::uint8_t>(sets[byte] | form_set);
    }
    return sets;
}

constexpr auto sets = make_sets();

void append_triplet(std::string& out, char byte) {
    static constexpr std::string_view hex = "0123456789ABCDEF";
    const auto value = static_cast<unsigned char>(byte);
    out += '%';
    out += hex[value >> 4U];
    out += hex[value & 15U];
}

/// How many bytes the well-formed sequence at the front has; 0 if there is none.
std::size_t utf8_length(std::string_view text) noexcept {
    const auto at = [text](std::size_t i) {
        return i < text.size() ? static_cast<unsigned>(static_cast<unsigned char>(text[i])) : 0U;
    };
    const auto continues = [&at](std::size_t i) { return (at(i) & 0xc0U) == 0x80U; };
    const auto first = at(0);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return continues(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        const unsigned low = first == 0xe0 ? 0xa0 : 0x80;
        const unsigned high = first == 0xed ? 0x9f : 0xbf;
        return at(1) >= low && at(1) <= high && continues(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const unsigned low = first == 0xf0 ? 0x90 : 0x80;
        const unsigned high = first == 0xf4 ? 0x8f : 0xbf;
        return at(1) >= low && at(1) <= high && continues(2) && continues(3) ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::string percent_decode(std::string_view text) {
    std::string decoded;
    decoded.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && octets::is(text[i + 1], octets::hex) &&
            octets::is(text[i + 2], octets::hex)) {
            decoded +=
                static_cast<char>(octets::hex_value(text[i + 1]) * 16 + octets::hex_value(text[i + 2]));
            i += 2;
        } else {
            decoded += text[i];
        }
    }
    return decoded;
}

std::string percent_encode(std::string_view text) {
    std::string encoded;
    urls::append_encoded(encoded, text, urls::unreserved_set);
    return encoded;
}

void append_form_encoded(std::string& out, std::string_view text) {
    for (const char byte : text) {
        if (byte == ' ') {
            out += '+';
        } else if ((sets[static_cast<unsigned char>(byte)] & urls::form_set) != 0) {
            append_triplet(out, byte);
        } else {
            out += byte;
        }
    }
}

namespace urls {

void append_encoded(std::string& out, std::string_view text, EncodeSet set) {
    for (const char byte : text) {
        if ((sets[static_cast<unsigned char>(byte)] & set) != 0) {
            append_triplet(out, byte);
        } else {
            out += byte;
        }
    }
}

std::string to_scalar_values(std::string_view text) {
    std::string scalar;
    scalar.reserve(text.size());
    while (!text.empty()) {
        const auto length = utf8_length(text);
        if (length == 0) {
            scalar += "\xef\xbf\xbd";
            text.remove_prefix(1);
            continue;
        }
        scalar += text.substr(0, length);
        text.remove_prefix(length);
    }
    return scalar;
}

}  // namespace urls
}  // namespace tandem::inline v1::http
