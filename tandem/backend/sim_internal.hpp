#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/backend/operation_list_internal.hpp>
#include <tandem/backend/sim_wake_internal.hpp>
#include <tandem/backend/thread_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>

namespace tandem::inline v1 {

/// What will happen in a simulated world, by time; at one time in the order in which it was planned.
class SimAgenda {
public:
    void plan(TimePoint when, std::function<void()> what) {
        events_.emplace(std::pair(when, ++planned_), std::move(what));
    }
    TimePoint next() const noexcept {
        return events_.empty() ? TimePoint::max() : events_.begin()->first.first;
    }
    void run_due(TimePoint now) {
        while (next() <= now) {
            const auto event = events_.extract(events_.begin());
            event.mapped()();
        }
    }

private:
    std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
    std::uint64_t planned_ = 0;
};

/// A world without kernel. When nothing can run, the clock goes to the next deadline or event; as long as a
/// thread job runs or the outside may have something to say, it first waits for them, for a moment of real
/// time.
class SimBackend final : public Backend {
public:
    SimBackend() = default;
    ~SimBackend() override;

    std::string_view name() const noexcept override { return "sim"; }
    Submitted submit(Operation& operation) noexcept override;
    void cancel(Operation& operation) noexcept override;
    void wait(TimePoint deadline) noexcept override;
    void wake() noexcept override { wake_.raise(); }
    void forget(int fd) noexcept override;
    std::size_t in_flight() const noexcept override;
    int pollable_fd() noexcept override;
    void expect_wakes(int change) noexcept override;
    bool take_time(LoopTime& time) noexcept override {
        time_ = &time;
        return true;
    }

private:
    Backend* outside() noexcept;
    void complete(Operation& operation, std::int32_t result) noexcept;
    void take_back_jobs() noexcept;
    void complete_ended_jobs() noexcept;
    bool hear_the_outside() noexcept;
    bool jobs_hold_the_clock() const noexcept;
    void sleep(TimePoint real_deadline) noexcept;

    VirtualTime own_time_;
    LoopTime* time_ = &own_time_;
    SimAgenda agenda_;
    SimWake wake_;
    std::unique_ptr<Backend> outside_;
    std::unique_ptr<ThreadPool> pool_;
    OperationList ended_jobs_;      // in the order of their submission
    std::size_t jobs_ = 0;          // submitted and not completed
    std::size_t jobs_running_ = 0;  // of these, those whose thread has not come back
    std::uint32_t jobs_given_ = 0;
    int wakes_expected_ = 0;      // of threads that are not ours
    TimePoint last_job_given_{};  // real time
    std::uint64_t completions_ = 0;
};

}  // namespace tandem::inline v1
