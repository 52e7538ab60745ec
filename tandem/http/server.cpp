#include <tandem/http/server.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/http/server_connection_internal.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/tls/stream.hpp>

#include <cxxabi.h>

#include <array>
#include <map>
#include <stdexcept>

namespace tandem::inline v1::http {
namespace {

using namespace std::chrono_literals;

constexpr auto backlog_limit = 20ms;

/// Whom L15 counts as one: an IPv4 address, or an IPv6 network of 64 bits.
using PeerKey = std::array<std::uint8_t, 16>;

std::optional<PeerKey> key_of(const net::SocketAddress& peer) {
    if (peer.is_loopback() ||
        (peer.family() != net::AddressFamily::v4 && peer.family() != net::AddressFamily::v6))
        return std::nullopt;
    PeerKey key{};
    const std::size_t counts = peer.family() == net::AddressFamily::v4 ? 4 : 8;
    for (std::size_t i = 0; i < counts; ++i) key[i] = peer.bytes()[i];
    key[15] = static_cast<std::uint8_t>(peer.family());
    return key;
}

/// What an accepting server and its connections share besides.
struct Accepting {
    Accepting(Handler handler, ServerOptions options) : shared(std::move(handler), std::move(options)) {}

    ServerShared shared;
    std::map<PeerKey, std::size_t> peers;
    io::WaitList connection_ended;
};

/// One connection's place among the others.
class Place {
public:
    Place(std::shared_ptr<Accepting> server, std::optional<PeerKey> key)
        : server_(std::move(server)), key_(key) {
        ++server_->shared.counts.connections;
        ++server_->shared.counts.connections_accepted;
        if (key_) ++server_->peers[*key_];
    }
    Place(Place&& other) noexcept = default;
    Place& operator=(Place&&) = delete;
    ~Place() {
        if (!server_) return;
        --server_->shared.counts.connections;
        if (key_) {
            const auto peer = server_->peers.find(*key_);
            if (--peer->second == 0) server_->peers.erase(peer);
        }
        server_->connection_ended.notify_one();
    }
    Accepting& server() const { return *server_; }

private:
    std::shared_ptr<Accepting> server_;
    std::optional<PeerKey> key_;
};

Task<void> serve_plain(ServerShared& shared, std::unique_ptr<io::ByteStream> stream) {
    ServerConnection connection(shared, std::move(stream));
    co_await connection.run();
}

Task<void> serve_stream(ServerShared& shared, std::unique_ptr<io::ByteStream> stream) {
    const auto& context = shared.options.tls();
    if (!context) {
        co_await serve_plain(shared, std::move(stream));
        co_return;
    }
    auto options = tls::ServerOptions(*context).handshake_timeout(shared.options.handshake_timeout());
    std::unique_ptr<tls::Stream> secured;
    try {
        std::unique_ptr<tls::Stream> made = co_await tls::start_server(std::move(stream), options);
        secured = std::move(made);
    } catch (const std::exception&) {
        // Strangers fail to shake hands all the time: it is their affair.
    }
    if (secured) co_await serve_plain(shared, std::move(secured));
}

Task<void> serve_accepted(Place place, net::TcpStream stream) {
    co_await serve_stream(place.server().shared, std::make_unique<net::TcpStream>(std::move(stream)));
}

Task<void> accept_connections(TaskGroup* group, std::shared_ptr<Accepting> server,
                              net::TcpListener* listener) {
    const auto& options = server->shared.options;
    for (;;) {
        while (server->shared.counts.connections.get() >= options.max_connections())
            co_await server->connection_ended.wait("a connection to end");
        net::TcpStream stream = co_await listener->accept();
        std::optional<PeerKey> key;
        if (options.max_connections_per_peer()) {
            key = key_of(stream.peer());
            const auto peer = key ? server->peers.find(*key) : server->peers.end();
            if (peer != server->peers.end() && peer->second >= *options.max_connections_per_peer()) {
                stream.abort();
                continue;
            }
        }
        group->create_task(serve_accepted(Place(server, key), std::move(stream)));
    }
}

Task<void> serve_here(TaskGroup& group, std::shared_ptr<Accepting> server, net::TcpListener* listener) {
    co_await accept_connections(&group, std::move(server), listener);
}

/// Accepts until `stop` is cancelled, then takes what waits in the backlog already: closing the listener
/// would reset it.
Task<void> serve_until_stopped(TaskGroup& group, std::shared_ptr<Accepting> server,
                               net::TcpListener* listener, CancelScope stop) {
    bool running = co_await stop.run(accept_connections(&group, server, listener));
    CancelScope backlog(backlog_limit);
    if (!running) running = co_await backlog.run(accept_connections(&group, std::move(server), listener));
    listener->close();
}

}  // namespace

ServerOptions& ServerOptions::max_connections(std::size_t value) {
    if (value == 0) throw std::invalid_argument("ServerOptions::max_connections is 0: it is at least 1");
    return max_connections_ = value, *this;
}

std::optional<Duration> ServerOptions::checked(std::optional<Duration> value) {
    if (value && *value <= Duration::zero())
        throw std::invalid_argument("a time limit of ServerOptions is 0 or less: std::nullopt means none");
    return value;
}

Task<void> serve_connection(std::unique_ptr<io::ByteStream> stream, Handler handler, ServerOptions options) {
    ServerShared shared(std::move(handler), std::move(options));
    co_await serve_stream(shared, std::move(stream));
}

Task<void> serve(net::TcpListener& listener, Handler handler, ServerOptions options) {
    auto server = std::make_shared<Accepting>(std::move(handler), std::move(options));
    co_await with_task_group(serve_here, std::move(server), &listener);
}

class Server::State {
public:
    State(Handler handler, ServerOptions options)
        : server(std::make_shared<Accepting>(std::move(handler), std::move(options))) {}

