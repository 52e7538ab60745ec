#include <tandem/http/retry_after.hpp>

#include <tandem/http/dates.hpp>
#include <tandem/http/h1_tables_internal.hpp>
#include <tandem/http/headers.hpp>

#include <algorithm>

namespace tandem::inline v1::http {

std::optional<std::chrono::seconds> parse_retry_after(
    std::string_view value, std::optional<std::chrono::sys_seconds> measured_from) noexcept {
    using std::chrono::seconds;
    constexpr auto most = seconds(std::chrono::years(100));

    if (!value.empty() &&
        std::all_of(value.begin(), value.end(), [](char byte) { return octets::is(byte, octets::digit); })) {
        seconds wait{0};
        for (const char digit : value) wait = std::min(most, wait * 10 + seconds(digit - '0'));
        return wait;
    }
    const auto date = parse_http_date(value, measured_from);
    if (!date || !measured_from) return std::nullopt;
    return std::clamp(*date - *measured_from, seconds(0), most);
}

std::optional<std::chrono::seconds> retry_after(const Headers& headers,
                                                std::chrono::sys_seconds now) noexcept {
    const auto value = headers.get("Retry-After");
    if (!value) return std::nullopt;
    const auto date = headers.get("Date");
    const auto sent = date ? parse_http_date(*date, now) : std::nullopt;
    return parse_retry_after(*value, sent.value_or(now));
}

}  // namespace tandem::inline v1::http
