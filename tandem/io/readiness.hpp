#pragma once

#include <tandem/task/operation_wait.hpp>

namespace tandem::inline v1::io {

/// The await of `readable()` and `writable()`. Errors: `std::system_error` (EBADF).
class ReadinessWait final : public OperationWait {
public:
    ReadinessWait(OpCode code, int fd) : OperationWait(code, fd) {}
    void await_resume();
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
