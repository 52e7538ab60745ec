#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::cli {

/// So many starts per period: `5/s`, `300/m`, `10000/h`, `5/d`.
struct Rate {
    std::uint64_t count = 1;
    std::chrono::milliseconds per{1000};

    bool operator==(const Rate&) const = default;
};

/// `500ms`, `10s`, `2m`, `1h`, `1.5s`; a bare number means seconds, as in curl.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;

/// `300`, `64K`, `1.5G`: K, M, G, T, P of either case are powers of 1024, as in curl.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

[[nodiscard]] std::optional<Rate> parse_rate(std::string_view text) noexcept;

/// Decimal digits and nothing else.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text) noexcept;

/// A set of HTTP status codes, written `200-399,404`.
class StatusSet {
public:
    StatusSet() = default;

    /// Nothing if an item is no status between 100 and 599, or a range runs backwards.
    [[nodiscard]] static std::optional<StatusSet> parse(std::string_view list);

    void add(int first, int last);
    void remove(int first, int last);
    [[nodiscard]] bool contains(int status) const noexcept;

    bool operator==(const StatusSet&) const = default;

private:
    std::vector<std::pair<int, int>> ranges_;  // sorted, disjoint, not touching: equal sets compare equal
};

/// `404` or `500-504` as a pair; nothing if it is neither.
[[nodiscard]] std::optional<std::pair<int, int>> parse_status_range(std::string_view text) noexcept;

/// The pieces between the separators; an empty text has none.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace tandem::cli
