// The calls of a program on simulated sockets.
#include <tandem/backend/sim_network_internal.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <sys/socket.h>

namespace tandem::inline v1 {
namespace {

using State = SimSocket::State;

constexpr std::uint16_t first_free_port = 32'768;

}  // namespace

int SimNetwork::open(SimMachine& host, int family, int type) {
    type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return -EAFNOSUPPORT;
    if (type != SOCK_STREAM && type != SOCK_DGRAM) return -EPROTONOSUPPORT;
    const auto socket = add(host, family, type);
    return socket ? socket->fd : -EMFILE;
}

int SimNetwork::open_pair(SimMachine& host, int (&ends)[2]) {
    const auto one = add(host, AF_UNIX, SOCK_STREAM);
    const auto other = add(host, AF_UNIX, SOCK_STREAM);
    if (!one || !other) return -EMFILE;
    one->state = other->state = State::connected;
    one->peer = other;
    other->peer = one;
    ends[0] = one->fd;
    ends[1] = other->fd;
    return 0;
}

bool SimNetwork::is_taken(const SimSocket& socket, const SimAddress& address) const {
    return std::any_of(sockets_.begin(), sockets_.end(), [&](const SimSocketRef& other) {
        if (!other || other.get() == &socket || other->host != socket.host || is_dead(*other)) return false;
        if (other->state != State::bound && other->state != State::listening) return false;
        if (other->reuse_port && socket.reuse_port) return false;
        const auto& theirs = other->local;
        if (address.family == AF_UNIX || theirs.family == AF_UNIX)
            return address.family == theirs.family && address.path == theirs.path;
        if (theirs.port != address.port) return false;
        if (theirs.family == address.family)
            return theirs.same_place(address) || theirs.is_wildcard() || address.is_wildcard();
        // A wildcard of IPv6 takes IPv4 too, unless it was told not to.
        const bool they_take_both = theirs.family == AF_INET6 && theirs.is_wildcard() && !other->only_v6;
        const bool we_take_both = address.family == AF_INET6 && address.is_wildcard() && !socket.only_v6;
        return they_take_both || we_take_both;
    });
}

int SimNetwork::take_port(SimSocket& socket) {
    for (int tries = 0; tries < 65'536 - first_free_port; ++tries) {
        auto& next = socket.host->next_port;
        socket.local.port = next;
        next = next == 65'535 ? first_free_port : static_cast<std::uint16_t>(next + 1);
        if (!is_taken(socket, socket.local)) return 0;
    }
    return -EADDRINUSE;
}

int SimNetwork::bind(int fd, const void* address, std::uint32_t size) noexcept {
    SimSocketRef socket;
    if (const int error = check(fd, socket)) return error;
    SimAddress wanted;
    if (!SimAddress::read(address, size, wanted) || socket->state != State::fresh) return -EINVAL;
    const bool is_ip = wanted.family != AF_UNIX;
    if (is_ip && !wanted.is_wildcard() && machine_at(*socket->host, wanted) != socket->host)
        return -EADDRNOTAVAIL;
    if (is_ip && wanted.port == 0) {
        socket->local = wanted;
        if (const int error = take_port(*socket)) return error;
    } else if (is_taken(*socket, wanted)) {
        return -EADDRINUSE;
    } else {
        socket->local = wanted;
    }
    socket->state = State::bound;
    return 0;
}

int SimNetwork::listen(int fd, int backlog) noexcept {
    SimSocketRef socket;
    if (const int error = check(fd, socket)) return error;
    if (socket->state != State::bound) return -EINVAL;
    socket->state = State::listening;
    socket->backlog = static_cast<std::size_t>(std::max(backlog, 0)) + 1;  // as Linux counts
    note(socket->host->name() + " listens on " + socket->local.text());
    return 0;
}

int SimNetwork::set_option(int fd, int level, int name, const void* value, std::uint32_t size) noexcept {
    SimSocketRef socket;
    if (const int error = check(fd, socket)) return error;
    if (level == SOL_SOCKET && name == SO_LINGER && size == sizeof(linger)) {
        linger how{};
        std::memcpy(&how, value, sizeof how);
        socket->hard_close = how.l_onoff != 0 && how.l_linger == 0;
        return 0;
    }
    int on = 0;
    if (size == sizeof on) std::memcpy(&on, value, sizeof on);
    if (level == SOL_SOCKET && name == SO_REUSEPORT) socket->reuse_port = on != 0;
    if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY) socket->only_v6 = on != 0;
    return 0;
}

