#include <tandem/task/timeout.hpp>

#include <tandem/loop/event_loop.hpp>
#include <tandem/task/task_node.hpp>

#include <chrono>
#include <string>

namespace tandem::inline v1 {

std::string timeout_text(Deadline limit, const SourceLocation& born, bool started) {
    std::string text = "timeout";
    // A point in time reads as the distance to it only where it was given as a duration.
    const auto now = this_loop().time();
    if (!limit.never() && limit.resolve(now) != limit.resolve(TimePoint())) {
        const auto span = std::chrono::duration<double>(limit.resolve(TimePoint()) - TimePoint());
        text += " of " + std::to_string(span.count()) + " s";
    }
    return text + ": " + born.function_name() + " (" + born.file_name() + ":" + std::to_string(born.line()) +
           (started ? ") was cancelled and has ended"
                    : ") was not waited for: no time was left, give it a limit above zero");
}

void throw_timeout(Deadline limit, const SourceLocation& born, bool started) {
    throw TimeoutError(timeout_text(limit, born, started));
}

Timeout::Inside::Inside(Timeout& owner) : owner_(owner) {
    if (owner.entered_)
        throw InvalidStateError("this Timeout has run already: make a new one for each run()");
    owner.entered_ = true;
    if (!owner.when_) owner.when_ = owner.limit_.resolve(guard.loop().time());
    guard.set_deadline(*owner.when_);
    owner.guard_ = &guard;
}

Timeout::Inside::~Inside() {
    owner_.expired_ = guard.expired();
    owner_.guard_ = nullptr;
}

void Timeout::start() { set(limit_.resolve(this_loop().time())); }

void Timeout::stop() { set(TimePoint::max()); }

void Timeout::set(TimePoint when) {
    when_ = when;
    if (guard_ && !guard_->expired()) guard_->set_deadline(when);
}

TimePoint Timeout::when() const {
    if (guard_) return guard_->deadline();
    return when_ ? *when_ : TimePoint::max();
}

bool Timeout::reschedule(Deadline limit) {
    if (expired() || (entered_ && !guard_)) return false;
    limit_ = limit;
    if (guard_ || when_) set(limit.resolve(this_loop().time()));
    return true;
}

void Timeout::throw_expired(const SourceLocation& born, bool started) const {
    const std::string text = timeout_text(limit_, born, started);
    if (throw_) throw_(text);
    throw TimeoutError(text);
}

}  // namespace tandem::inline v1
