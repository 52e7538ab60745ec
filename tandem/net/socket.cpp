#include <tandem/backend/sockets.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/net/address_internal.hpp>
#include <tandem/net/socket_internal.hpp>

#include <mutex>
#include <utility>

namespace tandem::inline v1::net {

SocketRef::~SocketRef() {
    if (socket_ && --socket_->references_ == 0) delete socket_;
}

SocketRef Socket::adopt(UniqueFd fd) {
    EventLoop& loop = this_loop();
    return SocketRef(new Socket(loop, std::move(fd)));
}

Socket::~Socket() {
    if (!closed_) shut_down();
}

void Socket::require_usable(const char* what) const {
    if (closed_) [[unlikely]]
        throw InvalidStateError(std::string(what) + ": the socket is closed");
    if (this_loop_or_null() != loop_) [[unlikely]] {
        throw WrongLoop(
            std::string(what) +
            ": the socket belongs to another event loop; use it where it was opened, or move the work there");
    }
}

/// Linux answers bytes that nobody has read with a reset when the socket is closed, and the reset drops what
/// is still on its way to the peer: tcp_close() in net/ipv4/tcp.c. So read what is there.
void Socket::discard_unread() noexcept {
    char buffer[16 * 1024];
    for (int i = 0; i < 64; ++i) {
        if (sockets_of(fd_).receive(fd_, buffer, sizeof buffer, 0) <= 0) return;
    }
}

void Socket::close() noexcept {
    if (closed_) return;
    if (!peer_ended && operations_ == 0) discard_unread();
    shut_down();
}

void Socket::shut_down() noexcept {
    closed_ = true;
    if (operations_ == 0) {
        release_descriptor();
        return;
    }
    // Closing it now would give its number to somebody else under the kernel's feet. This makes the
    // operations end.
    sockets_of(fd_).shutdown(fd_, SHUT_RDWR);
}

void Socket::abort() noexcept {
    if (closed_) return;
    const linger reset{1, 0};
    sockets_of(fd_).set_option(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    shut_down();
}

void Socket::abandon() noexcept {
    if (closed_) return;
    if (this_loop_or_null() == loop_ && loop_->debug()) report_unclosed();
    const bool said_goodbye = peer_ended && !write_cut && !writing && write_error == 0;
    if (said_goodbye)
        close();
    else
        abort();
}

void Socket::report_unclosed() noexcept {
    try {
        const auto who = peer().to_string();
        loop_->call_exception_handler({"a stream to " + (who.empty() ? "a peer that is gone" : who) +
                                           " was destroyed open: co_await its close(), or abort() it",
                                       nullptr,
                                       {},
                                       {},
                                       Severity::warning});
    } catch (...) {  // a report less
    }
}

void Socket::release_descriptor() noexcept {
    if (fd_ < 0) return;
    const int fd = std::exchange(fd_, -1);
    unclaim_fd(fd);
    {
        // A value that holds the stream may be dropped after its loop has closed, or in another thread.
        const std::lock_guard lock(life_->mutex);
        EventLoop* const loop = life_->loop;
        if (loop && loop->is_running() && this_loop_or_null() != loop) {
            try {
                loop->call_soon_threadsafe([loop, fd] {
                    loop->backend().forget(fd);
                    sockets_of(fd).close(fd);
                });
                return;
            } catch (...) {  // closing at this very moment: nothing is watched any more
            }
        } else if (loop) {
            loop->backend().forget(fd);
        }
    }
    sockets_of(fd).close(fd);
}

SocketAddress Socket::local() const {
    RawAddress raw;
    if (closed_ || sockets_of(fd_).local_address(fd_, raw.data(), &raw.size) != 0) return {};
    return from_raw(raw.data(), raw.size);
}

SocketAddress Socket::peer() const {
    RawAddress raw;
    if (closed_ || sockets_of(fd_).peer_address(fd_, raw.data(), &raw.size) != 0) return {};
    return from_raw(raw.data(), raw.size);
}

}  // namespace tandem::inline v1::net
