#pragma once

#include <tandem/task/operation_wait.hpp>

#include <cstdint>

namespace tandem::inline v1::io {

/// The await of `readable()` and `writable()`. Errors: `std::system_error` (EBADF).
class ReadinessWait final : public Checkpoint<ReadinessWait>, private OperationWaiter {
public:
    ReadinessWait(OpCode code, int fd) : code_(code), fd_(fd) {}

    bool try_now();
    void start() noexcept {}
    void result();
    bool request_cancel() noexcept override;
    const char* waiting_for() const noexcept override;

private:
    void operation_completed(OperationSlot& slot) noexcept override;

    OpCode code_;
    bool cancel_asked_ = false;
    int fd_;
    std::int32_t result_ = 0;
    OperationSlot* slot_ = nullptr;
};

/// Waits until a descriptor that somebody else owns is readable, at its end, or in error: the door for
/// libraries with sockets of their own (sem:L42). It must not belong to a stream of ours.
///
/// Cancelling  leaves the descriptor as it was.
[[nodiscard("co_await it")]] inline ReadinessWait readable(int fd) {
    return ReadinessWait(OpCode::poll_readable, fd);
}
/// The same for writing.
[[nodiscard("co_await it")]] inline ReadinessWait writable(int fd) {
    return ReadinessWait(OpCode::poll_writable, fd);
}

}  // namespace tandem::inline v1::io
