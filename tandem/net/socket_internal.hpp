#pragma once

#include <tandem/base/unique_fd.hpp>
#include <tandem/io/owned_descriptor.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/net/tcp_stream.hpp>

#include <cstdint>
#include <utility>

namespace tandem::inline v1::net {

/// A socket, and what is known of its two ways.
class Socket final : public io::OwnedDescriptor {
public:
    /// For the loop that runs here. The descriptor is non-blocking.
    static SocketRef adopt(UniqueFd fd);

    Socket(EventLoop& loop, UniqueFd fd) noexcept : OwnedDescriptor(loop, std::move(fd)) {}

    /// Throws unless it is open and this is its loop.
    void require_usable(const char* what) const { OwnedDescriptor::require_usable(what, "socket"); }
    /// No new operations; those in flight complete soon, the last one closes the descriptor.
    void close() noexcept;
    /// The same, and the peer gets a reset.
    void abort() noexcept;
    /// The owner has gone.
    void abandon() noexcept;

    // What reads and writes leave behind.
    int read_error = 0;   // errno of the connection; every later read reports it
    int write_error = 0;  // the same for writes
    bool reading = false;
    bool writing = false;
    bool peer_ended = false;   // a read gave 0
    bool write_ended = false;  // shutdown_write() was done
    io::WriteProgress write;

    SocketAddress local() const;
    SocketAddress peer() const;

private:
    friend class SocketRef;
    void discard_unread() noexcept;
    void shut_down() noexcept;
    void report_unclosed() noexcept;

    std::uint32_t references_ = 1;
};

inline SocketRef::SocketRef(const SocketRef& other) noexcept : socket_(other.socket_) {
    if (socket_) ++socket_->references_;
}

}  // namespace tandem::inline v1::net
