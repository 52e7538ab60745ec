// Rows of sockets that a program made itself, with another program at the other end.
#include <tandem/base/unique_fd.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

// As in examples/echo.cpp.

template <class F>
ssize_t checked(F call) {
    const ssize_t result = call();
    if (result < 0 && errno != EAGAIN) throw std::system_error(errno, std::generic_category(), "socket");
    return result;
}
Task<UniqueFd> sock_accept(int socket) {
    for (;;) {
        const auto fd = checked([&] { return ::accept4(socket, nullptr, nullptr, SOCK_NONBLOCK); });
        if (fd >= 0) co_return UniqueFd(static_cast<int>(fd));
        co_await io::readable(socket);
    }
}
Task<std::string> sock_recv(int socket, std::size_t most) {
    std::string data(most, '\0');
    for (;;) {
        const auto count = checked([&] { return ::recv(socket, data.data(), data.size(), 0); });
        if (count >= 0) co_return data.substr(0, static_cast<std::size_t>(count));
        co_await io::readable(socket);
    }
}
Task<void> sock_sendall(int socket, std::string data) {
    for (std::size_t sent = 0; sent < data.size();) {
        const auto count =
            checked([&] { return ::send(socket, data.data() + sent, data.size() - sent, MSG_NOSIGNAL); });
        if (count >= 0)
            sent += static_cast<std::size_t>(count);
        else
            co_await io::writable(socket);
    }
}

/// A listening socket, and its port.
UniqueFd listening(int& port) {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    socklen_t size = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket.get(), 10), 0);
    EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port = ntohs(address.sin_port);
    return socket;
}

/// What another program prints.
std::string printed_by_python(const std::string& text) {
    return testing::printed_by("/usr/bin/python3 -c \"" + text + "\"");
}

Task<void> echo(UniqueFd peer) {
    for (;;) {
        const std::string data = co_await sock_recv(peer.get(), 4'096);
        if (data.empty()) break;
        co_await sock_sendall(peer.get(), data);
    }
}

Task<void> echo_for_two(int listener) {
    TaskGroup handlers;
    for (int i = 0; i < 2; ++i) {
        UniqueFd peer = co_await sock_accept(listener);
        handlers.create_task(echo(std::move(peer)));
    }
    co_await handlers.join();
}

ASYNC_TEST_REAL_TIME(U8, two_clients_of_another_program_get_their_own_echo_at_the_same_time) {
    int port = 0;
    const UniqueFd listener = listening(port);
    auto server = create_task(echo_for_two(listener.get()));
    const std::string client = "import socket\na = ('127.0.0.1', " + std::to_string(port) +
                               ")\n"
                               "one, two = socket.create_connection(a), socket.create_connection(a)\n"
                               "two.sendall(b'2' * 5000); two.shutdown(1)\n"
                               "one.sendall(b'1'); print(one.recv(9))\n"
                               "print(len(two.makefile('rb').read())); one.close()";
    const std::string printed = co_await to_thread(printed_by_python, client);
    co_await server;

    EXPECT_EQ(printed, "b'1'\n5000\n");
}

ASYNC_TEST_REAL_TIME(U19, a_cancelled_receive_loses_no_byte_of_another_programs_message) {
    int port = 0;
    const UniqueFd listener = listening(port);
    const std::string client = "import socket, time\ns = socket.create_connection(('127.0.0.1', " +
                               std::to_string(port) +
                               "))\n"
                               "for i in range(50): s.sendall(b'%03d' % i); time.sleep(0.002)\n"
                               "s.close()";
    auto other = create_task(to_thread(printed_by_python, client));
    const UniqueFd peer = co_await sock_accept(listener.get());
    std::string all;
    int cancelled = 0;
    for (;;) {
        auto receive = create_task(sock_recv(peer.get(), 1'000));
        co_await sleep(500us);
        receive.cancel();
        co_await receive.join_only();
        if (receive.cancelled()) {
            ++cancelled;
            continue;
        }
        const std::string data = receive.result();
        if (data.empty()) break;
        all += data;
    }
    const std::string printed = co_await std::move(other);

    std::string expected;
    for (int i = 0; i < 50; ++i) expected += std::to_string(1000 + i).substr(1);
    EXPECT_EQ(all, expected);
    EXPECT_GT(cancelled, 10);
    EXPECT_EQ(printed, "");
}

}  // namespace
}  // namespace tandem::net