    std::shared_ptr<Accepting> server;
    CancelScope accepting;
    CancelScope everything;
    io::WaitList ended;
    bool started = false;
    bool running = false;
    std::string host;
    std::uint16_t port = 0;

    static Task<void> serve(std::shared_ptr<State> state, net::TcpListener listener) {
        struct Running {
            explicit Running(State& of) : state(of) { state.running = true; }
            ~Running() {
                state.running = false;
                state.ended.notify_all();
            }
            State& state;
        } running(*state);
        CancelScope everything = state->everything;
        co_await everything.run(
            with_task_group(serve_until_stopped, state->server, &listener, state->accepting));
    }
    void take_place(const net::TcpListener& listener) {
        if (started) throw InvalidStateError("this http::Server was started already: make another one");
        started = running = true;
        const auto local = listener.local();
        port = local.port();
        host = local.family() == net::AddressFamily::v6 ? "[" + local.host() + "]" : local.host();
        if (host == "0.0.0.0") host = "127.0.0.1";
        if (host == "[::]") host = "[::1]";
    }
};

Server::Server(Handler handler, ServerOptions options)
    : state_(std::make_shared<State>(std::move(handler), std::move(options))) {}

Server::~Server() {
    if (state_->running) state_->everything.cancel("its http::Server was destroyed");
}

Task<void> Server::start() {
    net::ListenOptions where;
    where.host = "127.0.0.1";
    co_await start(where);
}

Task<void> Server::start(net::ListenOptions where) {
    if (state_->started) throw InvalidStateError("this http::Server was started already: make another one");
    net::TcpListener listener = co_await net::listen(where);
    state_->take_place(listener);
    create_task(State::serve(state_, std::move(listener)), TaskOptions{"http server"});
}

Task<void> Server::serve(net::TcpListener listener) {
    state_->take_place(listener);
    co_await State::serve(state_, std::move(listener));
}

Task<void> Server::shutdown(Deadline deadline) {
    const auto state = state_;
    state->accepting.cancel("the server is shut down");
    state->server->shared.start_draining();
    {
        ScopeGuard guard(deadline);
        try {
            while (state->running) co_await state->ended.wait("the server to drain");
        } catch (const Cancelled&) {
            // Either nobody waits any longer or the time is over: what is left is cut off, and waited for.
        }
    }
    if (state->running) {
        state->everything.cancel("the server's time to drain is over");
        const ScopeGuard shielded(Deadline(), ScopeGuard::Shield::shielded);
        while (state->running) co_await state->ended.wait("the server to end");
    }
    if (is_cancelled()) co_await checkpoint();
}

std::uint16_t Server::port() const { return state_->port; }

std::string Server::url(std::string_view path) const {
    std::string text = state_->server->shared.options.tls() ? "https://" : "http://";
    text.append(state_->host).append(":").append(std::to_string(state_->port)).append(path);
    return text;
}

ServerCounts Server::counts() const {
    const auto& counts = state_->server->shared.counts;
    ServerCounts now;
    now.connections = counts.connections.get();
    now.connections_accepted = counts.connections_accepted.get();
    now.requests = counts.requests.get();
    now.failures = counts.failures.get();
    return now;
}

}  // namespace tandem::inline v1::http
