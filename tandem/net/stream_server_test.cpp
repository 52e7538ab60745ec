// A server of streams, beside the client that everybody has.
#include <tandem/bridge/to_thread.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/shell.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <tuple>

namespace tandem::net {
namespace {

Task<void> six_lines(TcpStream peer) {
    co_await peer.write_all("Hello from a telnet!\n");
    for (int i = 0; i < 5; ++i) co_await peer.write_all(std::to_string(i) + "\n");
    co_await peer.close();
}

std::string by_netcat(std::uint16_t port) {
    const auto netcat = testing::shell("nc 127.0.0.1 " + std::to_string(port) + " < /dev/null");
    return netcat.status == 0 ? netcat.output : "nc failed after: " + netcat.output;
}

}  // namespace

ASYNC_TEST_REAL_TIME(J20, netcat_gets_six_lines_and_the_end) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto server = create_task(serve(listener, six_lines));
    const std::uint16_t port = listener.port();
    auto answers = co_await gather(to_thread(by_netcat, port), to_thread(by_netcat, port));
    server.cancel();
    co_await server.join();
    EXPECT_EQ(std::get<0>(answers), "Hello from a telnet!\n0\n1\n2\n3\n4\n");
    EXPECT_EQ(std::get<1>(answers), std::get<0>(answers));
}

}  // namespace tandem::net
