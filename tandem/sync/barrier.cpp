#include <tandem/sync/barrier.hpp>

#include <stdexcept>

namespace tandem::inline v1 {
namespace {

[[noreturn]] void throw_broken() {
    throw BrokenBarrierError("the barrier is broken: reset() or abort() was called; reset() makes it whole");
}

}  // namespace

Barrier::Barrier(std::size_t parties) : LoopBound("Barrier"), parties_(parties), line_(*this) {
    if (parties == 0) throw std::invalid_argument("a Barrier for 0 parties: give it 1 or more");
}

bool Barrier::arrive(std::size_t& place) {
    if (broken_) throw_broken();
    if (draining_ > 0 || line_.waiting() + 1 < parties_) return false;
    place = parties_ - 1;
    let_through(parties_ - 1);
    return true;
}

void Barrier::let_through(std::size_t count) noexcept {
    draining_ = count;
    for (std::size_t place = 0; place < count; ++place) {
        static_cast<Wait*>(line_.front())->place_ = place;
        line_.serve_front();
    }
}

void Barrier::gone_on() noexcept {
    if (--draining_ == 0 && line_.waiting() >= parties_) let_through(parties_);
}

void Barrier::send_away() noexcept {
    while (LineWait* const wait = line_.front()) {
        static_cast<Wait*>(wait)->sent_away_ = true;
        line_.serve_front();
    }
}

void Barrier::reset(SourceLocation where) {
    check_here(where);
    broken_ = false;
    if (draining_ == 0) send_away();
}

void Barrier::abort(SourceLocation where) {
    check_here(where);
    broken_ = true;
    send_away();
}

Barrier::Statistics Barrier::statistics() const noexcept {
    const State state = broken_ ? State::broken : draining_ > 0 ? State::draining : State::filling;
    return {state, parties_, line_.waiting()};
}

bool Barrier::Wait::try_now() {
    barrier_.enter(loop(), where());
    return barrier_.arrive(place_);
}

std::size_t Barrier::Wait::result() {
    const bool passed = state() == LineWait::State::served && !sent_away_;
    if (passed && line()) barrier_.gone_on();
    if (sent_away_ && !task().scope().cancelled()) {
        settle();
        throw_broken();
    }
    settle_or([] {});
    return place_;
}

}  // namespace tandem::inline v1