int SimNetwork::local_address(int fd, void* address, std::uint32_t* size) noexcept {
    SimSocketRef socket;
    if (const int error = check(fd, socket)) return error;
    return socket->local.write(address, size);
}

int SimNetwork::peer_address(int fd, void* address, std::uint32_t* size) noexcept {
    SimSocketRef socket;
    if (const int error = check(fd, socket)) return error;
    if (socket->state != State::connected || socket->was_reset) return -ENOTCONN;
    return socket->remote.write(address, size);
}

std::int64_t SimNetwork::receive(int fd, void* to, std::size_t size, int flags) noexcept {
    SimSocketRef socket;
    if (const int error = check(fd, socket)) return error;
    return take(*socket, to, size, flags);
}

std::int64_t SimNetwork::send(int fd, const void* from, std::size_t size) noexcept {
    SimSocketRef socket;
    if (const int error = check(fd, socket)) return error;
    return give(socket, from, size);
}

int SimNetwork::shutdown(int fd, int how) noexcept {
    SimSocketRef socket;
    if (const int error = check(fd, socket)) return error;
    if (socket->state == State::listening) {
        close_listener(*socket);
        socket->state = State::bound;
        retry(*socket);
        return 0;
    }
    if (socket->state != State::connected) return -ENOTCONN;
    if (how == SHUT_RD || how == SHUT_RDWR) socket->read_shut = true;
    if ((how == SHUT_WR || how == SHUT_RDWR) && !socket->write_shut) {
        socket->write_shut = true;
        send_end(*socket);
    }
    retry(*socket);
    return 0;
}

int SimNetwork::open_file(SimMachine& host, SimFiles::File file) {
    const auto entry = add(host, 0, 0);
    if (!entry) return -EMFILE;
    entry->state = State::file;
    entry->file = std::move(file);
    return entry->fd;
}

void SimNetwork::send_off(SimSocket& waiting) {
    send_reset(waiting);
    waiting.closed = true;
    if (const auto client = waiting.peer; client && client->closed) client->peer = waiting.peer = nullptr;
}

void SimNetwork::to_the_end(int fd) {
    const auto entry = find(fd);
    entry->position = entry->host->files().size(*entry->file);
}

void SimNetwork::close_listener(SimSocket& socket) {
    for (const auto& waiting : std::exchange(socket.pending, {})) send_off(*waiting);
    for (const auto& client : std::exchange(socket.knocking, {})) connect_ends(client, ECONNREFUSED);
}

int SimNetwork::close(int fd) noexcept {
    const auto socket = find(fd);
    if (!socket) return -EBADF;
    const auto number = static_cast<std::size_t>(fd) & ((1U << 20) - 1);
    sockets_[number] = nullptr;
    socket->closed = true;
    if (socket->state == State::listening) close_listener(*socket);
    if (socket->state == State::connected && !is_dead(*socket)) {
        if (socket->hard_close || socket->inbox.unread() > 0)
            send_reset(*socket);
        else if (!socket->write_shut)
            send_end(*socket);
    }
    if (socket->state == State::connecting) agenda_.call_off(socket->give_up);
    if (const auto peer = socket->peer; peer && peer->closed) peer->peer = socket->peer = nullptr;
    // Who waits on a number that is given back learns it.
    retry(*socket);
    return 0;
}

}  // namespace tandem::inline v1
