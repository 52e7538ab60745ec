#include <cli/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace tandem::cli {
namespace {

unsigned byte_at(std::string_view text, std::size_t index) noexcept {
    return static_cast<unsigned char>(text[index]);
}

char lower(char letter) noexcept {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool is_combining(char32_t c) noexcept {
    return (c >= 0x300 && c <= 0x36f) || (c >= 0x483 && c <= 0x489) || (c >= 0x591 && c <= 0x5bd) ||
           (c >= 0x610 && c <= 0x61a) || (c >= 0x64b && c <= 0x65f) || (c >= 0x200b && c <= 0x200d) ||
           (c >= 0x20d0 && c <= 0x20f0) || (c >= 0xfe00 && c <= 0xfe0f) || (c >= 0xfe20 && c <= 0xfe2f) ||
           c == 0xfeff;
}

bool is_wide(char32_t c) noexcept {
    return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0x303e) || (c >= 0x3041 && c <= 0xa4cf) ||
           (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0xfe30 && c <= 0xfe6f) ||
           (c >= 0xff00 && c <= 0xff60) || (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1f64f) ||
           (c >= 0x1f680 && c <= 0x1f6ff) || (c >= 0x1f900 && c <= 0x1f9ff) || (c >= 0x20000 && c <= 0x3fffd);
}

std::size_t width_of(const CodePoint& point) noexcept {
    if (!point.valid) return 1;
    if (is_combining(point.value)) return 0;
    return is_wide(point.value) ? 2 : 1;
}

/// The longest beginning of `text` that fits into `columns`.
std::string_view head_of(std::string_view text, std::size_t columns) noexcept {
    std::size_t used = 0;
    std::size_t end = 0;
    while (end < text.size()) {
        const auto point = first_code_point(text.substr(end));
        if (used + width_of(point) > columns) break;
        used += width_of(point);
        end += point.bytes;
    }
    return text.substr(0, end);
}

/// The longest end of `text` that fits into `columns`.
std::string_view tail_of(std::string_view text, std::size_t columns) noexcept {
    auto width = display_width(text);
    std::size_t begin = 0;
    while (width > columns) {
        const auto point = first_code_point(text.substr(begin));
        width -= width_of(point);
        begin += point.bytes;
    }
    return text.substr(begin);
}

/// Typing errors between two words: letters missing, added, changed, or two neighbours swapped.
std::size_t typing_errors(std::string_view left, std::string_view right) {
    std::vector<std::vector<std::size_t>> cost(left.size() + 1, std::vector<std::size_t>(right.size() + 1));
    for (std::size_t i = 0; i <= left.size(); ++i) cost[i][0] = i;
    for (std::size_t j = 0; j <= right.size(); ++j) cost[0][j] = j;
    for (std::size_t i = 1; i <= left.size(); ++i) {
        for (std::size_t j = 1; j <= right.size(); ++j) {
            const std::size_t changed = left[i - 1] == right[j - 1] ? 0 : 1;
            cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + changed});
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    }
    return cost[left.size()][right.size()];
}

}  // namespace

CodePoint first_code_point(std::string_view text) noexcept {
    const unsigned lead = byte_at(text, 0);
    if (lead < 0x80) return {lead, 1, true};

    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};

    char32_t value = lead & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte_at(text, i) & 0xc0U) != 0x80) return {};
        value = (value << 6) | (byte_at(text, i) & 0x3fU);
    }
    const char32_t smallest = length == 4 ? 0x10000 : length == 3 ? 0x800 : 0x80;
    if (value < smallest || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
    return {value, length, true};
}

bool is_control_or_bidi(char32_t c) noexcept {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

std::string escaped_for_terminal(std::string_view text) {
    std::string escaped;
    escaped.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto point = first_code_point(text.substr(at));
        if (!point.valid)
            escaped += fmt::format("\\x{:02x}", byte_at(text, at));
        else if (point.value == '\n')
            escaped += "\\n";
        else if (point.value == '\r')
            escaped += "\\r";
        else if (point.value == '\t')
            escaped += "\\t";
        else if (is_control_or_bidi(point.value))
            escaped += point.value < 0x80 ? fmt::format("\\x{:02x}", static_cast<unsigned>(point.value))
                                          : fmt::format("\\u{:04x}", static_cast<unsigned>(point.value));
        else
            escaped += text.substr(at, point.bytes);
        at += point.bytes;
    }
    return escaped;
}

