#include <tandem/net/serve.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/io/read.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

Task<void> echo(TcpStream peer) {
    auto lines = io::LineReader(peer);
    while (auto line = co_await lines.next()) co_await peer.write_all(*line + "\n");
}

Task<std::string> say(std::uint16_t port, std::string text) {
    auto stream = co_await connect("127.0.0.1", port);
    co_await stream.write_all(text);
    co_await stream.shutdown_write();
    auto answer = co_await io::read_all(stream);
    co_await stream.close();
    co_return answer;
}

ASYNC_TEST_NETWORK(Serve, two_hundred_peers_get_their_own_echo) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto server = create_task(serve(listener, echo));
    std::vector<TaskHandle<std::string>> peers;
    for (int i = 0; i < 200; ++i)
        peers.push_back(create_task(say(listener.port(), std::to_string(i) + "\nbye\n")));

    std::vector<std::string> answers;
    for (auto& peer : peers) {
        std::string answer = co_await std::move(peer);
        answers.push_back(std::move(answer));
    }
    server.cancel();
    const auto end = co_await server.join();

    for (std::size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i], std::to_string(i) + "\nbye\n");
    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(listener.is_open());
}

ASYNC_TEST_REAL_TIME(Serve, netcat_gets_its_lines_back) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto server = create_task(serve(listener, echo));
    const auto command =
        "printf 'one\\ntwo\\n' | /usr/bin/python3 -c \"import socket,sys; "
        "s=socket.create_connection(('127.0.0.1'," +
        std::to_string(listener.port()) +
        ")); s.sendall(sys.stdin.buffer.read()); s.shutdown(socket.SHUT_WR); "
        "sys.stdout.buffer.write(s.makefile('rb').read())\"";
    std::FILE* const pipe = ::popen(command.c_str(), "r");
    // Its answer is read once it has ended, so that this thread can serve it meanwhile.
    co_await sleep(600ms);
    char buffer[64] = {};
    const auto count = std::fread(buffer, 1, sizeof buffer, pipe);
    ::pclose(pipe);
    server.cancel();
    co_await server.join();

    EXPECT_EQ(std::string(buffer, count), "one\ntwo\n");
}

ASYNC_TEST_NETWORK(SemIO27, a_failing_handler_is_reported_and_ends_its_own_connection_only) {
    auto& loop = this_loop();
    std::vector<std::string> reports;
    loop.set_exception_handler([&reports](EventLoop&, const ErrorContext& context) {
        reports.push_back(describe(context.exception));
    });
    auto listener = co_await listen({.host = "127.0.0.1"});
    const auto moody = [](TcpStream peer) -> Task<void> {
        auto lines = io::LineReader(peer);
        auto line = co_await lines.next();
        if (line == "fail") throw std::runtime_error("as wished");
        co_await peer.write_all("fine");
        co_await peer.close();
    };
    auto server = create_task(serve(listener, moody));
    auto patient = create_task(say(listener.port(), "ok\n"));

    const auto failed = co_await as_result(say(listener.port(), "fail\n"));
    const std::string fine = co_await std::move(patient);
    server.cancel();
    co_await server.join();
    loop.set_exception_handler(nullptr);

    EXPECT_TRUE(failed.has_error());
    EXPECT_EQ(fine, "fine");
    EXPECT_EQ(reports, std::vector<std::string>(1, "std::runtime_error: as wished"));
}

ASYNC_TEST_NETWORK(SemIO16, no_more_than_max_connections_are_served_at_a_time) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    int now = 0;
    int most = 0;
    const auto count = [&now, &most](TcpStream peer) -> Task<void> {
        most = std::max(most, ++now);
        co_await sleep(2ms);
        --now;
        co_await peer.close();
    };
    auto server = create_task(serve(listener, count, {.max_connections = 3}));
    std::vector<TaskHandle<std::string>> peers;
    for (int i = 0; i < 20; ++i) peers.push_back(create_task(say(listener.port(), "")));
    for (auto& peer : peers) co_await peer.join();
    server.cancel();
    co_await server.join();

    EXPECT_EQ(most, 3);
    EXPECT_EQ(now, 0);
}

ASYNC_TEST_NETWORK(Serve, cancelling_it_ends_and_joins_every_connection) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    int ended = 0;
    const auto hang = [&ended](TcpStream peer) -> Task<void> {
        struct Count {
            int& to;
            ~Count() { ++to; }
        } const counter{ended};
        char buffer[8];
        while (const auto count = co_await peer.read_some(buffer)) static_cast<void>(count);
    };
    auto server = create_task(serve(listener, hang));
    auto first = co_await connect("127.0.0.1", listener.port());
    auto second = co_await connect("127.0.0.1", listener.port());
    co_await sleep(10ms);
    server.cancel();
    co_await server.join();

    EXPECT_EQ(ended, 2);
}

}  // namespace
}  // namespace tandem::net
