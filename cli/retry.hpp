#pragma once

#include <cli/options.hpp>
#include <cli/outcome.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

namespace tandem::cli {

/// How one try of an entry failed.
struct FailedTry {
    ErrorCode code = ErrorCode::other;
    std::optional<int> status;  ///< of the response, if there was one
    std::string_view method = "GET";
    bool nothing_sent = false;  ///< no byte of the request can have reached the server
    std::optional<std::chrono::milliseconds> retry_after;  ///< what the response asked for
    unsigned tries_so_far = 1;
    std::chrono::milliseconds since_first_try{0};
};

enum class WaitReason { backoff, retry_after };

/// What to do about it.
struct RetryDecision {
    bool again = false;
    std::chrono::milliseconds wait{0};
    WaitReason reason = WaitReason::backoff;
    ErrorCode final_code = ErrorCode::other;  ///< if not again: what the record says
};

/// A number in [0, 1), evenly spread.
using RandomSource = std::function<double()>;

/// F4.6 and F4.4: whether this failure is tried again, and how long the lane waits before. `Retry-After`
/// counts on 429, 503 and 3xx and beats the backoff; above `--retry-after-max` the entry ends as
/// `retry_after_too_long`.
[[nodiscard]] RetryDecision decide_retry(const FetchOptions& options, const FailedTry& failed,
                                         const RandomSource& random);

/// R8: whether another try could have helped, whatever the number of tries.
[[nodiscard]] bool is_retryable(const FetchOptions& options, const FailedTry& failed) noexcept;

/// Uniform in [100 ms, min(max, base x 2^k)], where `k` counts from 0.
[[nodiscard]] std::chrono::milliseconds backoff(std::chrono::milliseconds base, std::chrono::milliseconds max,
                                                unsigned k, const RandomSource& random);

/// F4.4: what a lane waits when asked for `asked`: that, plus 0-10 % (at most 5 s).
[[nodiscard]] std::chrono::milliseconds with_jitter(std::chrono::milliseconds asked,
                                                    const RandomSource& random);

/// RFC 9110: GET, HEAD, OPTIONS, TRACE, PUT, DELETE.
[[nodiscard]] bool is_idempotent(std::string_view method) noexcept;

}  // namespace tandem::cli
