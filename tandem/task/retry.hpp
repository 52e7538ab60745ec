#pragma once

#include <tandem/base/time.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

namespace tandem::inline v1 {

/// How often and after which pauses `retry()` tries again: the pauses grow by a factor, each a little longer
/// by chance, so that clients that failed together do not come back together.
///
///     auto page = co_await retry(RetryOptions().attempts(3).first_delay(200ms), fetch);
///
/// Errors      `std::invalid_argument` for less than one attempt, a negative delay or jitter, a factor
/// below 1. Threads     a plain value.
class RetryOptions {
public:
    RetryOptions() {}
    /// How often it is tried in all; 5.
    RetryOptions& attempts(int count);
    /// The pause after the first failure; 1 s.
    RetryOptions& first_delay(Duration delay);
    /// Each pause is so many times the one before; 2.
    RetryOptions& factor(double factor);
    /// No pause is longer than this, jitter apart.
    RetryOptions& max_delay(Duration delay);
    /// At most this share of a pause is added by chance; 0.1.
    RetryOptions& jitter(double share);
    /// Makes the jitter the same in every run.
    RetryOptions& seed(std::uint64_t seed);
    /// Which errors are worth another attempt; by default all of them.
    RetryOptions& when(std::function<bool(const std::exception_ptr&)> worth_it);

private:
    friend class RetryPlan;
    int attempts_ = 5;
    Duration first_delay_ = std::chrono::seconds(1);
    Duration max_delay_ = Duration::max();
    double factor_ = 2;
    double jitter_ = 0.1;
    std::optional<std::uint64_t> seed_;
    std::function<bool(const std::exception_ptr&)> when_;
};

/// Every attempt failed. Keeps the last error: `cause()`, also for `std::rethrow_if_nested`.
class RetryError : public std::runtime_error, public std::nested_exception {
public:
    /// In a catch block: the error that is handled is the cause.
    RetryError(const std::string& what, int attempts) : std::runtime_error(what), attempts_(attempts) {}
    int attempts() const noexcept { return attempts_; }
    std::exception_ptr cause() const noexcept { return nested_ptr(); }

private:
    int attempts_;
};

/// What `retry()` keeps between attempts.
class RetryPlan {
public:
    explicit RetryPlan(RetryOptions options);
    /// The pause before the next attempt. Throws `RetryError` after the last one, and `error` itself if it is
    /// not worth another.
    Duration after(const std::exception_ptr& error);

private:
    RetryOptions options_;
    Duration next_;
    int failed_ = 0;
    std::mt19937_64 random_;
};

/// Calls `fn` until the task it gives succeeds, with growing pauses between the attempts.
///
/// Errors      `RetryError` after the last attempt; an error that `RetryOptions::when` refuses goes through.
/// Cancelling  ends the attempt or the pause; never retried.
/// Threads     the loop that runs.
template <class F>
    requires is_task_v<std::invoke_result_t<F&>>
auto retry(RetryOptions options, F fn) -> std::invoke_result_t<F&> {
    RetryPlan plan(std::move(options));
    for (;;) {
        std::exception_ptr error;
        try {
            if constexpr (std::is_void_v<typename std::invoke_result_t<F&>::value_type>) {
                co_await std::invoke(fn);
                co_return;
            } else {
                co_return co_await std::invoke(fn);
            }
        } catch (...) {
            error = std::current_exception();
        }
        const Duration pause = plan.after(error);
        co_await sleep(pause);
    }
}

}  // namespace tandem::inline v1
