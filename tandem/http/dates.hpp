#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::inline v1::http {

/// Reads a date of RFC 9110 in any of its three forms; nothing for anything else.
///
///     Sun, 06 Nov 1994 08:49:37 GMT     Sunday, 06-Nov-94 08:49:37 GMT     Sun Nov  6 08:49:37 1994
///
/// A two-digit year is the one at most 50 years after `now`; without `now`, 70-99 are the last century's.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_http_date(
    std::string_view text, std::optional<std::chrono::sys_seconds> now = std::nullopt) noexcept;

/// Writes the first form. Years outside 1-9999 throw `std::invalid_argument`.
[[nodiscard]] std::string format_http_date(std::chrono::sys_seconds time);
void append_http_date(std::string& out, std::chrono::sys_seconds time);

}  // namespace tandem::inline v1::http
