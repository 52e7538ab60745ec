#include <tandem/task/race_group.hpp>

#include <tandem/loop/random_seed.hpp>
#include <tandem/task/task_handle.hpp>

#include <algorithm>
#include <numeric>
#include <random>
#include <stdexcept>
#include <utility>

namespace tandem::inline v1 {
namespace {

std::exception_ptr failure_of(const TaskNode& child) {
    if (child.result() == PromiseBase::Result::error) return child.root().stored_error();
    return std::make_exception_ptr(task_cancelled(child));
}

}  // namespace

RaceOrder RaceOrder::seeded(std::uint64_t seed) {
    RaceOrder order;
    order.seed_ = seed;
    return order;
}

RaceOrder RaceOrder::random() { return seeded(random_seed()); }

std::vector<std::size_t> RaceOrder::of(std::size_t count) const {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (seed_) {
        std::mt19937_64 random(*seed_);
        std::shuffle(order.begin(), order.end(), random);
    }
    return order;
}

void RaceGroup::could_not_start() {
    fatal_ = std::current_exception();
    cancel_children("a sibling could not be started");
}

void RaceGroup::late_failed(std::exception_ptr error) {
    this_loop().call_exception_handler(
        {"the handler of a race's late values failed", std::move(error), {}, {}, Severity::error});
}

void RaceGroup::won_by(TaskNode& child) noexcept {
    winner_ = &child;
    cancel_children("another arm of the race was first", &child);
}

void RaceGroup::make_room() {
    reserve_ahead(failed_, failed_.size() + live() + 1);
    reserve_ahead(suppressed_, suppressed_.size() + live() + 1);
}

void RaceGroup::child_ended(TaskNode& child) noexcept {
    if (pausing_ && (pausing_->arm_ == &child || child.result() == PromiseBase::Result::value))
        pausing_->end();
    if (child.result() == PromiseBase::Result::value) {
        // A value that comes in spite of the caller's cancel is delivered; what comes after a winner is late.
        if (!winner_) won_by(child);
        return;
    }
    const bool asked = cancelled();
    if (child.result() == PromiseBase::Result::error) {
        child.observe();
        if (child.root().fatal()) {
            if (!fatal_) fatal_ = child.root().stored_error();
            cancel_children("an arm of the race left the loop", &child);
            return;
        }
        if (asked) {
            suppressed_.push_back(child.root().stored_error());
            return;
        }
    } else if (asked) {
        return;  // asked to stop, by us or from outside
    }
    if (decides_ == Decides::first_end)
        won_by(child);
    else
        failed_.push_back(&child);
}

std::size_t RaceGroup::conclude(std::span<const TaskNode* const> arms) {
    if (fatal_) std::rethrow_exception(fatal_);
    for (const auto& error : suppressed_) {
        this_loop().call_exception_handler(
            {"an arm of a race failed after another had won", error, {}, {}, Severity::suppressed});
    }
    if (winner_) {
        for (TaskNode* failed : failed_) {
            this_loop().call_exception_handler({"an arm of a race failed and another succeeded",
                                                failure_of(*failed), failed->name(), failed->spawned_at(),
                                                Severity::suppressed});
        }
        return static_cast<std::size_t>(std::find(arms.begin(), arms.end(), winner_) - arms.begin());
    }
    if (failed_.size() < arms.size()) current_task_node()->throw_cancelled();
    std::vector<std::exception_ptr> errors;
    for (const TaskNode* arm : arms) errors.push_back(failure_of(*arm));
    throw ExceptionGroup("none of them succeeded", std::move(errors));
}

void RaceGroup::Pause::await_suspend(std::coroutine_handle<>) noexcept {
    task().suspend(*this);
    const auto now = loop().time();
    const auto when = delay_.resolve(now);
    if (when <= now) {
        task().wake();
        return;
    }
    group_.pausing_ = this;
    if (when != TimePoint::max()) loop().timers().add(*this, when);
}

bool RaceGroup::Pause::request_cancel() noexcept {
    group_.pausing_ = nullptr;
    loop().timers().remove(*this);
    return true;
}

void RaceGroup::Pause::due() noexcept { end(); }

void RaceGroup::Pause::end() noexcept {
    group_.pausing_ = nullptr;
    loop().timers().remove(*this);
    task().wake();
}

void refuse_empty_race(std::size_t count) {
    if (count == 0) throw std::invalid_argument("a race of nothing has no winner: give it at least one task");
}

}  // namespace tandem::inline v1
