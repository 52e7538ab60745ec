#include <tandem/backend/sim_internal.hpp>

#include <tandem/backend/clock_internal.hpp>
#include <tandem/backend/factories.hpp>
#include <tandem/base/unique_fd.hpp>

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

// An operation's `backend_state`, in the world.
constexpr std::uint32_t state_waits = 1;
constexpr std::uint32_t state_ended = 2;

bool is_poll(OpCode code) noexcept { return code == OpCode::poll_readable || code == OpCode::poll_writable; }

bool is_outwards(OpCode code) noexcept {
    switch (code) {
        case OpCode::connect:
        case OpCode::send:
        case OpCode::send_message:
        case OpCode::poll_writable:
        case OpCode::write_file:
            return true;
        default:
            return false;
    }
}

}  // namespace

std::unique_ptr<Backend> make_sim_backend(SimHost* host) {
    return std::make_unique<SimBackend>(static_cast<SimMachine*>(host));
}

int SimMachine::open_file(const std::string& path, bool create, bool truncate) {
    if (!up) return -EIO;
    auto [error, file] = files_.open(path, create, truncate);
    return error != 0 ? error : network->open_file(*this, std::move(file));
}

bool SimMachine::await_jobs() noexcept { return backend != nullptr && backend->await_jobs(); }

bool SimMachine::has_completions() const noexcept { return backend != nullptr && backend->has_finished(); }

SimBackend::SimBackend(SimMachine* host)
    : own_world_(host ? nullptr : std::make_unique<SimNetwork>(1)),
      host_(host ? host : static_cast<SimMachine*>(&own_world_->add_host("localhost", {"127.0.0.1", "::1"}))),
      world_(*host_->network),
      time_(&world_.time()),
      life_(host_->lives) {
    host_->backend = this;
}

SimBackend::~SimBackend() {
    ending_ = true;
    hurry_all();
    if (host_->backend == this) world_.cancel_all(*host_);  // else it has crashed, and nothing waits any more
    complete_finished();
    if (host_->backend == this) host_->backend = nullptr;
    if (pool_) {
        pool_->shut_down();
        take_back_jobs();
        complete_ended_jobs();
    }
    wake_.also_wake(nullptr);
    outside_.reset();  // ends what is in flight out there
}

bool SimBackend::take_time(LoopTime& time) noexcept {
    if (own_world_) world_.follow(time);
    time_ = own_world_ ? &time : &world_.time();
    return time_ == &time;
}

int SimBackend::open_socket(int family, int type) noexcept {
    return is_crashed() ? -ENETDOWN : world_.open(*host_, family, type);
}

int SimBackend::open_socket_pair(int (&ends)[2]) noexcept {
    return is_crashed() ? -ENETDOWN : world_.open_pair(*host_, ends);
}

