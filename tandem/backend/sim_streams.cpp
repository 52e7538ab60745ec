// Connections: how they come about, how bytes travel, what operations on them find.
#include <tandem/backend/sim_internal.hpp>
#include <tandem/backend/sim_network_internal.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <sys/socket.h>

namespace tandem::inline v1 {
namespace {

using namespace std::chrono_literals;
using State = SimSocket::State;

// What one direction holds, sender's and receiver's buffer together.
constexpr std::size_t window_bytes = 256 * 1024;
// How long Linux repeats its question before it gives up (tcp_syn_retries, tcp(7)).
constexpr auto connect_patience = 127s;

constexpr std::uint32_t most_at_once = 0x7ffff000;

}  // namespace

SimMachine* SimNetwork::machine_at(const SimMachine& from, const SimAddress& address) const {
    if (address.is_loopback() || address.is_wildcard() || address.family == AF_UNIX)
        return hosts_[from.index].get();
    for (const auto& host : hosts_) {
        for (const auto& place : host->places) {
            if (place.same_place(address)) return host.get();
        }
    }
    return nullptr;
}

SimSocketRef SimNetwork::listener_at(const SimMachine& host, const SimAddress& address) const {
    SimSocketRef best;
    for (const auto& socket : sockets_) {
        if (!socket || socket->host != &host || socket->state != State::listening || is_dead(*socket))
            continue;
        const auto& here = socket->local;
        if (address.family == AF_UNIX || here.family == AF_UNIX) {
            if (here.family == address.family && here.path == address.path) return socket;
            continue;
        }
        if (here.port != address.port) continue;
        if (here.same_place(address)) return socket;
        const bool takes_it = here.is_wildcard() && (here.family == address.family ||
                                                     (here.family == AF_INET6 && !socket->only_v6));
        if (takes_it && !best) best = socket;
    }
    return best;
}

bool SimNetwork::is_planned(SimFault fault, const SimMachine& client, const SimMachine& server) {
    const auto found = std::find_if(faults_.begin(), faults_.end(), [&](const PlannedFault& plan) {
        return plan.fault == fault && plan.ends == Pair(client.index, server.index);
    });
    if (found == faults_.end()) return false;
    faults_.erase(found);
    return true;
}

int SimNetwork::connect(int fd, const void* address, std::uint32_t size) noexcept {
    SimSocketRef client;
    if (const int error = check(fd, client)) return error;
    if (is_dead(*client)) return -ENETDOWN;
    if (client->state == State::connecting) return -EALREADY;
    if (client->state == State::connected) return -EISCONN;
    SimAddress wanted;
    if (client->state == State::listening || !SimAddress::read(address, size, wanted)) return -EINVAL;
    SimMachine& host = *client->host;
    SimMachine* const server = machine_at(host, wanted);
    if (server == nullptr) return -ENETUNREACH;
    if (client->type != SOCK_STREAM) return 0;
    if (wanted.family != AF_UNIX && client->local.port == 0) {
        const auto reachable = [&](const SimAddress& place) { return place.family == wanted.family; };
        const auto own = std::find_if(host.places.begin(), host.places.end(), reachable);
        const bool stays = wanted.is_loopback() || wanted.is_wildcard();
        if (!stays && own == host.places.end()) return -ENETUNREACH;
        if (client->local.is_wildcard()) client->local = stays ? wanted : *own;
        if (const int error = take_port(*client)) return error;
    }
    client->remote = wanted;
    client->state = State::connecting;
    client->error = 0;
    client->give_up = agenda_.plan(saturating_add(now(), connect_patience),
                                   [this, client] { connect_ends(client, ETIMEDOUT); });
    if (!is_planned(SimFault::blackhole, host, *server)) {
        deliver_after(travel_time(host, *server), host, *server,
                      [this, client, server] { knock(client, *server); });
    }
    if (client->state == State::connected) return 0;
    return client->error != 0 ? -take_error(*client) : -EINPROGRESS;
}

void SimNetwork::knock(const SimSocketRef& client, SimMachine& server) {
    if (client->closed || client->state != State::connecting) return;
    const auto listener = listener_at(server, client->remote);
    const auto struck = strike(*client->host, SimPoint::connect,
                               client->host == &server ? SimMishaps::harmless : SimMishaps::any);
    if (struck.mishap == SimMishap::late) {
        agenda_.plan(saturating_add(now(), struck.delay()),
                     [this, client, &server] { knock(client, server); });
        return;
    }
    if (struck.mishap == SimMishap::lost) return;
    const bool is_refused = struck.mishap == SimMishap::refused;
    if (!listener || is_refused || is_planned(SimFault::refuse, *client->host, server)) {
        // A local socket that nobody listens on has no file either.
        const auto& path = client->remote.path;
        const int error = !listener && !path.empty() && path[0] != '\0' ? ENOENT : ECONNREFUSED;
        deliver_after(travel_time(server, *client->host), server, *client->host,
                      [this, client, error] { connect_ends(client, error); });
    } else if (listener->pending.size() >= listener->backlog) {
        listener->knocking.push_back(client);
    } else {
        let_in(*listener, client);
    }
}

void SimNetwork::let_in(SimSocket& listener, const SimSocketRef& client) {
    const auto server = make_socket(*listener.host, listener.family, SOCK_STREAM);
    server->state = State::connected;
    server->local = client->remote.family == AF_UNIX ? listener.local : client->remote;
    server->remote = client->local;
    server->peer = client;
    client->peer = server;
    plan_for(client, server);
    listener.pending.push_back(server);
    retry(listener);
    deliver_after(travel_time(*server->host, *client->host), *server->host, *client->host,
                  [this, client] { connect_ends(client, 0); });
}

void SimNetwork::plan_for(const SimSocketRef& client, const SimSocketRef& server) {
    const Pair ends(client->host->index, server->host->index);
    const auto found = std::find_if(faults_.begin(), faults_.end(), [&](const PlannedFault& plan) {
        return plan.ends == ends && plan.fault != SimFault::refuse && plan.fault != SimFault::blackhole;
    });
    if (found == faults_.end()) return;
    auto& struck = found->to_client ? client : server;
    struck->inbox.fault = {found->fault, found->after_byte};
    faults_.erase(found);
}

/// The answer, or the end of patience.
void SimNetwork::connect_ends(const SimSocketRef& client, int error) {
    if (client->closed || client->state != State::connecting) return;
    agenda_.call_off(client->give_up);
    client->state = error == 0 ? State::connected : State::fresh;
    client->error = error;
    note(client->host->name() + " connects to " + client->remote.text() + ": " + std::to_string(error));
    retry(*client);
}

void SimNetwork::deliver_in_order(SimSocket& from, const SimSocketRef& to, std::size_t bytes,
                                  std::function<void()> what) {
    const auto& how = link(*from.host, *to->host);
    auto& inbox = to->inbox;
    auto leaves = now();
    if (how.bytes_per_second && *how.bytes_per_second > 0) {
        const auto seconds = static_cast<double>(bytes) / static_cast<double>(*how.bytes_per_second);
        leaves = saturating_add(std::max(inbox.line_free, now()),
                                to_duration(std::chrono::duration<double>(seconds)));
        inbox.line_free = leaves;
    }
    const auto arrives =
        std::max(saturating_add(leaves, travel_time(*from.host, *to->host)), inbox.last_arrival);
    inbox.last_arrival = arrives;
    auto arrival = [to, what = std::move(what)] {
        --to->inbox.arrivals;
        what();
    };
    SimMachine& sender = *from.host;
    if (inbox.arrivals++ > 0 && arrives <= now()) {
        agenda_.plan(now(), [this, &sender, to, arrival] { arrive(sender, *to->host, arrival); });
        return;
    }
    deliver_after(arrives - now(), sender, *to->host, std::move(arrival));
}

void SimNetwork::deliver_bytes(const SimSocketRef& from, const SimSocketRef& to, std::string bytes) {
    auto& inbox = to->inbox;
    note(from->host->name() + " sends " + std::to_string(bytes.size()) + " bytes to " + to->local.text());
    inbox.under_way += bytes.size();  // what is lost is never acknowledged and fills the window
    if (inbox.cut_off) return;
    const auto already = inbox.sent;
    inbox.sent += bytes.size();
    const bool strikes = inbox.fault && inbox.sent > inbox.fault->at;
    if (strikes) {
        bytes.resize(inbox.fault->at > already ? inbox.fault->at - already : 0);
        inbox.cut_off = true;
    }
    deliver_in_order(*from, to, bytes.size(), [this, from, to, bytes, strikes] {
        to->inbox.under_way -= bytes.size();
        if (to->closed || is_dead(*to)) {
            // Nobody is there to read it. Whoever was told goodbye before gets another error, as on Linux.
            reset_here(*from, from->inbox.end_arrived ? EPIPE : ECONNRESET);
            return;
        }
        if (to->was_reset) return;
        to->inbox.arrived += bytes;
        if (strikes) {
            if (to->inbox.fault->kind == SimFault::end) to->inbox.end_arrived = true;
            if (to->inbox.fault->kind == SimFault::reset) {
                reset_here(*to, ECONNRESET);
                reset_here(*from, ECONNRESET);
            }
        }
        retry(*to);
    });
}

void SimNetwork::send_end(SimSocket& from) {
    const auto to = from.peer;
    if (!to || from.was_reset || to->inbox.cut_off) return;
    note(from.host->name() + " ends its stream to " + from.remote.text());
    deliver_in_order(from, to, 0, [this, to] {
        to->inbox.end_arrived = true;
        retry(*to);
    });
    retry(*to);
}

void SimNetwork::send_reset(SimSocket& from) {
    const auto to = from.peer;
    if (!to || from.was_reset) return;
    note(from.host->name() + " resets " + from.remote.text());
    deliver_in_order(from, to, 0, [this, to] { reset_here(*to, ECONNRESET); });
}

void SimNetwork::reset_here(SimSocket& socket, int error) {
    if (socket.closed || socket.was_reset || is_dead(socket)) return;
    socket.was_reset = true;
    socket.error = error;
    note("reset at " + socket.host->name() + " from " + socket.remote.text());
    retry(socket);
}

int SimNetwork::take_error(SimSocket& socket) { return std::exchange(socket.error, 0); }

/// A part of what could be moved, on a link that chops.
std::uint64_t SimNetwork::moved(const SimSocket& socket, std::uint64_t most) {
    if (most <= 1 || !socket.peer || !link(*socket.host, *socket.peer->host).chop) return most;
    return 1 + random_.below(most);
}

SimStrike SimNetwork::strike_stream(const SimSocket& socket, SimPoint point) {
    const bool stays = !socket.peer || socket.peer->host == socket.host;
    return strike(*socket.host, point, stays ? SimMishaps::harmless : SimMishaps::any);
}

/// The connection is reset now, with all that was not read.
std::int64_t SimNetwork::cut(SimSocket& socket) {
    send_reset(socket);
    socket.inbox.arrived.clear();
    socket.inbox.taken = 0;
    reset_here(socket, ECONNRESET);
    return -take_error(socket);
}

void SimNetwork::retry_later(SimSocket& socket, Duration delay) {
    agenda_.plan(saturating_add(now(), delay), [this, again = find(socket.fd)] {
        if (again) retry(*again);
    });
}

std::int64_t SimNetwork::take(SimSocket& socket, void* to, std::size_t size, int flags) {
    if (is_dead(socket)) return -ENETDOWN;
    if (socket.error != 0 && socket.inbox.unread() == 0) return -take_error(socket);
    if (socket.state != State::connected) return -ENOTCONN;
    auto& inbox = socket.inbox;
    if (inbox.unread() == 0 || size == 0)
        return size == 0 || inbox.end_arrived || socket.was_reset || socket.read_shut ? 0 : -EAGAIN;
    SimStrike struck;
    if ((flags & MSG_PEEK) == 0) struck = strike_stream(socket, SimPoint::receive);
    if (struck.mishap == SimMishap::reset) return cut(socket);
    if (struck.mishap == SimMishap::late) {
        retry_later(socket, struck.delay());
        return -EAGAIN;
    }
    auto count = moved(socket, std::min<std::uint64_t>(size, inbox.unread()));
    if (struck.mishap == SimMishap::shortened) count = struck.part_of(count);
    std::copy_n(inbox.arrived.data() + inbox.taken, count, static_cast<char*>(to));
    if ((flags & MSG_PEEK) != 0) return static_cast<std::int64_t>(count);
    inbox.taken += count;
    if (inbox.unread() == 0) {
        inbox.arrived.clear();
        inbox.taken = 0;
    } else if (inbox.taken > window_bytes) {
        inbox.arrived.erase(0, std::exchange(inbox.taken, 0));
    }
    if (const auto peer = socket.peer) retry(*peer);  // it has room again
    return static_cast<std::int64_t>(count);
}

std::int64_t SimNetwork::give(const SimSocketRef& socket, const void* from, std::size_t size) {
    if (is_dead(*socket)) return -ENETDOWN;
    if (socket->error != 0) return -take_error(*socket);
    if (socket->write_shut || socket->was_reset) return -EPIPE;
    if (socket->state != State::connected) return -ENOTCONN;
    const auto peer = socket->peer;
    if (!peer || (peer->closed && socket->family == AF_UNIX)) return -EPIPE;
    if (size == 0) return 0;
    const auto used = peer->inbox.used();
    if (used >= window_bytes) return -EAGAIN;
    const auto struck = strike_stream(*socket, SimPoint::send);
    if (struck.mishap == SimMishap::reset) return cut(*socket);
    if (struck.mishap == SimMishap::late) {
        retry_later(*socket, struck.delay());
        return -EAGAIN;
    }
    auto count = moved(*socket, std::min<std::uint64_t>(size, window_bytes - used));
    if (struck.mishap == SimMishap::shortened) count = struck.part_of(count);
    deliver_bytes(socket, peer, std::string(static_cast<const char*>(from), count));
    return static_cast<std::int64_t>(count);
}

std::int32_t SimNetwork::accept(SimSocket& listener) {
    if (listener.state != State::listening) return -EINVAL;
    if (listener.pending.empty()) return -EAGAIN;
    const auto taken = listener.pending.front();
    const auto struck = strike_stream(*taken, SimPoint::accept);
    if (struck.mishap == SimMishap::exhausted) return -EMFILE;
    if (struck.mishap == SimMishap::late) {
        retry_later(listener, struck.delay());
        return -EAGAIN;
    }
    if (struck.mishap == SimMishap::aborted) {
        listener.pending.pop_front();
        send_off(*taken);
        return -ECONNABORTED;
    }
    const int fd = number(taken);
    if (fd < 0) return fd;
    listener.pending.pop_front();
    note(listener.host->name() + " accepts " + taken->remote.text());
    while (!listener.knocking.empty() && listener.pending.size() < listener.backlog) {
        const auto next = listener.knocking.front();
        listener.knocking.pop_front();
        if (!next->closed && next->state == State::connecting) let_in(listener, next);
    }
    return fd;
}

bool SimNetwork::is_readable(const SimSocket& socket) const {
    switch (socket.state) {
        case State::listening:
            return !socket.pending.empty();
        case State::connecting:
            return false;
        case State::connected:
            return socket.inbox.unread() > 0 || socket.inbox.end_arrived || socket.was_reset ||
                   socket.read_shut;
        default:
            return true;  // a file, or a socket that nothing can come to
    }
}

bool SimNetwork::is_writable(const SimSocket& socket) const {
    if (socket.state == State::connecting || socket.state == State::listening) return false;
    if (socket.state != State::connected || socket.write_shut || socket.was_reset) return true;
    return !socket.peer || socket.peer->closed || socket.peer->inbox.used() < window_bytes;
}

std::int32_t SimNetwork::attempt_message(const SimSocketRef& socket, const Operation& operation) {
    const auto& message = *static_cast<const msghdr*>(operation.data);
    std::int64_t total = 0;
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
        const auto& part = message.msg_iov[i];
        if (part.iov_len == 0) continue;
        const auto count = operation.code == OpCode::send_message
                               ? give(socket, part.iov_base, part.iov_len)
                               : take(*socket, part.iov_base, part.iov_len, operation.flags);
        if (count < 0 && total == 0) return static_cast<std::int32_t>(count);
        total += std::max<std::int64_t>(count, 0);
        if (count < static_cast<std::int64_t>(part.iov_len)) break;
    }
    return static_cast<std::int32_t>(total);
}

