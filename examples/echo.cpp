// TCP echo in every style that asyncio has: streams, protocols, and sockets of one's own.
#include <tandem/io/read.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/net/protocol.hpp>
#include <tandem/net/stream_writer.hpp>
#include <tandem/tandem.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using namespace tandem;

const std::vector<std::string> parts = {"This is the message. ", "It will be sent ", "in parts."};

// Q3f, M8: one message, there and back.

Task<void> handle_echo(net::TcpStream peer) {
    std::string message(100, '\0');
    const std::size_t size = co_await peer.read_some(message);
    message.resize(size);
    std::printf("Received '%s' from %s\n", message.c_str(), peer.peer().host().c_str());
    std::printf("Send: '%s'\n", message.c_str());
    co_await peer.write_all(message);
    co_await peer.close();
}

Task<void> tcp_echo_client(net::SocketAddress server, std::string message) {
    net::TcpStream stream = co_await net::connect(server);
    std::printf("Send: '%s'\n", message.c_str());
    co_await stream.write_all(message);
    const std::string answer = co_await io::read_all(stream);
    std::printf("Received: '%s'\n", answer.c_str());
    std::puts("Close the socket");
    co_await stream.close();
    std::raise(SIGINT);  // Ctrl-C ends the server
}

Task<void> tcp_echo(std::uint16_t& port) {
    net::TcpListener listener = co_await net::listen({.host = "127.0.0.1", .port = port});
    port = listener.port();
    create_task(tcp_echo_client(listener.local(), "Hello World!"));
    co_await net::serve(listener, handle_echo);
}

// S8, U10: a protocol at each end.

class EchoServerProtocol : public net::Protocol {
public:
    explicit EchoServerProtocol(std::string& calls) : calls_(calls) {}

    void connection_made(net::Transport& transport) override {
        std::printf("Connection from %s\n", transport.peer().host().c_str());
        transport_ = &transport;
        calls_ += "connection_made";
    }
    void data_received(Bytes data) override {
        if (!calls_.ends_with("data_received")) calls_ += ", data_received";  // parts may merge
        transport_->write(data);
    }
    bool eof_received() override {
        calls_ += ", eof_received";
        transport_->close();
        return true;
    }
    void connection_lost(std::exception_ptr error) override {
        calls_ += error ? ", connection_lost with an error" : ", connection_lost";
    }

private:
    std::string& calls_;
    net::Transport* transport_ = nullptr;
};

class EchoClientProtocol : public net::Protocol {
public:
    void connection_made(net::Transport& transport) override {
        for (const std::string& part : parts) {
            std::printf("sending '%s'\n", part.c_str());
            transport.write(part);
        }
        transport.write_eof();
    }
    void data_received(Bytes data) override { received_ += data.text(); }
    bool eof_received() override {
        std::printf("received '%s'\nreceived EOF\n", received_.c_str());
        return false;
    }
    void connection_lost(std::exception_ptr) override { std::puts("server closed connection"); }

private:
    std::string received_;
};

Task<void> serve_protocol(net::TcpStream peer, std::string& calls) {
    EchoServerProtocol protocol(calls);
    co_await net::run_protocol(std::move(peer), protocol);
}

Task<void> protocol_server(net::TcpListener& listener, std::string& calls) {
    net::TcpStream peer = co_await listener.accept();
    co_await serve_protocol(std::move(peer), calls);
}

Task<void> protocol_client(net::SocketAddress server) {
    std::printf("connecting to %s\n", server.host().c_str());
    net::TcpStream stream = co_await net::connect(server);
    EchoClientProtocol protocol;
    co_await net::run_protocol(std::move(stream), protocol);
}

Task<void> protocol_echo() {
    net::TcpListener listener = co_await net::listen({.host = "127.0.0.1"});
    std::string calls;
    auto server = create_task(protocol_server(listener, calls));
    co_await protocol_client(listener.local());
    co_await server;
    std::printf("server: %s\n", calls.c_str());
}

// S9a, Y1c: streams.

Task<void> echo(net::TcpStream peer) {
    co_await io::copy(peer, peer);
    co_await peer.close();
}

// S9b: the same in the generator style; each step is a task, and its result comes back.
using Steps = Generator<Task<std::size_t>, std::size_t>;

Steps echo_steps(net::TcpStream& peer) {
    std::string buffer(100, '\0');
    for (;;) {
        const std::size_t count = co_yield peer.read_some(buffer);
        if (count == 0) break;
        for (Bytes rest(buffer.data(), count); !rest.empty();) {
            const std::size_t written = co_yield peer.write_some(rest);
            rest = rest.skip(written);
        }
    }
}

