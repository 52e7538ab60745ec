#include <tandem/task/retry.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/random_seed.hpp>

#include <algorithm>

namespace tandem::inline v1 {
namespace {

void require(bool holds, const char* message) {
    if (!holds) throw std::invalid_argument(message);
}

// Asked to end, by a scope, Ctrl-C or exit_with(): never a reason to go on.
bool ends_everything(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Cancelled&) {
        return true;
    } catch (const Interrupted&) {
        return true;
    } catch (const SystemExit&) {
        return true;
    } catch (...) {
        return false;
    }
}

[[noreturn]] void give_up(const std::exception_ptr& error, int attempts) {
    try {
        std::rethrow_exception(error);
    } catch (...) {
        throw RetryError("gave up after " + std::to_string(attempts) +
                             (attempts == 1 ? " attempt: " : " attempts, the last one: ") + describe(error),
                         attempts);
    }
}

}  // namespace

RetryOptions& RetryOptions::attempts(int count) {
    require(count >= 1, "retry() needs at least one attempt");
    attempts_ = count;
    return *this;
}
RetryOptions& RetryOptions::first_delay(Duration delay) {
    require(delay >= Duration::zero(), "the first delay of retry() is negative");
    first_delay_ = delay;
    return *this;
}
RetryOptions& RetryOptions::factor(double factor) {
    require(factor >= 1, "the factor of retry() is below 1, its delays would shrink");
    factor_ = factor;
    return *this;
}
RetryOptions& RetryOptions::max_delay(Duration delay) {
    require(delay >= Duration::zero(), "the longest delay of retry() is negative");
    max_delay_ = delay;
    return *this;
}
RetryOptions& RetryOptions::jitter(double share) {
    require(share >= 0, "the jitter of retry() is negative");
    jitter_ = share;
    return *this;
}
RetryOptions& RetryOptions::seed(std::uint64_t seed) {
    seed_ = seed;
    return *this;
}
RetryOptions& RetryOptions::when(std::function<bool(const std::exception_ptr&)> worth_it) {
    when_ = std::move(worth_it);
    return *this;
}

RetryPlan::RetryPlan(RetryOptions options)
    : options_(std::move(options)),
      next_(options_.first_delay_),
      random_(options_.seed_ ? *options_.seed_ : random_seed()) {}

Duration RetryPlan::after(const std::exception_ptr& error) {
    if (ends_everything(error) || (options_.when_ && !options_.when_(error))) std::rethrow_exception(error);
    if (++failed_ >= options_.attempts_) give_up(error, failed_);
    const Duration pause = std::min(next_, options_.max_delay_);
    next_ = to_duration(std::chrono::duration<double, std::nano>(next_) * options_.factor_);
    std::uniform_real_distribution<double> share(0, options_.jitter_);
    const auto extra = to_duration(std::chrono::duration<double, std::nano>(pause) * share(random_));
    return saturating_add(TimePoint(pause), extra).time_since_epoch();
}

}  // namespace tandem::inline v1
