#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace tandem::inline v1::http {

class Headers;

/// How long `Retry-After` asks to wait: its seconds, or its date measured against `measured_from` (a past
/// date is zero). Nothing for rubbish; seconds beyond 100 years are 100 years.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(
    std::string_view value, std::optional<std::chrono::sys_seconds> measured_from) noexcept;

/// The same from a response: a date is measured against its own `Date` (H72), or `now` if it has none.
[[nodiscard]] std::optional<std::chrono::seconds> retry_after(const Headers& headers,
                                                              std::chrono::sys_seconds now) noexcept;

}  // namespace tandem::inline v1::http