int SimBackend::open_file(const std::string& path, FileUse use) noexcept {
    if (is_crashed()) return -EIO;
    try {
        const int fd = host_->open_file(path, use != FileUse::read, use == FileUse::write);
        if (fd >= 0 && use == FileUse::append) world_.to_the_end(fd);
        return fd;
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
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
    if (ending_) return {.done = true, .result = -ECANCELED};
    if (operation.code == OpCode::job) return submit_job(operation);
    if (operation.fd >= UniqueFd::first_simulated) return submit_inside(operation);
    Backend* const real = outside();
    return real ? real->submit(operation) : Submitted{.done = true, .result = -EMFILE};
}

Submitted SimBackend::submit_job(Operation& operation) noexcept {
    if (!pool_) pool_ = std::make_unique<ThreadPool>(wake_, ThreadPool::default_max_threads());
    operation.backend_state = ++jobs_given_;
    if (const auto refused = pool_->submit(operation); refused != 0) return {.done = true, .result = refused};
    last_job_given_ = monotonic_now();
    ++jobs_;
    ++jobs_running_;
    return {};
}

Submitted SimBackend::submit_inside(Operation& operation) noexcept {
    const auto socket = world_.find(operation.fd);
    if (!socket) return {.done = true, .result = -EBADF};
    auto& waiting = socket->waiting[is_outwards(operation.code) ? 1 : 0];
    std::int32_t result = -EAGAIN;
    if (operation.code == OpCode::connect) {
        result = world_.connect(operation.fd, operation.data, operation.size);
        if (result == -EINPROGRESS) result = -EAGAIN;
    } else if (waiting.empty() || is_poll(operation.code)) {
        result = world_.attempt(socket, operation);
    }
    if (result != -EAGAIN) return {.done = true, .result = result};
    operation.backend_state = state_waits;
    waiting.push_back(operation);
    ++inside_;
    return {};
}

void SimBackend::cancel(Operation& operation) noexcept {
    if (operation.code == OpCode::job) {
        if (!std::exchange(operation.cancel_requested, true) && pool_) pool_->cancel(operation);
    } else if (operation.fd < UniqueFd::first_simulated) {
        if (outside_) outside_->cancel(operation);
    } else if (operation.backend_state == state_waits) {
        if (find_delayed(operation) != delayed_.end()) return;
        const auto struck = is_crashed() ? SimStrike() : world_.strike(*host_, SimPoint::cancel);
        if (struck)
            delay(operation, struck.delay(), &SimBackend::cancel_now);
        else
            cancel_now(operation);
    }
}

void SimBackend::cancel_now(Operation& operation) noexcept {
    const auto socket = world_.find(operation.fd);
    socket->waiting[is_outwards(operation.code) ? 1 : 0].remove(operation);
    finish_later(operation, -ECANCELED);
}

void SimBackend::finish_later(Operation& operation, std::int32_t result) noexcept {
    if (const auto cancel = find_delayed(operation); cancel != delayed_.end()) {
        world_.agenda().call_off(cancel->event);  // it comes too late
        delayed_.erase(cancel);
    }
    operation.backend_state = state_ended;
    operation.backend_result = result;
    const auto struck = ending_ || is_crashed() ? SimStrike() : world_.strike(*host_, SimPoint::finish);
    if (struck)
        delay(operation, struck.delay(), &SimBackend::finish_now);
    else
        finish_now(operation);
}

void SimBackend::finish_now(Operation& operation) noexcept {
    finished_.push_back(operation);
    if (driven_from_outside_) wake_.raise();
}

void SimBackend::delay(Operation& operation, Duration by, void (SimBackend::*then)(Operation&)) {
    const auto late = [this, &operation, then] {
        delayed_.erase(find_delayed(operation));
        (this->*then)(operation);
    };
    delayed_.push_back({&operation, world_.agenda().plan(saturating_add(world_.now(), by), late)});
}

std::vector<SimBackend::Delayed>::iterator SimBackend::find_delayed(const Operation& operation) noexcept {
    return std::find_if(delayed_.begin(), delayed_.end(),
                        [&](const Delayed& each) { return each.operation == &operation; });
}

/// What a mishap holds back comes now.
void SimBackend::hurry_all() noexcept {
    for (const auto& [operation, event] : std::exchange(delayed_, {})) {
        world_.agenda().call_off(event);
        if (operation->backend_state == state_ended) finish_now(*operation);
    }
}

/// Those that have ended by now; what they start is for the next time.
void SimBackend::complete_finished() noexcept {
    auto finished = std::move(finished_);
    while (Operation* const operation = finished.pop_front()) {
        --inside_;
        operation->backend_state = 0;
        complete(*operation, operation->backend_result);
    }
}

void SimBackend::forget(int fd) noexcept {
    if (outside_) outside_->forget(fd);
}

std::size_t SimBackend::in_flight() const noexcept {
    return inside_ + jobs_ + (outside_ ? outside_->in_flight() : 0);
}

int SimBackend::pollable_fd() noexcept {
    Backend* const real = outside();
    driven_from_outside_ = real != nullptr;
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

/// Sleeps until a job has ended, if any holds the clock.
bool SimBackend::await_jobs() noexcept {
    take_back_jobs();
    if (!jobs_hold_the_clock()) return false;
    sleep(last_job_given_ + time_for_jobs);
    wake_.take();
    take_back_jobs();
    return true;
}

/// Gives what is not simulated a moment. Whether something may have come of it.
bool SimBackend::hear_the_outside() noexcept {
    const auto before = completions_;
    if (await_jobs()) {
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
    const bool was_woken = wake_.take();
    world_.run_due();
    complete_finished();
    const bool look_only = deadline <= time_->now();
    if (was_woken || look_only || completions_ != before) {
        if (outside_) outside_->wait(TimePoint::min());
        take_back_jobs();
        if (!jobs_hold_the_clock()) complete_ended_jobs();
        return;
    }
    for (;;) {
        if (hear_the_outside()) return;
        const auto next = std::min(deadline, world_.next_event());
        if (next == TimePoint::max()) {
            // Nothing in here will ever happen.
            sleep(TimePoint::max());
            wake_.take();
            take_back_jobs();
            complete_ended_jobs();
            return;
        }
        time_->jump_to(next);
        world_.run_due();
        complete_finished();
        if (completions_ != before || next >= deadline) return;
    }
}

}  // namespace tandem::inline v1
