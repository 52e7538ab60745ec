#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::cli {

/// One character of UTF-8 text, or one byte that is not part of any.
struct CodePoint {
    char32_t value = 0;     ///< meaningless if not `valid`
    std::size_t bytes = 1;  ///< how many bytes of the text it takes; 1 for a bad byte
    bool valid = false;
};

/// The character at the start of `text`, which must not be empty. Overlong forms, surrogates and
/// values past U+10FFFF are not valid.
[[nodiscard]] CodePoint first_code_point(std::string_view text) noexcept;

/// C0, DEL, C1, line and paragraph separators, and everything that turns the direction of writing.
[[nodiscard]] bool is_control_or_bidi(char32_t character) noexcept;

/// Text that is safe to print on a terminal, whoever sent it: controls, bidirectional overrides and bad
/// UTF-8 become `\n`, `\x1b`, `\u202e`. What is plain stays as it is.
[[nodiscard]] std::string escaped_for_terminal(std::string_view text);

/// How many columns a terminal gives to `text` (already escaped, no colour sequences).
[[nodiscard]] std::size_t display_width(std::string_view text) noexcept;

/// `text` in at most `columns` columns; what is too long loses its middle, so that both the host and the
/// last part of a path stay readable.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t columns, bool utf8);

/// `12.4 GB`, `42 B`: decimal units as transfers are announced, never more than four digits.
[[nodiscard]] std::string human_bytes(double bytes);

/// `190s`, `12.3 s`: see the callers; whole seconds, for progress lines.
[[nodiscard]] std::string whole_seconds(std::chrono::milliseconds time);

/// `350 ms`, `12.3 s`, `4m07s`, `2h05m`: for people.
[[nodiscard]] std::string human_duration(std::chrono::milliseconds time);

/// `1,204`: digits in groups of three.
[[nodiscard]] std::string grouped_digits(std::uint64_t number);

/// `--max-time` for `--max-tiem`: the candidate with the fewest typing errors between, or empty if all
/// are too far away to be meant.
[[nodiscard]] std::string_view nearest(std::string_view typed,
                                       const std::vector<std::string_view>& candidates);

/// A word that a POSIX shell reads back as `text`.
[[nodiscard]] std::string shell_word(std::string_view text);

/// A URL as it was typed, without user and password. Works on text that is no valid URL as well, since
/// failed records quote exactly those.
[[nodiscard]] std::string without_userinfo(std::string_view url);

[[nodiscard]] std::string lower_case(std::string_view text);
[[nodiscard]] bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept;
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

/// `*` stands for any run of characters, case is ignored: `*.example.org`.
[[nodiscard]] bool matches_wildcard(std::string_view pattern, std::string_view text) noexcept;

}  // namespace tandem::cli
