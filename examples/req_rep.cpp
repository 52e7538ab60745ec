// Request and reply over TCP, each message a length and its bytes, in strict turns: every send and receive
// switches.
#include <tandem/io/read.hpp>
#include <tandem/tandem.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

using namespace tandem;

// ZeroMQ's pair of patterns: a requester sends, then receives; a replier receives, then sends.
class MessageSocket {
public:
    enum class Turn { to_send, to_receive };

    MessageSocket(net::TcpStream stream, Turn first) : stream_(std::move(stream)), turn_(first) {}

    Task<void> send(std::string message) {
        take_turn(Turn::to_send, "send");
        const auto size = static_cast<std::uint32_t>(message.size());
        std::string frame;
        for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(size >> shift);
        frame += message;
        co_await stream_.write_all(frame);
        turn_ = Turn::to_receive;
    }
    Task<std::string> receive() {
        take_turn(Turn::to_receive, "receive");
        const std::string prefix = co_await io::read_exactly(stream_, 4);
        std::size_t size = 0;
        for (const char byte : prefix) size = size << 8 | static_cast<unsigned char>(byte);
        if (size > 1'000'000) throw std::length_error("a message of " + std::to_string(size) + " bytes");
        std::string message = co_await io::read_exactly(stream_, size);
        turn_ = Turn::to_send;
        co_return message;
    }
    Task<void> close() { co_await stream_.close(); }

private:
    void take_turn(Turn wanted, const char* what) const {
        if (turn_ != wanted)
            throw InvalidStateError(std::string(what) + " out of turn: the other one is to come");
    }
    net::TcpStream stream_;
    Turn turn_;
};

Task<MessageSocket> bind_request(net::TcpListener& listener) {
    net::TcpStream peer = co_await listener.accept();
    co_return MessageSocket(std::move(peer), MessageSocket::Turn::to_send);
}
Task<MessageSocket> connect_reply(net::SocketAddress address) {
    net::TcpStream peer = co_await net::connect(address);
    co_return MessageSocket(std::move(peer), MessageSocket::Turn::to_receive);
}

Task<void> server(net::TcpListener& listener) {
    MessageSocket socket = co_await bind_request(listener);
    for (int request = 1; request < 10; ++request) {
        std::printf("Switched to Server for %d\n", request);
        co_await socket.send("Hello");
        co_await socket.receive();
    }
    try {
        co_await socket.receive();
    } catch (const InvalidStateError& error) {
        std::printf("%s\n", error.what());
    }
    co_await socket.close();
}

Task<void> client(net::SocketAddress address) {
    MessageSocket socket = co_await connect_reply(address);
    for (int request = 1; request < 10; ++request) {
        co_await socket.receive();
        std::printf("Switched to Client for %d\n", request);
        co_await socket.send("World");
    }
    co_await socket.close();
}

Task<void> both() {
    net::TcpListener listener = co_await net::listen({.host = "127.0.0.1"});
    co_await gather(server(listener), client(listener.local()));
}

int main() {
    std::puts("J19");
    run(both());
}
