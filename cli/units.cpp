#include <cli/units.hpp>

#include <cli/text.hpp>

#include <algorithm>
#include <charconv>
#include <limits>

namespace tandem::cli {
namespace {

constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();

/// A decimal number before a unit, exact to nine places.
struct Decimal {
    std::uint64_t whole = 0;
    std::uint64_t billionths = 0;
    std::string_view unit;
};

bool is_digit(char letter) noexcept { return letter >= '0' && letter <= '9'; }

std::optional<Decimal> parse_decimal(std::string_view text) noexcept {
    Decimal result;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result.whole);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));

    if (text.size() > 1 && text[0] == '.' && is_digit(text[1])) {
        text.remove_prefix(1);
        std::uint64_t place = 100'000'000;
        while (!text.empty() && is_digit(text[0])) {
            result.billionths += place * static_cast<std::uint64_t>(text[0] - '0');
            place /= 10;
            text.remove_prefix(1);
        }
    }
    result.unit = text;
    return result;
}

/// `number` times `factor`, or nothing if it does not fit.
std::optional<std::uint64_t> scaled(const Decimal& number, std::uint64_t factor) noexcept {
    if (number.whole != 0 && factor > most / number.whole) return std::nullopt;
    const auto whole = number.whole * factor;
    const auto fraction = static_cast<std::uint64_t>(
        static_cast<long double>(number.billionths) * static_cast<long double>(factor) / 1e9L + 0.5L);
    if (fraction > most - whole) return std::nullopt;
    return whole + fraction;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept {
    const auto number = parse_decimal(text);
    if (!number) return std::nullopt;

    std::uint64_t factor = 0;
    if (number->unit.empty() || number->unit == "s") factor = 1000;
    if (number->unit == "ms") factor = 1;
    if (number->unit == "m") factor = 60'000;
    if (number->unit == "h") factor = 3'600'000;
    if (factor == 0) return std::nullopt;

    const auto ms = scaled(*number, factor);
    // Ten years: clocks count nanoseconds in 64 bits, and a deadline is now plus this.
    if (!ms || *ms > 315'576'000'000) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(*ms));
}

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
    const auto number = parse_decimal(text);
    if (!number || number->unit.size() > 1) return std::nullopt;
    if (number->unit.empty()) return number->billionths == 0 ? scaled(*number, 1) : std::nullopt;

    static constexpr std::string_view units = "KMGTP";
    const char letter = number->unit[0];
    const auto power = units.find(letter >= 'a' ? static_cast<char>(letter - 'a' + 'A') : letter);
    if (power == std::string_view::npos) return std::nullopt;
    return scaled(*number, std::uint64_t{1} << (10 * (power + 1)));
}

std::optional<std::uint64_t> parse_number(std::string_view text) noexcept {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<Rate> parse_rate(std::string_view text) noexcept {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;

    const auto count = parse_number(text.substr(0, slash));
    const auto unit = text.substr(slash + 1);
    // A million starts per second is past what one machine can do, and keeps the token arithmetic exact.
    if (!count || *count == 0 || *count > 1'000'000'000) return std::nullopt;
    if (unit == "s") return Rate{*count, std::chrono::seconds(1)};
    if (unit == "m") return Rate{*count, std::chrono::minutes(1)};
    if (unit == "h") return Rate{*count, std::chrono::hours(1)};
    if (unit == "d") return Rate{*count, std::chrono::hours(24)};
    return std::nullopt;
}

std::optional<std::pair<int, int>> parse_status_range(std::string_view text) noexcept {
    const auto dash = text.find('-');
    const auto first = parse_number(text.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1));
    if (!first || !last || *first < 100 || *last > 599 || *first > *last) return std::nullopt;
    return std::pair(static_cast<int>(*first), static_cast<int>(*last));
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> pieces;
    while (!text.empty()) {
        const auto end = text.find(separator);
        pieces.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return pieces;
        text.remove_prefix(end + 1);
        if (text.empty()) pieces.push_back(text);
    }
    return pieces;
}

std::optional<StatusSet> StatusSet::parse(std::string_view list) {
    StatusSet set;
    for (const auto item : split(list, ',')) {
        const auto range = parse_status_range(trimmed(item));
        if (!range) return std::nullopt;
        set.add(range->first, range->second);
    }
    if (set.ranges_.empty()) return std::nullopt;
    return set;
}

void StatusSet::add(int first, int last) {
    std::vector<std::pair<int, int>> merged;
    for (const auto& [from, to] : ranges_) {
        if (to + 1 < first || from > last + 1) {
            merged.emplace_back(from, to);
        } else {
            first = std::min(first, from);
            last = std::max(last, to);
        }
    }
    merged.emplace_back(first, last);
    std::sort(merged.begin(), merged.end());
    ranges_ = std::move(merged);
}

void StatusSet::remove(int first, int last) {
    std::vector<std::pair<int, int>> kept;
    for (const auto& [from, to] : ranges_) {
        if (from < first) kept.emplace_back(from, std::min(to, first - 1));
        if (to > last) kept.emplace_back(std::max(from, last + 1), to);
    }
    ranges_ = std::move(kept);
}

bool StatusSet::contains(int status) const noexcept {
    for (const auto& [from, to] : ranges_) {
        if (status >= from && status <= to) return true;
    }
    return false;
}

}  // namespace tandem::cli
