#include <cli/retry.hpp>

#include <algorithm>

namespace tandem::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds shortest_backoff{100};
constexpr milliseconds most_jitter{5000};

bool heeds_retry_after(const FailedTry& failed) noexcept {
    if (!failed.retry_after || !failed.status) return false;
    return *failed.status == 429 || *failed.status == 503 || *failed.status / 100 == 3;
}

bool is_listed(const FetchOptions& options, const FailedTry& failed) noexcept {
    if (options.retry_all_errors) {
        const auto error_class = class_of(failed.code);
        return error_class != ErrorClass::local && error_class != ErrorClass::budget;
    }
    if (failed.status && class_of(failed.code) == ErrorClass::status)
        return options.retry_on.contains_status(*failed.status);
    if (failed.status && class_of(failed.code) == ErrorClass::auth &&
        options.retry_on.contains_status(*failed.status))
        return true;
    return options.retry_on.contains(failed.code);
}

bool may_repeat(const FetchOptions& options, const FailedTry& failed) noexcept {
    if (options.retry_unsafe || is_idempotent(failed.method) || failed.nothing_sent) return true;
    // With these the server says that it did not do what it was asked to.
    return failed.status == 429 || failed.status == 503;
}

}  // namespace

bool is_idempotent(std::string_view method) noexcept {
    return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
           method == "OPTIONS" || method == "TRACE";
}

milliseconds backoff(milliseconds base, milliseconds max, unsigned k, const RandomSource& random) {
    auto ceiling = std::min(base, max);
    for (; k > 0 && ceiling < max && ceiling.count() > 0; --k) ceiling = std::min(ceiling * 2, max);
    const auto floor = std::min(shortest_backoff, ceiling);
    return floor + milliseconds(static_cast<std::int64_t>(
                       random() * static_cast<double>((ceiling - floor).count() + 1)));
}

milliseconds with_jitter(milliseconds asked, const RandomSource& random) {
    const auto most = std::min(asked / 10, most_jitter);
    return asked + milliseconds(static_cast<std::int64_t>(random() * static_cast<double>(most.count() + 1)));
}

bool is_retryable(const FetchOptions& options, const FailedTry& failed) noexcept {
    return is_listed(options, failed) && may_repeat(options, failed);
}

RetryDecision decide_retry(const FetchOptions& options, const FailedTry& failed, const RandomSource& random) {
    RetryDecision decision;
    decision.final_code = failed.code;
    if (!is_retryable(options, failed)) return decision;

    const bool asked = heeds_retry_after(failed);
    if (asked && *failed.retry_after > options.retry_after_max) {
        decision.final_code = ErrorCode::retry_after_too_long;
        return decision;
    }
    if (failed.tries_so_far > options.retries) return decision;

    if (asked) {
        decision.reason = WaitReason::retry_after;
        decision.wait = with_jitter(*failed.retry_after, random);
    } else {
        decision.wait =
            backoff(options.retry_delay, options.retry_max_delay, failed.tries_so_far - 1, random);
    }
    if (options.retry_max_time && failed.since_first_try + decision.wait > *options.retry_max_time)
        return decision;
    if (options.max_time && failed.since_first_try + decision.wait >= *options.max_time) return decision;
    decision.again = true;
    return decision;
}

}  // namespace tandem::cli
