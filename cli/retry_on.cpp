#include <cli/retry_on.hpp>

#include <cli/text.hpp>

namespace tandem::cli {

RetryOn::RetryOn() {
    for (const int code : {408, 425, 429, 500, 502, 503, 504}) statuses_.add(code, code);
    statuses_.add(520, 524);
    for (int i = 0; i < error_code_count; ++i) {
        const auto code = static_cast<ErrorCode>(i);
        // These two are verdicts after many tries; trying again at once is what they forbid.
        if (code == ErrorCode::host_unavailable || code == ErrorCode::worker_lost) continue;
        if (class_of(code) == ErrorClass::network) codes_.set(static_cast<std::size_t>(i));
    }
    codes_.set(static_cast<std::size_t>(ErrorCode::tls_truncated));
}

bool RetryOn::contains(ErrorCode code) const noexcept { return codes_.test(static_cast<std::size_t>(code)); }

bool RetryOn::change(std::string_view item, bool add) {
    if (const auto range = parse_status_range(item)) {
        if (add)
            statuses_.add(range->first, range->second);
        else
            statuses_.remove(range->first, range->second);
        return true;
    }
    if (const auto code = error_code_named(item)) {
        codes_.set(static_cast<std::size_t>(*code), add);
        return true;
    }
    return false;
}

std::optional<RetryOn> RetryOn::parse(std::string_view list, std::string& bad_item) {
    const auto items = split(list, ',');
    RetryOn result;
    for (const auto raw : items) {
        const auto item = trimmed(raw);
        if (!item.starts_with('+') && !item.starts_with('-')) {
            result.statuses_ = StatusSet();
            result.codes_.reset();
            break;
        }
    }
    for (const auto raw : items) {
        const auto item = trimmed(raw);
        const bool has_sign = item.starts_with('+') || item.starts_with('-');
        if (!result.change(item.substr(has_sign ? 1 : 0), !item.starts_with('-'))) {
            bad_item = std::string(item);
            return std::nullopt;
        }
    }
    if (items.empty()) return std::nullopt;
    return result;
}

}  // namespace tandem::cli