std::int32_t SimNetwork::attempt_on_file(SimSocket& entry, const Operation& operation) {
    if (is_dead(entry)) return -EIO;
    auto& files = entry.host->files();
    const bool at_position = operation.offset < 0;
    const auto offset = at_position ? entry.position : static_cast<std::uint64_t>(operation.offset);
    std::int64_t result = -ENOTSOCK;
    switch (operation.code) {
        case OpCode::poll_readable:
        case OpCode::poll_writable:
            return 0;
        case OpCode::read_file:
            result = files.read(*entry.file, operation.data, operation.size, offset);
            break;
        case OpCode::write_file:
            result = files.write(*entry.file, operation.data, operation.size, offset);
            break;
        case OpCode::sync_file:
            result = files.sync(*entry.file);
            break;
        default:
            break;
    }
    if (result > 0 && at_position) entry.position = offset + static_cast<std::uint64_t>(result);
    return static_cast<std::int32_t>(result);
}

std::int32_t SimNetwork::attempt(const SimSocketRef& socket, const Operation& operation) {
    if (socket->closed) return -EBADF;
    if (socket->state == State::file) return attempt_on_file(*socket, operation);
    if (is_dead(*socket)) return -ENETDOWN;
    const auto size = std::min(operation.size, most_at_once);
    switch (operation.code) {
        case OpCode::accept:
            return accept(*socket);
        case OpCode::connect:
            if (socket->error != 0) return -take_error(*socket);
            return socket->state == State::connected ? 0 : -EAGAIN;
        case OpCode::receive:
        case OpCode::read_file:
            return static_cast<std::int32_t>(take(*socket, operation.data, size, operation.flags));
        case OpCode::send:
        case OpCode::write_file:
            return static_cast<std::int32_t>(give(socket, operation.data, size));
        case OpCode::send_message:
        case OpCode::receive_message:
            return attempt_message(socket, operation);
        case OpCode::poll_readable:
        case OpCode::poll_writable:
            if (operation.code == OpCode::poll_readable ? is_readable(*socket) : is_writable(*socket))
                return 0;
            return socket->state == State::connected && strike(*socket->host, SimPoint::poll) ? 0 : -EAGAIN;
        default:
            return -EINVAL;
    }
}

void SimNetwork::cancel_all(SimMachine& host) {
    for (const auto& socket : sockets_) {
        if (!socket || socket->host != &host) continue;
        for (auto& waiting : socket->waiting) {
            while (Operation* const operation = waiting.pop_front())
                host.backend->finish_later(*operation, -ECANCELED);
        }
    }
}

/// Something has changed: what waits on the socket is tried again, first come first served.
void SimNetwork::retry(SimSocket& socket) {
    socket.retry_again = true;
    if (socket.is_retried) return;
    socket.is_retried = true;
    SimSocketRef self = socket.closed ? nullptr : find(socket.fd);
    while (std::exchange(socket.retry_again, false)) {
        for (auto& waiting : socket.waiting) {
            while (Operation* const operation = waiting.front()) {
                const auto result = self ? attempt(self, *operation) : -EBADF;
                if (result == -EAGAIN) break;
                waiting.remove(*operation);
                socket.host->backend->finish_later(*operation, result);
            }
        }
    }
    socket.is_retried = false;
}

}  // namespace tandem::inline v1
