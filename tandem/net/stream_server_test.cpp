// A server of streams, beside the client that everybody has.
#include <tandem/bridge/to_thread.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdio>
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
    const std::string command = "nc 127.0.0.1 " + std::to_string(port) + " < /dev/null";
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    if (!pipe) return "nc was not started";
    std::string text;
    std::array<char, 256> buffer{};
    while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe)) text += buffer.data();
    return ::pclose(pipe) == 0 ? text : "nc failed after: " + text;
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
