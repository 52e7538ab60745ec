#pragma once

#include <cstddef>
#include <cstdint>

namespace tandem::inline v1 {

/// The calls on sockets that never wait. Waiting is the business of operations, opening the backend's.
///
/// Errors      none is thrown; results are 0, a count or a descriptor, or a negative errno. -EAGAIN: not now.
/// Threads     those of the calls they stand for; a simulated socket's loop only.
/// Lifetime    for ever; calls on sockets of a simulated world that is gone give -EBADF.
class SocketCalls {
public:
    virtual int bind(int fd, const void* address, std::uint32_t size) noexcept = 0;
    virtual int listen(int fd, int backlog) noexcept = 0;
    /// -EINPROGRESS if the answer takes time.
    virtual int connect(int fd, const void* address, std::uint32_t size) noexcept = 0;
    virtual int set_option(int fd, int level, int name, const void* value, std::uint32_t size) noexcept = 0;
    virtual int local_address(int fd, void* address, std::uint32_t* size) noexcept = 0;
    virtual int peer_address(int fd, void* address, std::uint32_t* size) noexcept = 0;
    virtual int shutdown(int fd, int how) noexcept = 0;
    virtual std::int64_t receive(int fd, void* to, std::size_t size, int flags) noexcept = 0;
    virtual std::int64_t send(int fd, const void* from, std::size_t size) noexcept = 0;
    virtual int close(int fd) noexcept = 0;

protected:
    ~SocketCalls() = default;
};

/// The kernel's.
SocketCalls& kernel_sockets() noexcept;
/// Those of the world that the descriptor is of: the kernel's, or a simulated one's.
SocketCalls& sockets_of(int fd) noexcept;

}  // namespace tandem::inline v1
