#include <tandem/net/tcp_stream.hpp>

#include <tandem/backend/sockets.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/net/socket_internal.hpp>
#include <tandem/net/stream_turn_internal.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/sleep.hpp>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace tandem::inline v1::net {
namespace {

/// The right to read: one task at a time.
class ReadTurn {
public:
    explicit ReadTurn(const SocketRef& ref) : socket_(checked(ref)), in_flight_(socket_) {
        socket_.reading = true;
    }
    ~ReadTurn() { socket_.reading = false; }
    ReadTurn(const ReadTurn&) = delete;
    ReadTurn& operator=(const ReadTurn&) = delete;

    int fd() const { return socket_.fd(); }

    /// Throws for anything but bytes and a clean end.
    std::size_t conclude(std::int32_t result) const {
        if (socket_.is_open() && result > 0) [[likely]]
            return static_cast<std::size_t>(result);
        if (!socket_.is_open()) throw_error(socket_, "read from", ECANCELED);
        if (result < 0) {
            socket_.read_error = -result;
            if (socket_.write_error == 0) socket_.write_error = -result;
        } else if (socket_.write_error != 0) {
            // A write has met the reset, and the kernel tells it only once: this end is not a clean one.
            socket_.read_error = socket_.write_error;
        } else {
            socket_.peer_ended = true;
            return 0;
        }
        throw_error(socket_, "read from", socket_.read_error);
    }

private:
    static Socket& checked(const SocketRef& ref) {
        Socket& socket = require(ref, "read");
        socket.require_usable("read");
        if (socket.reading) throw InvalidStateError("read: another task is reading from this stream");
        if (socket.read_error != 0) throw_error(socket, "read from", socket.read_error);
        return socket;
    }

    Socket& socket_;
    Socket::InFlight in_flight_;
};

// These hold a reference instead of the stream, which may be moved or destroyed while they wait.

Task<std::size_t> read_some_from(SocketRef socket, MutableBytes buffer) {
    const ReadTurn turn(socket);
    if (buffer.empty()) co_return std::size_t{0};
    const std::int32_t result =
        co_await OperationWait(OpCode::receive, turn.fd(), buffer.data(), buffer.size());
    co_return turn.conclude(result);
}

Task<std::size_t> write_some_to(SocketRef socket, Bytes bytes) {
    WriteTurn turn(socket);
    if (bytes.empty()) co_return std::size_t{0};
    const std::int32_t result =
        co_await OperationWait(OpCode::send, turn.fd(), const_cast<char*>(bytes.data()), bytes.size());
    const auto count = turn.conclude(result);
    turn.finish();
    co_return count;
}

Task<void> write_all_to(SocketRef socket, Bytes bytes) {
    WriteTurn turn(socket);
    while (!bytes.empty()) {
        const std::int32_t result =
            co_await OperationWait(OpCode::send, turn.fd(), const_cast<char*>(bytes.data()), bytes.size());
        bytes = bytes.skip(turn.conclude(result));
    }
    turn.finish();
}

/// Some of the buffers at a time, and where in the first of them to go on.
class Gather {
public:
    explicit Gather(std::span<const Bytes> parts) : parts_(parts) { skip(0); }
    bool empty() const { return parts_.empty(); }
    msghdr* next_message() {
        std::size_t count = 0;
        for (const Bytes part : parts_.first(std::min(parts_.size(), std::size(vectors_)))) {
            const auto rest = count == 0 ? part.skip(offset_) : part;
            vectors_[count++] = {const_cast<char*>(rest.data()), rest.size()};
        }
        message_.msg_iov = vectors_;
        message_.msg_iovlen = count;
        return &message_;
    }
    void skip(std::size_t count) {
        offset_ += count;
        while (!parts_.empty() && offset_ >= parts_.front().size()) {
            offset_ -= parts_.front().size();
            parts_ = parts_.subspan(1);
        }
    }

private:
    std::span<const Bytes> parts_;
    std::size_t offset_ = 0;
    iovec vectors_[8];
    msghdr message_{};
};

Task<void> write_parts_to(SocketRef socket, std::span<const Bytes> parts) {
    WriteTurn turn(socket);
    Gather gather(parts);
    while (!gather.empty()) {
        msghdr* const message = gather.next_message();
        const std::int32_t result =
            co_await OperationWait(OpCode::send_message, turn.fd(), message, sizeof(msghdr));
        gather.skip(turn.conclude(result));
    }
    turn.finish();
}

Task<void> shutdown_write_of(SocketRef ref) {
    Socket& socket = require(ref, "shutdown_write");
    if (socket.is_open() && socket.write_ended) co_return;
    WriteTurn::checked(ref);
    if (const int error = sockets_of(socket.fd()).shutdown(socket.fd(), SHUT_WR); error != 0) {
        socket.write_error = -error;
        throw_error(socket, "end the writing side to", socket.write_error);
    }
    socket.write_ended = true;
}

Task<void> close_socket(SocketRef socket) {
    if (!socket || !socket->is_open()) co_return;
    socket->require_usable("close");
    if (is_cancelled()) {
        socket->abort();
        co_await checkpoint();  // throws
    }
    socket->close();
}

}  // namespace

