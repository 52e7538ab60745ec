// Rows of the design essay about data that flows: who may be ahead of whom, how far, and what is there at the
// end.
#include <tandem/io/line_reader.hpp>
#include <tandem/io/read.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <random>
#include <string>
#include <utility>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

constexpr int small_buffer_bytes = 16 * 1024;

void set_buffer(int fd, int name) {
    EXPECT_EQ(::setsockopt(fd, SOL_SOCKET, name, &small_buffer_bytes, sizeof small_buffer_bytes), 0);
}
std::int64_t buffer_of(int fd, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, name, &value, &size), 0);
    return value;
}

Task<TcpListener> small_listener() {
    auto listener = co_await listen({.host = "127.0.0.1"});
    set_buffer(listener.native_handle(), SO_RCVBUF);  // what it accepts inherits them
    set_buffer(listener.native_handle(), SO_SNDBUF);
    co_return listener;
}

ConnectOptions small_socket() {
    ConnectOptions options;
    options.socket_hook([](int fd) {
        set_buffer(fd, SO_SNDBUF);
        set_buffer(fd, SO_RCVBUF);
    });
    return options;
}

/// The bytes between two ends that the kernel keeps: sent and not acknowledged, arrived and not read.
std::int64_t in_the_kernel(int sender, int receiver) {
    int unsent = 0;
    int unread = 0;
    EXPECT_EQ(::ioctl(sender, SIOCOUTQ, &unsent), 0);
    EXPECT_EQ(::ioctl(receiver, FIONREAD, &unread), 0);
    return std::int64_t{unsent} + unread;
}

/// Writes for ever and counts what was taken.
Task<void> pour(TcpStream& to, std::int64_t& written) {
    const std::string block(1'000, 'x');
    for (;;) {
        const auto count = co_await to.write_some(block);
        written += static_cast<std::int64_t>(count);
    }
}

/// Until `written` has not changed for a while.
Task<void> until_stalled(const std::int64_t& written) {
    std::int64_t before = -1;
    while (written != before) {
        before = written;
        co_await sleep(100ms);
    }
}

Task<void> end(TaskHandle<void> task) {
    task.cancel();
    co_await task.join_only();
}

Task<void> forward(TcpStream& from, TcpStream& to) {
    co_await io::copy(from, to);
    co_await to.shutdown_write();
}

/// The proxy of examples/proxy.cpp; and the descriptors of its two streams.
struct Proxy {
    SocketAddress target;
    int client_fd = -1;
    int server_fd = -1;
    int ends = 0;

    Task<void> run(TcpStream client) {
        TcpStream server = co_await connect(target, small_socket());
        client_fd = client.native_handle();
        server_fd = server.native_handle();
        co_await gather(forward(client, server), forward(server, client));
        co_await gather(client.close(), server.close());
        ++ends;
    }
};

Task<void> serve_proxy(TcpListener& listener, Proxy& proxy) {
    co_await serve(listener, [&proxy](TcpStream client) { return proxy.run(std::move(client)); });
}

std::int64_t resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    std::int64_t pages = 0;
    statm >> pages >> pages;
    return pages * 4096;
}

