// Rows of sockets that a program made itself, with another program at the other end.
#include <tandem/base/unique_fd.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/raw_socket.hpp>
#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

using tandem::testing::sock_accept;
using tandem::testing::sock_recv;
using tandem::testing::sock_sendall;

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
    const auto listener = testing::raw_listener();
    auto server = create_task(echo_for_two(listener.socket.get()));
    const std::string client = "import socket\na = ('127.0.0.1', " + std::to_string(listener.port) +
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
    const auto listener = testing::raw_listener();
    const std::string client = "import socket, time\ns = socket.create_connection(('127.0.0.1', " +
                               std::to_string(listener.port) +
                               "))\n"
                               "for i in range(50): s.sendall(b'%03d' % i); time.sleep(0.002)\n"
                               "s.close()";
    auto other = create_task(to_thread(printed_by_python, client));
    const UniqueFd peer = co_await sock_accept(listener.socket.get());
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
