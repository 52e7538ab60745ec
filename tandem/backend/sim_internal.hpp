#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/backend/operation_list_internal.hpp>
#include <tandem/backend/sim_network_internal.hpp>
#include <tandem/backend/sim_wake_internal.hpp>
#include <tandem/backend/thread_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tandem::inline v1 {

/// A world without kernel. When nothing can run, the clock goes to the next deadline or event; as long as a
/// thread job runs or the outside may have something to say, it first waits for them, for a moment of real
/// time.
class SimBackend final : public Backend {
public:
    explicit SimBackend(SimMachine* host);
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
    int open_socket(int family, int type) noexcept override;
    int open_socket_pair(int (&ends)[2]) noexcept override;
    int open_file(const std::string& path, FileUse use) noexcept override;
    bool take_time(LoopTime& time) noexcept override;

    /// For the network: an operation that waited has ended; it is completed in a `wait()`.
    void finish_later(Operation& operation, std::int32_t result) noexcept;
    bool has_finished() const noexcept {
        return !finished_.empty() || (!ended_jobs_.empty() && jobs_running_ == 0);
    }
    bool await_jobs() noexcept;

private:
    struct Delayed {
        Operation* operation;
        SimAgenda::Entry event;
    };
    Backend* outside() noexcept;
    bool is_crashed() const noexcept { return host_->lives != life_; }
    Submitted submit_inside(Operation& operation) noexcept;
    Submitted submit_job(Operation& operation) noexcept;
    void complete_finished() noexcept;
    void complete(Operation& operation, std::int32_t result) noexcept;
    void finish_now(Operation& operation) noexcept;
    void delay(Operation& operation, Duration by, void (SimBackend::*then)(Operation&));
    void cancel_now(Operation& operation) noexcept;
    std::vector<Delayed>::iterator find_delayed(const Operation& operation) noexcept;
    void hurry_all() noexcept;
    void take_back_jobs() noexcept;
    void complete_ended_jobs() noexcept;
    bool hear_the_outside() noexcept;
    bool jobs_hold_the_clock() const noexcept;
    void sleep(TimePoint real_deadline) noexcept;

    std::unique_ptr<SimNetwork> own_world_;  // null on a host of somebody's world
    SimMachine* host_;
    SimNetwork& world_;
    LoopTime* time_;
    const std::uint32_t life_;  // the host's, when this was made
    OperationList finished_;
    std::vector<Delayed> delayed_;  // their ends or their cancels, by mishaps
    std::size_t inside_ = 0;        // operations in the world, not completed
    bool driven_from_outside_ = false;
    bool ending_ = false;
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
