#include <tandem/backend/sockets.hpp>
#include <tandem/base/errors.hpp>
#include <tandem/net/address_internal.hpp>
#include <tandem/net/socket_internal.hpp>

#include <utility>

namespace tandem::inline v1::net {

SocketRef::~SocketRef() {
    if (socket_ && --socket_->references_ == 0) delete socket_;
}

SocketRef Socket::adopt(UniqueFd fd) {
    EventLoop& loop = this_loop();
    return SocketRef(new Socket(loop, std::move(fd)));
}

/// Linux answers bytes that nobody has read with a reset when the socket is closed, and the reset drops what
/// is still on its way to the peer: tcp_close() in net/ipv4/tcp.c. So read what is there.
void Socket::discard_unread() noexcept {
    char buffer[16 * 1024];
    for (int i = 0; i < 64; ++i) {
        if (sockets_of(fd()).receive(fd(), buffer, sizeof buffer, 0) <= 0) return;
    }
}

void Socket::close() noexcept {
    if (!is_open()) return;
    if (!peer_ended && !in_use()) discard_unread();
    shut_down();
}

void Socket::shut_down() noexcept {
    end();
    if (in_use()) sockets_of(fd()).shutdown(fd(), SHUT_RDWR);  // so that its operations end
}

void Socket::abort() noexcept {
    if (!is_open()) return;
    const linger reset{1, 0};
    sockets_of(fd()).set_option(fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    shut_down();
}

void Socket::abandon() noexcept {
    if (!is_open()) return;
    if (is_of_this_loop() && loop().debug()) report_unclosed();
    const bool said_goodbye = peer_ended && !write.cut && !writing && write_error == 0;
    if (said_goodbye)
        close();
    else
        abort();
}

void Socket::report_unclosed() noexcept {
    try {
        const auto who = peer().to_string();
        loop().call_exception_handler({"a stream to " + (who.empty() ? "a peer that is gone" : who) +
                                           " was destroyed open: co_await its close(), or abort() it",
                                       nullptr,
                                       {},
                                       {},
                                       Severity::warning});
    } catch (...) {  // a report less
    }
}

SocketAddress Socket::local() const {
    RawAddress raw;
    if (!is_open() || sockets_of(fd()).local_address(fd(), raw.data(), &raw.size) != 0) return {};
    return from_raw(raw.data(), raw.size);
}

SocketAddress Socket::peer() const {
    RawAddress raw;
    if (!is_open() || sockets_of(fd()).peer_address(fd(), raw.data(), &raw.size) != 0) return {};
    return from_raw(raw.data(), raw.size);
}

}  // namespace tandem::inline v1::net