std::size_t display_width(std::string_view text) noexcept {
    std::size_t width = 0;
    for (std::size_t at = 0; at < text.size();) {
        const auto point = first_code_point(text.substr(at));
        width += width_of(point);
        at += point.bytes;
    }
    return width;
}

std::string shortened(std::string_view text, std::size_t columns, bool utf8) {
    if (display_width(text) <= columns) return std::string(text);

    const std::string_view gap = utf8 ? "…" : "..";
    const auto gap_width = display_width(gap);
    if (columns <= gap_width + 1) return std::string(head_of(text, columns));

    const auto tail = (columns - gap_width) / 2;
    const auto head = columns - gap_width - tail;
    return std::string(head_of(text, head)) + std::string(gap) + std::string(tail_of(text, tail));
}

std::string human_bytes(double bytes) {
    static constexpr std::array<std::string_view, 6> units = {"B", "kB", "MB", "GB", "TB", "PB"};
    std::size_t unit = 0;
    // 999.95 would be printed as 1000.0, so it belongs to the next unit already.
    while (bytes >= (unit == 0 ? 999.5 : 999.95) && unit + 1 < units.size()) {
        bytes /= 1000;
        ++unit;
    }
    return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, units[unit]);
}

std::string whole_seconds(std::chrono::milliseconds time) {
    return fmt::format("{}s", (time.count() + 500) / 1000);
}

std::string human_duration(std::chrono::milliseconds time) {
    const auto ms = time.count();
    if (ms < 1000) return fmt::format("{} ms", ms);
    if (ms < 59950) return fmt::format("{:.1f} s", static_cast<double>(ms) / 1000);
    const auto seconds = (ms + 500) / 1000;
    if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
    return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
}

std::string grouped_digits(std::uint64_t number) {
    auto digits = std::to_string(number);
    for (auto at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
    return digits;
}

std::string_view nearest(std::string_view typed, const std::vector<std::string_view>& candidates) {
    std::string_view best;
    auto fewest = std::max<std::size_t>(2, typed.size() / 2) + 1;
    for (const auto candidate : candidates) {
        const auto errors = typing_errors(typed, candidate);
        if (errors < fewest) {
            fewest = errors;
            best = candidate;
        }
    }
    return best;
}

std::string shell_word(std::string_view text) {
    static constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=";
    if (!text.empty() && text.find_first_not_of(plain) == std::string_view::npos) return std::string(text);

    std::string quoted = "'";
    for (const char letter : text) {
        if (letter == '\'')
            quoted += "'\\''";
        else
            quoted += letter;
    }
    return quoted + "'";
}

std::string without_userinfo(std::string_view url) {
    // A URL parser drops these three anywhere, so they must not hide an `@` from us.
    std::string text;
    for (const char letter : url) {
        if (letter != '\t' && letter != '\n' && letter != '\r') text += letter;
    }

    std::size_t authority = 0;
    const auto scheme_end = text.find_first_of(":/?#\\");
    if (scheme_end != std::string::npos && text[scheme_end] == ':') {
        authority = scheme_end + 1;
        const auto after_slashes = text.find_first_not_of("/\\", authority);
        const auto scheme = lower_case(std::string_view(text).substr(0, scheme_end));
        const bool slashes = after_slashes != authority;
        if (after_slashes != std::string::npos) authority = after_slashes;
        if (!slashes && trimmed(scheme) != "http" && trimmed(scheme) != "https")
            authority = 0;  // `user:password@host`
    } else if (scheme_end == 0) {
        const auto after_slashes = text.find_first_not_of("/\\");
        if (after_slashes != std::string::npos && after_slashes >= 2) authority = after_slashes;
    }

    const auto authority_end = std::min(text.find_first_of("/?#\\", authority), text.size());
    const auto at = std::string_view(text).substr(0, authority_end).rfind('@');
    if (at == std::string_view::npos || at < authority) return text;
    return text.erase(authority, at + 1 - authority);
}

std::string lower_case(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), lower);
    return result;
}

bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

std::string_view trimmed(std::string_view text) noexcept {
    const auto begin = text.find_first_not_of(" \t\r\n\v\f");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n\v\f") - begin + 1);
}

bool matches_wildcard(std::string_view pattern, std::string_view text) noexcept {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_text = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_text = t;
        } else if (p < pattern.size() && lower(pattern[p]) == lower(text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

}  // namespace tandem::cli