Task<void> trampoline(Steps steps) {
    auto step = steps.next();
    while (step) {
        const std::size_t result = co_await std::move(*step);
        step = steps.send(result);
    }
}

Task<void> echo_by_generator(net::TcpStream peer) {
    co_await trampoline(echo_steps(peer));
    co_await peer.close();
}

Task<void> stream_client(net::SocketAddress server) {
    std::printf("connecting to %s\n", server.host().c_str());
    net::TcpStream stream = co_await net::connect(server);
    for (const std::string& part : parts) {
        std::printf("sending '%s'\n", part.c_str());
        co_await stream.write_all(part);
    }
    co_await stream.shutdown_write();
    std::puts("waiting for response");
    const std::string answer = co_await io::read_all(stream);
    std::printf("received '%s'\n", answer.c_str());
    std::puts("closing");
    co_await stream.close();
}

Task<void> serve_one(net::TcpListener& listener, net::ConnectionHandler handler) {
    net::TcpStream peer = co_await listener.accept();
    co_await handler(std::move(peer));
}

Task<void> stream_echo(net::ConnectionHandler handler) {
    net::TcpListener listener = co_await net::listen({.host = "127.0.0.1"});
    co_await gather(serve_one(listener, handler), stream_client(listener.local()));
}

// U19: what asyncio's `sock_*` do: try; if it would block, wait until the socket is ready; try again.

template <class F>
ssize_t checked(F call, const char* what) {
    const ssize_t result = call();
    if (result < 0 && errno != EAGAIN) throw std::system_error(errno, std::generic_category(), what);
    return result;
}

Task<UniqueFd> sock_accept(int socket) {
    for (;;) {
        const auto fd = checked([&] { return ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK); }, "accept");
        if (fd >= 0) co_return UniqueFd(static_cast<int>(fd));
        co_await io::readable(socket);
    }
}

Task<std::string> sock_recv(int socket, std::size_t most) {
    std::string data(most, '\0');
    for (;;) {
        const auto count = checked([&] { return ::recv(socket, data.data(), data.size(), 0); }, "recv");
        if (count >= 0) co_return data.substr(0, static_cast<std::size_t>(count));
        co_await io::readable(socket);
    }
}

Task<void> sock_sendall(int socket, std::string_view data) {
    while (!data.empty()) {
        const auto count =
            checked([&] { return ::send(socket, data.data(), data.size(), MSG_NOSIGNAL); }, "send");
        if (count >= 0)
            data.remove_prefix(static_cast<std::size_t>(count));
        else
            co_await io::writable(socket);
    }
}

// U12: what `create_server` does: a socket, its options, bind, listen.
UniqueFd listening_socket(net::SocketAddress& address) {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    sockaddr_in raw{};
    socklen_t size = sizeof raw;
    raw.sin_family = AF_INET;
    raw.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    checked([&] { return ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); }, "option");
    checked([&] { return ::bind(socket.get(), reinterpret_cast<sockaddr*>(&raw), size); }, "bind");
    checked([&] { return ::listen(socket.get(), 100); }, "listen");
    checked([&] { return ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&raw), &size); }, "name");
    address = net::SocketAddress::ip("127.0.0.1", ntohs(raw.sin_port));
    return socket;
}

Task<void> protocol_server_by_hand() {
    net::SocketAddress address;
    const UniqueFd listener = listening_socket(address);
    auto client = create_task(protocol_client(address));
    std::string calls;
    UniqueFd socket = co_await sock_accept(listener.get());
    net::TcpStream peer(std::move(socket));
    co_await serve_protocol(std::move(peer), calls);
    co_await client;
    std::printf("server: %s\n", calls.c_str());
}

// U8: two clients at once.

Task<void> handler(UniqueFd peer) {
    for (;;) {
        const std::string data = co_await sock_recv(peer.get(), 1024);
        if (data.empty()) break;
        co_await sock_sendall(peer.get(), data);
    }
}

Task<void> raw_server(int listener) {
    TaskGroup handlers;
    for (int clients = 0; clients < 2; ++clients) {
        UniqueFd peer = co_await sock_accept(listener);
        handlers.create_task(handler(std::move(peer)));
    }
    co_await handlers.join();
}

Task<std::string> ask(net::SocketAddress server, std::string message) {
    net::TcpStream stream = co_await net::connect(server);
    co_await stream.write_all(message);
    co_await stream.shutdown_write();
    const std::string answer = co_await io::read_all(stream);
    co_await stream.close();
    co_return answer;
}

