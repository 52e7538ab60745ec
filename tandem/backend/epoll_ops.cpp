#include <tandem/backend/epoll_internal.hpp>

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

namespace tandem::inline v1 {
namespace {

std::int32_t result_of(ssize_t count) noexcept {
    return count >= 0 ? static_cast<std::int32_t>(count) : -errno;
}

// A count must fit in a result; the kernel moves no more than this at once.
std::size_t count_of(const Operation& operation) noexcept {
    return std::min<std::size_t>(operation.size, 0x7ffff000);
}

bool is_stream(int fd, SocketState& socket) noexcept {
    if (socket.kind == SocketState::Kind::unknown) {
        int type = 0;
        socklen_t size = sizeof type;
        const bool stream = ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
        socket.kind = stream ? SocketState::Kind::stream : SocketState::Kind::other;
    }
    return socket.kind == SocketState::Kind::stream;
}

std::int32_t receive(const Operation& operation, SocketState& socket) noexcept {
    const auto result =
        result_of(::recv(operation.fd, operation.data, count_of(operation), operation.flags | MSG_DONTWAIT));
    // Less than asked for empties a byte stream, and the next bytes come with an edge (epoll(7), question 9):
    // the call that would say EAGAIN is saved. Not so once the peer has closed, for no edge follows that one.
    const bool short_read = result > 0 && static_cast<std::uint32_t>(result) < operation.size;
    if (short_read && !socket.ended && operation.flags == 0 && is_stream(operation.fd, socket)) {
        socket.blocked[static_cast<std::size_t>(Direction::in)] = true;
    }
    return result;
}

std::int32_t send(const Operation& operation, SocketState& socket) noexcept {
    const auto result = result_of(::send(operation.fd, operation.data, count_of(operation),
                                         operation.flags | MSG_DONTWAIT | MSG_NOSIGNAL));
    const bool partial = result >= 0 && static_cast<std::uint32_t>(result) < operation.size;
    if (partial && !socket.ended && is_stream(operation.fd, socket)) {
        socket.blocked[static_cast<std::size_t>(Direction::out)] = true;
    }
    return result;
}

// Called once the socket polls writable or in error.
std::int32_t finish_connect(int fd) noexcept {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
    if (error != 0) return -error;
    // No error and no peer: the event was older than the connect.
    sockaddr_storage peer;
    socklen_t peer_size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0) return 0;
    return errno == ENOTCONN ? -EAGAIN : -errno;
}

std::int32_t attempt_once(const Operation& operation, SocketState& socket) noexcept {
    auto* const message = static_cast<msghdr*>(operation.data);
    switch (operation.code) {
        case OpCode::accept:
            return result_of(::accept4(operation.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        case OpCode::connect:
            return finish_connect(operation.fd);
        case OpCode::receive:
            return receive(operation, socket);
        case OpCode::send:
            return send(operation, socket);
        case OpCode::send_message:
            return result_of(::sendmsg(operation.fd, message, operation.flags | MSG_DONTWAIT | MSG_NOSIGNAL));
        case OpCode::receive_message:
            return result_of(
                ::recvmsg(operation.fd, message, operation.flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
        default:
            return -EINVAL;
    }
}

}  // namespace

Direction direction_of(OpCode code) noexcept {
    switch (code) {
        case OpCode::connect:
        case OpCode::send:
        case OpCode::send_message:
            return Direction::out;
        default:
            return Direction::in;
    }
}

std::int32_t attempt(const Operation& operation, SocketState& socket) noexcept {
    for (;;) {
        const auto result = attempt_once(operation, socket);
        if (result == -EINTR) continue;
        if (result == -EAGAIN) socket.blocked[static_cast<std::size_t>(direction_of(operation.code))] = true;
        return result;
    }
}

std::int32_t attempt_connect(const Operation& operation, SocketState& socket) noexcept {
    socket.ended = false;
    if (::connect(operation.fd, static_cast<const sockaddr*>(operation.data), operation.size) == 0) return 0;
    // After EINTR the connect goes on by itself, as after EINPROGRESS. connect(2).
    if (errno != EINPROGRESS && errno != EINTR) return -errno;
    socket.blocked[static_cast<std::size_t>(Direction::out)] = true;
    return -EINPROGRESS;
}

}  // namespace tandem::inline v1
