#pragma once

#include <tandem/base/unique_fd.hpp>
#include <tandem/io/byte_stream.hpp>
#include <tandem/net/address.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace tandem::inline v1::io {
class File;
}

namespace tandem::inline v1::net {

class Socket;
struct SendFileOptions;

/// A counted reference to a socket that operations are in flight on. For the library only.
class SocketRef {
public:
    SocketRef() = default;
    explicit SocketRef(Socket* socket) noexcept : socket_(socket) {}  // takes over one reference
    SocketRef(const SocketRef& other) noexcept;
    SocketRef(SocketRef&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
    SocketRef& operator=(SocketRef other) noexcept {
        std::swap(socket_, other.socket_);
        return *this;
    }
    ~SocketRef();
    Socket* operator->() const noexcept { return socket_; }
    Socket& operator*() const noexcept { return *socket_; }
    explicit operator bool() const noexcept { return socket_ != nullptr; }

private:
    Socket* socket_ = nullptr;
};

/// A connected stream socket: TCP, or a local one.
///
///     net::TcpStream peer = co_await net::connect("example.org", 80);
///     co_await peer.write_all("GET / HTTP/1.0\r\n\r\n");
///     std::size_t count = co_await peer.read_some(buffer);
///     co_await peer.close();
///
/// Small writes go out at once (no Nagle) unless `set_no_delay(false)`.
///
/// Errors      `io::ByteStream`'s. After a reset what the peer had sent before is still read, then
/// ECONNRESET.
///             Operations in progress when it is closed or aborted end with ECANCELED.
/// Cancelling  as `io::ByteStream`. `bytes_accepted()` tells how much of a cancelled write went out.
/// Threads     the loop it was opened on: another one's gets `WrongLoop`.
/// Lifetime    moves freely, also while operations run. `abort()` resets the connection. Destroying an open
/// stream
///             does so too, unless the peer has ended its side and no write was cut off. It must not outlive
///             its loop open.
class TcpStream final : public io::ByteStream {
public:
    /// Closed from the start.
    TcpStream() noexcept = default;
    /// Takes over a connected, non-blocking socket, for the loop that runs here.
    explicit TcpStream(UniqueFd socket);
    TcpStream(TcpStream&& other) noexcept = default;
    TcpStream& operator=(TcpStream&& other) noexcept;
    ~TcpStream() override;

    [[nodiscard]] Task<std::size_t> read_some(MutableBytes buffer) override;
    [[nodiscard]] Task<std::size_t> write_some(Bytes bytes) override;
    [[nodiscard]] Task<void> write_all(Bytes bytes) override;
    [[nodiscard]] Task<void> write_all_parts(std::span<const Bytes> parts) override;
    [[nodiscard]] Task<void> shutdown_write() override;
    bool can_shutdown_write() const noexcept override { return true; }
    [[nodiscard]] Task<void> close() override;
    void abort() noexcept override;
    bool is_open() const noexcept override;

    SocketAddress local() const;
    SocketAddress peer() const;
    std::string local_address() const override;
    std::string peer_address() const override;
    int native_handle() const noexcept override;
    /// "socket.fd", "socket.family".
    std::optional<std::string> extra(std::string_view name) const override;

    void set_no_delay(bool on);
    /// Probes an idle connection, so that a peer that went away silently is noticed.
    void set_keep_alive(bool on);
    /// How much of the last write went out.
    std::uint64_t bytes_accepted() const noexcept;

private:
    friend Task<std::uint64_t> send_file(io::ByteStream& to, io::File& file, SendFileOptions options);
    SocketRef socket_;
};

}  // namespace tandem::inline v1::net
