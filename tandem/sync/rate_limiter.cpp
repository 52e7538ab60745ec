#include <tandem/sync/rate_limiter.hpp>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>

namespace tandem::inline v1 {
namespace {

Duration share_of(Duration period, std::size_t permits) {
    if (permits == 0 || period <= Duration::zero())
        throw std::invalid_argument("a RateLimiter needs at least one permit and a period longer than none");
    const auto count = static_cast<Duration::rep>(permits);
    return Duration((period.count() + count - 1) / count);
}

}  // namespace

RateLimiter::RateLimiter(std::size_t permits, Duration period)
    : LoopBound("RateLimiter"),
      permits_(permits),
      period_(period),
      interval_(share_of(period, permits)),
      line_(*this) {}

RateLimiter::~RateLimiter() {
    if (!refill_ || !refill_->armed()) return;
    const std::lock_guard lock(refill_life_->mutex);
    if (refill_life_->loop) refill_->loop().timers().remove(*refill_);
}

RateLimiter::Acquire RateLimiter::acquire(std::size_t count) {
    if (count > permits_)
        throw std::invalid_argument("acquire(" + std::to_string(count) +
                                    ") of a RateLimiter that never has more than " +
                                    std::to_string(permits_) + " permits");
    return Acquire(*this, count);
}

TimePoint RateLimiter::there_at(std::size_t count) const noexcept {
    // The bucket lacks (full_at_ - t) / interval_ permits at the time t.
    if (full_at_ == TimePoint::min()) return full_at_;
    return full_at_ - interval_ * static_cast<Duration::rep>(permits_ - count);
}

void RateLimiter::take(std::size_t count, TimePoint now) noexcept {
    full_at_ = std::max(full_at_, now) + interval_ * static_cast<Duration::rep>(count);
}

void RateLimiter::serve(EventLoop& loop) noexcept {
    const TimePoint now = loop.time();
    while (LineWait* const wait = line_.front()) {
        const std::size_t count = static_cast<Acquire*>(wait)->count_;
        const TimePoint when = there_at(count);
        if (when > now) {
            if (refill_->armed()) loop.timers().remove(*refill_);
            loop.timers().add(*refill_, when);
            return;
        }
        take(count, now);
        line_.serve_front();
    }
    if (refill_ && refill_->armed()) loop.timers().remove(*refill_);
}

bool RateLimiter::Acquire::try_now() {
    RateLimiter& limiter = limiter_;
    EventLoop& here = loop();
    limiter.enter(here, where());
    if (limiter.refill_life_ != here.life()) {
        limiter.refill_life_ = here.life();
        limiter.refill_ = std::make_unique<Refill>(limiter, here);
        limiter.full_at_ = TimePoint::min();  // another loop's clock may show anything
    }
    const TimePoint now = here.time();
    if (limiter.line_.front() || limiter.there_at(count_) > now) return false;
    limiter.take(count_, now);
    return true;
}

void RateLimiter::Acquire::start() noexcept {
    LineAwait::start();
    if (limiter_.line_.waiting() == 1) limiter_.serve(loop());
}

bool RateLimiter::Acquire::request_cancel() noexcept {
    LineWait::request_cancel();
    limiter_.serve(loop());
    return true;
}

void RateLimiter::Acquire::result() {
    settle_or([this] {
        limiter_.full_at_ -= limiter_.interval_ * static_cast<Duration::rep>(count_);
        limiter_.serve(loop());
    });
}

}  // namespace tandem::inline v1