Task<void> raw_echo() {
    net::SocketAddress address;
    const UniqueFd listener = listening_socket(address);
    auto server = create_task(raw_server(listener.get()));
    const auto [one, other] = co_await gather(ask(address, "first client"), ask(address, "second client"));
    std::printf("%s\n%s\n", one.c_str(), other.c_str());
    co_await server;
}

// U19: a receive that is cancelled while it waits has taken nothing.
Task<void> cancelled_receive() {
    net::SocketAddress address;
    const UniqueFd listener = listening_socket(address);
    net::TcpStream client = co_await net::connect(address);
    const UniqueFd peer = co_await sock_accept(listener.get());
    auto receive = create_task(sock_recv(peer.get(), 100));
    co_await sleep(Duration::zero());
    receive.cancel();
    co_await receive.join_only();
    co_await client.write_all("not a byte lost");
    co_await client.close();
    const std::string data = co_await sock_recv(peer.get(), 100);
    std::printf("cancelled: %s, then: %s\n", receive.cancelled() ? "yes" : "no", data.c_str());
}

// U25a: one program, every backend.
Task<void> on_this_backend() {
    net::TcpListener listener = co_await net::listen({.host = "127.0.0.1"});
    auto server = create_task(serve_one(listener, echo));
    const std::string answer = co_await ask(listener.local(), "the same bytes");
    co_await server;
    std::puts(answer.c_str());
}

// V5: `write()` does not wait; who writes much waits in `drain()`.
Task<void> write_and_drain(net::SocketAddress server) {
    net::TcpStream stream = co_await net::connect(server);
    net::StreamWriter writer(stream);
    std::size_t most = 0;
    for (int line = 0; line < 100'000; ++line) {
        writer.write("a line of twenty-four by\n");
        most = std::max(most, writer.unsent_bytes());
        co_await writer.drain();
    }
    co_await writer.close();
    std::printf("never more than a line was kept: %s\n", most <= 25 ? "yes" : "no");
}

Task<void> count(net::TcpListener& listener) {
    net::TcpStream peer = co_await listener.accept();
    const std::string all = co_await io::read_all(peer);
    std::printf("%zu bytes arrived\n", all.size());
    co_await peer.close();
}

Task<void> drain() {
    net::TcpListener listener = co_await net::listen({.host = "127.0.0.1"});
    co_await gather(write_and_drain(listener.local()), count(listener));
}

// V8: when `close()` has returned all was sent; if that cannot be, it says so.
Task<void> write_and_close(net::SocketAddress server, std::size_t bytes) {
    net::TcpStream stream = co_await net::connect(server);
    net::StreamWriter writer(stream);
    writer.write(std::string(bytes, 'x'));
    try {
        co_await writer.close();
        std::puts("closed");
    } catch (const std::system_error&) {
        std::puts("not all was sent");
    }
}

Task<void> reset(net::TcpListener& listener) {
    net::TcpStream peer = co_await listener.accept();
    std::string some(100, '\0');
    co_await peer.read_some(some);
    peer.abort();
}

Task<void> closing_time() {
    net::TcpListener listener = co_await net::listen({.host = "127.0.0.1"});
    auto counted = create_task(count(listener));
    co_await write_and_close(listener.local(), 20'000'000);
    co_await counted;
    co_await gather(write_and_close(listener.local(), 20'000'000), reset(listener));
}

int main() {
    std::uint16_t port = 0;
    for (const char* row : {"Q3f", "M8"}) {  // the second time on the same port
        std::puts(row);
        try {
            run(tcp_echo(port));
        } catch (const Interrupted&) {
            std::puts("Close the server");
        }
    }

    std::puts("S8");
    run(protocol_echo());

    std::puts("S9a");
    run(stream_echo(echo));

    std::puts("S9b");
    run(stream_echo(echo_by_generator));

    std::puts("U8");
    run(raw_echo());

    std::puts("U10");
    run(protocol_echo());

    std::puts("U12");
    run(protocol_server_by_hand());

    std::puts("U19");
    run(cancelled_receive());

    std::puts("U25a");
    for (const auto backend : {BackendChoice::automatic, BackendChoice::epoll, BackendChoice::sim})
        run(on_this_backend(), {.backend = backend});

    std::puts("Y1c");
    run(stream_echo(echo));

    std::puts("V5");
    run(drain());

    std::puts("V8");
    run(closing_time());
}
