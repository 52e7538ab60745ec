#pragma once

#include <tandem/http/h1_tables_internal.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// The grammar that parser, writer and `Headers` share.
namespace tandem::inline v1::http::syntax {

inline constexpr auto npos = std::string_view::npos;

/// Where a text breaks a rule.
struct Flaw {
    std::string_view rule;
    std::size_t at;
    std::string_view reason;
};

/// The first byte that is no token character, or npos.
[[nodiscard]] std::size_t find_non_token(std::string_view text) noexcept;
/// The first byte that no field value may have (a control byte but HTAB, DEL), or npos. A word at a time.
[[nodiscard]] std::size_t find_bad_value_byte(std::string_view text) noexcept;
/// The first CR that no LF follows, or npos; a CR at the very end does not count.
[[nodiscard]] std::size_t find_bare_cr(std::string_view text) noexcept;
/// Without SP and HTAB around it (P26).
[[nodiscard]] inline std::string_view trim(std::string_view text) noexcept {
    const auto is_space = [](char byte) { return byte == ' ' || byte == '\t'; };
    const char* first = text.data();
    const char* last = first + text.size();
    while (first != last && is_space(*first)) ++first;
    while (first != last && is_space(last[-1])) --last;
    return {first, static_cast<std::size_t>(last - first)};
}

[[nodiscard]] std::optional<Flaw> check_method(std::string_view method) noexcept;
[[nodiscard]] std::optional<Flaw> check_target(std::string_view method, std::string_view target) noexcept;

/// `host[:port]` cut in two; `port` is empty if there is none.
struct HostPort {
    std::string_view host;
    std::string_view port;
};
[[nodiscard]] std::optional<HostPort> parse_host_port(std::string_view text) noexcept;
/// The authority of an absolute target, and the default port of its scheme; nothing for other forms.
struct Authority {
    std::string_view text;
    std::string_view default_port;
};
[[nodiscard]] std::optional<Authority> authority_of(std::string_view target) noexcept;

/// Whether two `host[:port]` mean the same but for case and the default port.
[[nodiscard]] bool same_host(std::string_view left, std::string_view right,
                             std::string_view default_port) noexcept;

enum class LeadingZero : std::uint8_t { no, yes };
struct Decimal {
    std::uint64_t value;
    LeadingZero leading_zero;
};
/// Digits only, at most 2^63-1.
[[nodiscard]] std::optional<Decimal> parse_decimal(std::string_view text) noexcept;

/// Fields that P54 does not let stand in trailers.
[[nodiscard]] bool is_forbidden_in_trailers(std::string_view name) noexcept;
/// Fields whose values no error may quote.
[[nodiscard]] bool is_credential_field(std::string_view name) noexcept;

}  // namespace tandem::inline v1::http::syntax