ASYNC_TEST_REAL_TIME(V1, a_writer_is_never_further_ahead_of_a_slow_reader_than_the_sockets_hold) {
    auto listener = co_await small_listener();
    auto writer = co_await connect(listener.local(), small_socket());
    auto reader = co_await listener.accept();
    const auto sockets =
        buffer_of(writer.native_handle(), SO_SNDBUF) + buffer_of(reader.native_handle(), SO_RCVBUF);
    std::int64_t written = 0;
    std::int64_t read = 0;
    std::int64_t furthest = 0;
    auto pouring = create_task(pour(writer, written));
    std::string buffer(4'000, '\0');
    for (int i = 0; i < 200; ++i) {
        co_await sleep(1ms);
        furthest = std::max(furthest, written - read);
        const auto count = co_await reader.read_some(buffer);
        read += static_cast<std::int64_t>(count);
    }
    co_await end(pouring);
    reader.abort();
    writer.abort();

    EXPECT_LE(furthest, sockets);
    EXPECT_GT(written, 200'000);
}

ASYNC_TEST_REAL_TIME(V4a, an_endless_source_before_a_stalled_sink_stands_still_and_costs_no_memory) {
    auto outside = co_await small_listener();
    auto inside = co_await small_listener();
    Proxy proxy;
    proxy.target = inside.local();
    auto serving = create_task(serve_proxy(outside, proxy));
    auto source = co_await connect(outside.local(), small_socket());
    auto sink = co_await inside.accept();
    std::int64_t written = 0;
    const auto before = resident_bytes();
    auto pouring = create_task(pour(source, written));
    co_await until_stalled(written);
    const auto more = resident_bytes() - before;
    const auto kept = written - in_the_kernel(source.native_handle(), proxy.client_fd) -
                      in_the_kernel(proxy.server_fd, sink.native_handle());
    co_await end(pouring);
    co_await end(serving);
    source.abort();
    sink.abort();

    EXPECT_GT(written, 0);
    EXPECT_LT(more, 2'000'000);
    EXPECT_GE(kept, 0);
    EXPECT_LE(kept, 64 * 1024);  // what is being copied, and nothing else
}

ASYNC_TEST_NETWORK(V4b, each_direction_ends_alone_whichever_is_first) {
    auto outside = co_await listen({.host = "127.0.0.1"});
    auto inside = co_await listen({.host = "127.0.0.1"});
    const auto target = inside.local();
    const auto relay = [target](TcpStream client) -> Task<void> {
        TcpStream server = co_await connect(target);
        co_await gather(forward(client, server), forward(server, client));
        co_await gather(client.close(), server.close());
    };
    auto serving = create_task(serve(outside, relay));
    for (const bool client_first : {true, false}) {
        auto client = co_await connect(outside.local());
        auto server = co_await inside.accept();
        TcpStream& first = client_first ? client : server;
        TcpStream& second = client_first ? server : client;
        co_await first.write_all("one");
        co_await first.shutdown_write();
        const std::string one = co_await io::read_all(second);  // its end has come
        co_await second.write_all("two");
        const std::string two = co_await io::read_exactly(first, 3);  // and the other way is open
        co_await second.shutdown_write();
        const std::string rest = co_await io::read_all(first);
        co_await client.close();
        co_await server.close();
        EXPECT_EQ(one + two + rest, "onetwo");
    }
    co_await end(serving);
}

std::uint64_t digest(std::string_view bytes, std::uint64_t value = 14'695'981'039'346'656'037U) {
    for (const char byte : bytes) value = (value ^ static_cast<unsigned char>(byte)) * 1'099'511'628'211U;
    return value;
}

/// Random bytes in random pieces, and then the end at once.
Task<std::uint64_t> write_and_close(SocketAddress to, unsigned seed) {
    TcpStream stream = co_await connect(to);
    std::mt19937 random(seed);
    std::uint64_t sum = digest("");
    for (int i = 0; i < 20; ++i) {
        std::string piece(1 + random() % 20'000, '\0');
        for (char& byte : piece) byte = static_cast<char>(random());
        co_await stream.write_all(piece);
        sum = digest(piece, sum);
    }
    co_await stream.close();
    co_return sum;
}

Task<std::uint64_t> read_to_the_end(TcpListener& listener) {
    TcpStream stream = co_await listener.accept();
    const std::string all = co_await io::read_all(stream);
    co_await stream.close();
    co_return digest(all);
}

ASYNC_TEST_REAL_TIME(V4c, no_byte_is_lost_when_the_source_closes_right_after_its_last_write) {
    auto outside = co_await small_listener();
    auto inside = co_await small_listener();
    Proxy proxy;
    proxy.target = inside.local();
    auto serving = create_task(serve_proxy(outside, proxy));
    int whole = 0;
    for (unsigned round = 0; round < 100; ++round) {
        const auto sums = co_await gather(write_and_close(outside.local(), round), read_to_the_end(inside));
        if (std::get<0>(sums) == std::get<1>(sums)) ++whole;
    }
    co_await sleep(20ms);
    co_await end(serving);

    EXPECT_EQ(whole, 100);
    EXPECT_EQ(proxy.ends, 100);
}

ASYNC_TEST_REAL_TIME(V6, a_reader_that_stands_still_has_taken_no_more_than_its_limit) {
    constexpr std::size_t limit = 8 * 1024;
    auto listener = co_await small_listener();
    auto peer = co_await connect(listener.local(), small_socket());
    auto stream = co_await listener.accept();
    co_await peer.write_all("a line\n");
    std::int64_t written = 7;
    auto pouring = create_task(pour(peer, written));
    io::LineReader lines(stream, limit);
    const auto line = co_await lines.next();
    co_await until_stalled(written);
    const auto taken = written - in_the_kernel(peer.native_handle(), stream.native_handle());
    co_await end(pouring);
    peer.abort();
    stream.abort();

    EXPECT_EQ(line, "a line");
    EXPECT_GT(written, static_cast<std::int64_t>(limit));
    EXPECT_LE(taken, static_cast<std::int64_t>(limit) + 4096);
}

ASYNC_TEST_REAL_TIME(V6b, of_a_connection_that_nobody_reads_no_byte_is_in_the_process) {
    auto listener = co_await small_listener();
    auto peer = co_await connect(listener.local(), small_socket());
    auto stream = co_await listener.accept();
    std::int64_t written = 0;
    auto pouring = create_task(pour(peer, written));
    co_await until_stalled(written);
    const auto stood_at = written;
    const auto in_kernel = in_the_kernel(peer.native_handle(), stream.native_handle());
    co_await end(pouring);
    peer.abort();
    stream.abort();

    EXPECT_GT(stood_at, 0);
    EXPECT_EQ(in_kernel, stood_at);
}

}  // namespace
}  // namespace tandem::net
