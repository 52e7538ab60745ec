#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::inline v1 {

enum class OpCode : std::uint8_t {
    accept,   ///< fd: a non-blocking listener. Result: the new descriptor, non-blocking and close-on-exec
    connect,  ///< fd: a non-blocking socket, data/size: the address. Result: 0
    receive,  ///< fd, data/size: where to. Result: bytes, 0 at the end of the stream
    send,     ///< fd, data/size: what. Never raises SIGPIPE. Result: bytes taken, may be fewer
    send_message,     ///< fd, data: a `msghdr*` kept in place. Result: bytes taken
    receive_message,  ///< fd, data: a `msghdr*` kept in place. Result: bytes
    poll_readable,  ///< fd, also one that others own. Result: 0 once it is readable, at its end, or in error
    poll_writable,  ///< the same for writing
    read_file,      ///< fd of any file, data/size, offset (-1: the file's own position). Result: bytes
    write_file,     ///< the same, writing
    sync_file,      ///< fd. Result: 0 when data and needed metadata are on the disk
    job,            ///< runs `run_job()` on a thread of the backend's pool. Result: what it returned
};

/// One request to the kernel, and where its result goes. It lives in a slot of the loop's slab, never in a
/// coroutine frame or on a fiber's stack (sem:C90). It and every buffer it names stay in place until it is
/// completed: exactly once, on the loop's thread, cancelled or not.
struct Operation {
    OpCode code{};
    bool cancel_requested = false;  ///< set by `Backend::cancel`, so that a request is never lost
    int fd = -1;
    std::uint32_t size = 0;
    int flags = 0;  ///< for receive/send: MSG_* to add
    void* data = nullptr;
    std::int64_t offset = -1;

    // The backend's own: list links and what it has to remember. Nobody else touches them.
    Operation* next = nullptr;
    Operation* previous = nullptr;
    std::uint32_t backend_state = 0;
    std::int32_t backend_result = 0;

    /// The end of the operation: a count or 0, or a negative errno; -ECANCELED if a cancel took effect. The
    /// operation belongs to its maker again from here on and may be submitted anew or freed in this very
    /// call.
    virtual void completed(std::int32_t result) noexcept = 0;
    /// For `OpCode::job` only, on a pool thread. Never throws; a negative value is an errno.
    virtual std::int32_t run_job() noexcept { return 0; }

protected:
    Operation() = default;
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() = default;
};

}  // namespace tandem::inline v1
