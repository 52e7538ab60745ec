#include <tandem/backend/sim_internal.hpp>

#include <tandem/backend/clock_internal.hpp>
#include <tandem/backend/factories.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <system_error>

namespace tandem::inline v1 {
namespace {

using namespace std::chrono_literals;

// How much real time the real world gets before the clock jumps.
constexpr auto time_for_the_outside = 20ms;
// A job that takes longer no longer holds the clock: it may be waiting for a timer.
constexpr auto time_for_jobs = 500ms;

}  // namespace

std::unique_ptr<Backend> make_sim_backend() { return std::make_unique<SimBackend>(); }

SimBackend::~SimBackend() {
    if (pool_) {
        pool_->shut_down();
        take_back_jobs();
        complete_ended_jobs();
    }
    wake_.also_wake(nullptr);
    outside_.reset();  // ends what is in flight out there
}

/// For descriptors of the real world.
Backend* SimBackend::outside() noexcept {
    if (!outside_) {
        try {
            outside_ = make_epoll_backend();
        } catch (const std::system_error&) {
            return nullptr;
        } catch (const std::bad_alloc&) {
            return nullptr;
        }
        wake_.also_wake(outside_.get());
    }
    return outside_.get();
}

Submitted SimBackend::submit(Operation& operation) noexcept {
    operation.cancel_requested = false;
    if (operation.code == OpCode::job) {
        if (!pool_) pool_ = std::make_unique<ThreadPool>(wake_, ThreadPool::default_max_threads());
        operation.backend_state = ++jobs_given_;
        const auto refused = pool_->submit(operation);
        if (refused != 0) return {.done = true, .result = refused};
        last_job_given_ = monotonic_now();
        ++jobs_;
        ++jobs_running_;
        return {};
    }
    Backend* const real = outside();
    return real ? real->submit(operation) : Submitted{.done = true, .result = -EMFILE};
}

void SimBackend::cancel(Operation& operation) noexcept {
    if (operation.code == OpCode::job) {
        operation.cancel_requested = true;
        pool_->cancel(operation);
    } else if (outside_) {
        outside_->cancel(operation);
    }
}

void SimBackend::forget(int fd) noexcept {
    if (outside_) outside_->forget(fd);
}

std::size_t SimBackend::in_flight() const noexcept { return jobs_ + (outside_ ? outside_->in_flight() : 0); }

int SimBackend::pollable_fd() noexcept {
    Backend* const real = outside();
    return real ? real->pollable_fd() : -1;
}

void SimBackend::complete(Operation& operation, std::int32_t result) noexcept {
    ++completions_;
    operation.completed(result);
}

/// Takes back the jobs that have ended, in the order of their submission, whichever thread was faster.
void SimBackend::take_back_jobs() noexcept {
    if (jobs_running_ == 0) return;
    while (Operation* const job = pool_->take_finished()) {
        --jobs_running_;
        OperationList earlier;
        while (!ended_jobs_.empty() && ended_jobs_.front()->backend_state < job->backend_state)
            earlier.push_back(*ended_jobs_.pop_front());
        earlier.push_back(*job);
        earlier.append(std::move(ended_jobs_));
        ended_jobs_ = std::move(earlier);
    }
}

void SimBackend::complete_ended_jobs() noexcept {
    auto ended = std::move(ended_jobs_);
    while (Operation* const job = ended.pop_front()) {
        --jobs_;
        complete(*job, job->backend_result);
    }
}

/// A job that runs is a moment that has not passed; one that takes long may be waiting for a timer.
bool SimBackend::jobs_hold_the_clock() const noexcept {
    return (jobs_running_ > 0 || wakes_expected_ > 0) && monotonic_now() < last_job_given_ + time_for_jobs;
}

void SimBackend::expect_wakes(int change) noexcept {
    wakes_expected_ += change;
    if (change > 0) last_job_given_ = monotonic_now();
}

void SimBackend::sleep(TimePoint real_deadline) noexcept {
    if (outside_)
        outside_->wait(real_deadline);
    else
        wake_.sleep_until(real_deadline);
}

/// Gives what is not simulated a moment. Whether something may have come of it.
bool SimBackend::hear_the_outside() noexcept {
    const auto before = completions_;
    take_back_jobs();
    if (jobs_hold_the_clock()) {
        sleep(last_job_given_ + time_for_jobs);
        wake_.take();
        take_back_jobs();
        if (!jobs_hold_the_clock()) complete_ended_jobs();
        return true;
    }
    complete_ended_jobs();
    if (outside_ && outside_->in_flight() > 0) {
        const auto until = monotonic_now() + time_for_the_outside;
        outside_->wait(until);
        if (monotonic_now() < until) return true;
    }
    return wake_.take() || completions_ != before;
}

void SimBackend::wait(TimePoint deadline) noexcept {
    const auto before = completions_;
    const bool woken = wake_.take();
    agenda_.run_due(time_->now());
    const bool look_only = deadline <= time_->now();
    if (woken || look_only || completions_ != before) {
        if (outside_) outside_->wait(TimePoint::min());
        take_back_jobs();
        if (!jobs_hold_the_clock()) complete_ended_jobs();
        return;
    }
    for (;;) {
        if (hear_the_outside()) return;
        const auto next = std::min(deadline, agenda_.next());
        if (next == TimePoint::max()) {
            // Nothing in here will ever happen.
            sleep(TimePoint::max());
            wake_.take();
            take_back_jobs();
            complete_ended_jobs();
            return;
        }
        time_->jump_to(next);
        agenda_.run_due(next);
        if (completions_ != before || next >= deadline) return;
    }
}

}  // namespace tandem::inline v1
