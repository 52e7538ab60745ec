#include <tandem/backend/backend.hpp>
#include <tandem/backend/sockets.hpp>

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

namespace tandem::inline v1 {
namespace {

template <class Count>
Count or_errno(Count result) noexcept {
    return result < 0 ? static_cast<Count>(-errno) : result;
}

class KernelSockets final : public SocketCalls {
public:
    int bind(int fd, const void* address, std::uint32_t size) noexcept override {
        return or_errno(::bind(fd, static_cast<const sockaddr*>(address), size));
    }
    int listen(int fd, int backlog) noexcept override { return or_errno(::listen(fd, backlog)); }
    int connect(int fd, const void* address, std::uint32_t size) noexcept override {
        return or_errno(::connect(fd, static_cast<const sockaddr*>(address), size));
    }
    int set_option(int fd, int level, int name, const void* value, std::uint32_t size) noexcept override {
        return or_errno(::setsockopt(fd, level, name, value, size));
    }
    int local_address(int fd, void* address, std::uint32_t* size) noexcept override {
        return or_errno(::getsockname(fd, static_cast<sockaddr*>(address), size));
    }
    int peer_address(int fd, void* address, std::uint32_t* size) noexcept override {
        return or_errno(::getpeername(fd, static_cast<sockaddr*>(address), size));
    }
    int shutdown(int fd, int how) noexcept override { return or_errno(::shutdown(fd, how)); }
    std::int64_t receive(int fd, void* to, std::size_t size, int flags) noexcept override {
        return or_errno<std::int64_t>(::recv(fd, to, size, flags | MSG_DONTWAIT));
    }
    std::int64_t send(int fd, const void* from, std::size_t size) noexcept override {
        return or_errno<std::int64_t>(::send(fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    int close(int fd) noexcept override { return or_errno(::close(fd)); }
};

}  // namespace

SocketCalls& kernel_sockets() noexcept {
    static constinit KernelSockets calls;
    return calls;
}

int Backend::open_socket(int family, int type) noexcept {
    return or_errno(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int Backend::open_file(const std::string&, FileUse) noexcept { return -ENOSYS; }

int Backend::open_socket_pair(int (&ends)[2]) noexcept {
    return or_errno(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
}

}  // namespace tandem::inline v1