TcpStream::TcpStream(UniqueFd socket) : socket_(Socket::adopt(std::move(socket))) {}

TcpStream& TcpStream::operator=(TcpStream&& other) noexcept {
    if (this != &other) {
        if (socket_) socket_->abandon();
        socket_ = std::move(other.socket_);
    }
    return *this;
}

TcpStream::~TcpStream() {
    if (socket_) socket_->abandon();
}

Task<std::size_t> TcpStream::read_some(MutableBytes buffer) { return read_some_from(socket_, buffer); }
Task<std::size_t> TcpStream::write_some(Bytes bytes) { return write_some_to(socket_, bytes); }
Task<void> TcpStream::write_all(Bytes bytes) { return write_all_to(socket_, bytes); }
Task<void> TcpStream::write_all_parts(std::span<const Bytes> parts) { return write_parts_to(socket_, parts); }
Task<void> TcpStream::shutdown_write() { return shutdown_write_of(socket_); }
Task<void> TcpStream::close() { return close_socket(socket_); }

void TcpStream::abort() noexcept {
    if (socket_) socket_->abort();
}
bool TcpStream::is_open() const noexcept { return socket_ && socket_->is_open(); }

SocketAddress TcpStream::local() const { return socket_ ? socket_->local() : SocketAddress(); }
SocketAddress TcpStream::peer() const { return socket_ ? socket_->peer() : SocketAddress(); }
std::string TcpStream::local_address() const { return local().to_string(); }
std::string TcpStream::peer_address() const { return peer().to_string(); }
int TcpStream::native_handle() const noexcept { return is_open() ? socket_->fd() : -1; }

std::optional<std::string> TcpStream::extra(std::string_view name) const {
    if (!is_open()) return std::nullopt;
    if (name == "socket.fd") return std::to_string(socket_->fd());
    if (name == "socket.family") {
        switch (local().family()) {
            case AddressFamily::v4:
                return "ipv4";
            case AddressFamily::v6:
                return "ipv6";
            case AddressFamily::local:
                return "unix";
            case AddressFamily::any:
                break;
        }
    }
    return std::nullopt;
}

void TcpStream::set_no_delay(bool on) {
    Socket& socket = require(socket_, "set_no_delay");
    socket.require_usable("set_no_delay");
    const int value = on ? 1 : 0;
    // A local socket has no such delay.
    sockets_of(socket.fd()).set_option(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}

void TcpStream::set_keep_alive(bool on) {
    Socket& socket = require(socket_, "set_keep_alive");
    socket.require_usable("set_keep_alive");
    const int value = on ? 1 : 0;
    const int result =
        sockets_of(socket.fd()).set_option(socket.fd(), SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value);
    if (result != 0) throw_error(socket, "set keep-alive for", -result);
}

std::uint64_t TcpStream::bytes_accepted() const noexcept { return socket_ ? socket_->write.accepted : 0; }

}  // namespace tandem::inline v1::net
