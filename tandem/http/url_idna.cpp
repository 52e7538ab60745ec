// Internationalised domain names, through libidn2.
#include <tandem/http/url_idna_internal.hpp>

#include <tandem/http/h1_tables_internal.hpp>
#include <tandem/http/headers.hpp>

#include <idn2.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

namespace tandem::inline v1::http::urls {
namespace {

struct Idn2Free {
    void operator()(void* memory) const noexcept { idn2_free(memory); }
};

bool is_ascii(std::string_view text) noexcept {
    return std::all_of(text.begin(), text.end(),
                       [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

void append_lower(std::string& out, std::string_view text) {
    for (const char byte : text) out += octets::lower(byte);
}

struct Label {
    std::size_t length;
    std::size_t dot_bytes;  // of the '.' behind it or one that is mapped to '.'; 0 at the end
};

Label next_label(std::string_view rest) noexcept {
    static constexpr std::array<std::string_view, 4> dots = {".", "\u3002", "\uff0e", "\uff61"};
    for (std::size_t i = 0; i < rest.size(); ++i) {
        for (const auto dot : dots) {
            if (rest.substr(i).starts_with(dot)) return {i, dot.size()};
        }
    }
    return {rest.size(), 0};
}

/// Whether non-transitional processing keeps a character that transitional processing would map away.
bool has_deviation(std::string_view label) noexcept {
    static constexpr std::array<std::string_view, 5> characters = {"\u00df", "\u03c2", "\u200c", "\u200d",
                                                                   "\u1e9e"};
    return std::any_of(characters.begin(), characters.end(), [label](std::string_view character) {
        return label.find(character) != std::string_view::npos;
    });
}

std::optional<std::string> lookup(const std::string& label, int flags) {
    std::uint8_t* result = nullptr;
    if (idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(label.c_str()), &result, flags) != IDN2_OK)
        return std::nullopt;
    const auto owner = std::unique_ptr<std::uint8_t, Idn2Free>(result);
    return std::string(reinterpret_cast<const char*>(result));
}

bool append_label(std::string& out, std::string_view label) {
    if (label.empty()) return true;
    if (label.find('\0') != std::string_view::npos) return false;
    if (is_ascii(label) && !equals_ignoring_case(label.substr(0, 4), "xn--")) {
        append_lower(out, label);
        return true;
    }
    const auto text = std::string(label);
    auto mapped = lookup(text, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
    // libidn2 adds IDNA2008's own tests, which UTS #46 does not make and which refuse snowmen; it leaves them
    // out in transitional processing, which differs only where a deviation character stands.
    if (!mapped && !has_deviation(label)) mapped = lookup(text, IDN2_TRANSITIONAL | IDN2_NFC_INPUT);
    if (!mapped) return false;
    out += *mapped;
    return true;
}

}  // namespace

std::optional<std::string> domain_to_ascii(std::string_view domain) {
    std::string mapped;
    for (std::size_t at = 0;;) {
        const auto [length, dot_bytes] = next_label(domain.substr(at));
        if (!append_label(mapped, domain.substr(at, length))) return std::nullopt;
        if (dot_bytes == 0) return mapped;
        mapped += '.';
        at += length + dot_bytes;
    }
}

}  // namespace tandem::inline v1::http::urls
