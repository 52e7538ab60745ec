#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/backend/factories.hpp>
#include <tandem/backend/operation_list_internal.hpp>
#include <tandem/backend/thread_pool.hpp>
#include <tandem/backend/wake_signal_internal.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <liburing.h>

namespace tandem::inline v1 {

/// Completions from the kernel's own queues. `submit()` and `cancel()` only write to the submission queue;
/// `wait()` hands all of it over and sleeps in one system call.
///
/// A loop may be made in one thread, run in a second and go on in a third, with operations in flight. So the
/// ring has no single issuer: IORING_SETUP_DEFER_TASKRUN would need one, and completes nothing once that
/// thread stopped driving. It gains nothing that could be measured either: 64 connections, 80 bytes out and
/// 1200 back, 30,000 requests, 12 alternating runs on a shared 2-core machine, kernel 6.18: median 5.35 µs of
/// CPU a request deferred (4.9 to 7.2), 5.39 cooperative (5.0 to 6.8), cooperative the dearer one in 5 pairs
/// of 12.
class UringBackend final : public Backend {
public:
    explicit UringBackend(const UringOptions& options);
    ~UringBackend() override;

    std::string_view name() const noexcept override { return "io_uring"; }
    Submitted submit(Operation& operation) noexcept override;
    void cancel(Operation& operation) noexcept override;
    void wait(TimePoint deadline) noexcept override;
    void wake() noexcept override { wake_.raise(); }
    void forget(int) noexcept override {}  // the kernel looked a number up when it took the operation
    std::size_t in_flight() const noexcept override { return in_flight_; }
    int failure() const noexcept override { return broken_; }
    int pollable_fd() noexcept override;
    void leave_to_parent() noexcept override;

private:
    int open_ring() noexcept;
    void close_ring() noexcept;
    void give_up(int error) noexcept;

    bool put(Operation& operation) noexcept;
    bool put_cancel(Operation& operation) noexcept;
    void fill() noexcept;
    bool arm_wake() noexcept;
    std::uint32_t unsubmitted() const noexcept;
    bool completions_waiting() const noexcept;
    bool kernel_has_news() const noexcept;
    bool kernel_has_nothing() const noexcept;
    bool enter(std::uint32_t wait_for, TimePoint deadline) noexcept;
    void submit_all() noexcept;
    void cancel_all_in_kernel() noexcept;
    void wait_without_ring(TimePoint deadline) noexcept;

    void reap() noexcept;
    void on_completion(std::uint64_t tag, std::int32_t result, std::uint32_t flags) noexcept;
    void on_operation(Operation& operation, std::int32_t result) noexcept;
    void put_back(Operation& operation) noexcept;
    void finish_later(Operation& operation, std::int32_t result) noexcept;
    void complete(Operation& operation, std::int32_t result) noexcept;
    bool complete_finished() noexcept;

    UringOptions options_;
    UringStep step_;
    io_uring ring_{};
    bool ring_open_ = false;
    bool wake_armed_ = false;
    bool woken_ = false;
    bool closing_ = false;
    int broken_ = 0;  // the errno with which the kernel took the ring away
    std::uint16_t last_generation_ = 0;

    WakeSignal wake_;
    OperationList backlog_;    // not yet in the submission queue
    OperationList in_kernel_;  // in the submission queue or with the kernel
    OperationList to_cancel_;  // the same, and a cancel that found no free slot is owed
    OperationList finished_;   // results known, `completed()` not yet called
    std::size_t in_flight_ = 0;
    std::size_t kernel_count_ = 0;  // operations in `in_kernel_` and `to_cancel_`
    std::size_t cancels_out_ = 0;   // cancels whose own completion is outstanding
    std::size_t completions_ = 0;
    bool driven_from_outside_ = false;
    std::unique_ptr<ThreadPool> pool_;
};

/// Writes an operation into a submission entry, except its `user_data`.
void prepare(io_uring_sqe& entry, const Operation& operation) noexcept;
/// Whether -EAGAIN from it means "wait until it is ready": non-blocking descriptors do that.
bool waits_for_readiness(OpCode code) noexcept;
/// The events to wait for before an operation is tried again.
std::uint32_t readiness_of(OpCode code) noexcept;

/// Uses a small ring once: does nothing, sends and receives, cancels. 0, or the errno that stood in the way.
int probe_uring() noexcept;
/// What was tried, what came of it, and the likely cause.
std::string explain_uring_error(int error);

}  // namespace tandem::inline v1
