// V2, the rooms of streams, sockets and TLS.
#include <tests/contracts/nothing_behind.hpp>
#include <tests/contracts/stream_contract.hpp>

#include <tandem/io/line_reader.hpp>
#include <tandem/io/read.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/net/name_info.hpp>
#include <tandem/net/protocol.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/stream_writer.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/timeout.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace tandem::contracts {
namespace {

using namespace std::chrono_literals;

/// Everything that every stream can do.
Task<void> use(Ends ends) {
    io::ByteStream& a = *ends.a;
    io::ByteStream& b = *ends.b;
    std::string buffer(4, '\0');
    const std::vector<Bytes> parts(2, Bytes("part"));
    co_await leaves_nothing("io/byte_stream.hpp: write_some", [&] { return a.write_some("some"); });
    co_await leaves_nothing("io/byte_stream.hpp: read_some", [&] { return b.read_some(buffer); });
    co_await leaves_nothing("io/byte_stream.hpp: read_some, given up",
                            [&] { return as_result(timeout(1ms, b.read_some(buffer))); });
    co_await leaves_nothing("io/byte_stream.hpp: write_all", [&] { return a.write_all("all of it\nto"); });
    co_await leaves_nothing("io/byte_stream.hpp: write_all_parts", [&] { return a.write_all_parts(parts); });
    io::LineReader lines(b);
    co_await leaves_nothing("io/line_reader.hpp: next", [&] { return lines.next(); });
    const std::string unread = lines.take_unread();
    co_await leaves_nothing("io/read.hpp: read_exactly",
                            [&] { return io::read_exactly(b, 10 - unread.size()); });
    net::StreamWriter writer(a);
    writer.write("kept");
    co_await leaves_nothing("net/stream_writer.hpp: drain", [&] { return writer.drain(); });
    if (a.can_shutdown_write()) {
        co_await leaves_nothing("net/stream_writer.hpp: shutdown_write",
                                [&] { return writer.shutdown_write(); });
        co_await leaves_nothing("io/read.hpp: read_all", [&] { return io::read_all(b); });
        co_await leaves_nothing("io/byte_stream.hpp: shutdown_write", [&] { return b.shutdown_write(); });
    }
    co_await leaves_nothing("io/byte_stream.hpp: close", [&]() -> Task<void> {
        co_await gather(as_result(a.close()), as_result(b.close()));
    });
}

ASYNC_TEST_NETWORK(V2, streams_of_memory_and_of_the_network_leave_nothing_behind) {
    co_await use(make_pair_ends());
    auto plain = co_await open_socket_ends(false);
    co_await use(std::move(plain));
}

ASYNC_TEST_NETWORK(V2, tls_leaves_nothing_behind) {
    co_await leaves_nothing("tls/stream.hpp: start_client, tls/stream.hpp: start_server", []() -> Task<void> {
        auto plain = make_pair_ends();
        auto ends = co_await wrap_in_tls(std::move(plain), test_server_context());
        co_await gather(ends.a->close(), ends.b->close());
    });
    auto plain = make_pair_ends();
    auto ends = co_await wrap_in_tls(std::move(plain), test_server_context());
    co_await use(std::move(ends));
}

Task<void> copy_all() {
    auto from = make_pair_ends();
    auto to = make_pair_ends();
    co_await from.a->write_all("to be copied");
    co_await from.a->close();
    co_await leaves_nothing("io/read.hpp: copy", [&] { return io::copy(*from.b, *to.a); });
    net::StreamWriter writer(*to.a);
    writer.write("the rest");
    co_await leaves_nothing("net/stream_writer.hpp: close", [&] { return writer.close(); });
}

Task<void> answer(net::TcpStream peer) {
    const std::string question = co_await io::read_all(peer);
    co_await peer.write_all(question);
    co_await peer.close();
}

class Echo final : public net::Protocol {
    void connection_made(net::Transport& transport) override { transport_ = &transport; }
    void data_received(Bytes data) override { transport_->write(data); }
    net::Transport* transport_ = nullptr;
};

Task<void> echo(net::TcpListener& listener) {
    Echo protocol;
    auto peer = co_await listener.accept();
    co_await net::run_protocol(std::move(peer), protocol);
}

Task<void> ask(net::SocketAddress where) {
    auto stream = co_await net::connect(where);
    co_await stream.write_all("?");
    co_await stream.shutdown_write();
    co_await io::read_all(stream);
    co_await stream.close();
}

ASYNC_TEST_NETWORK(V2, connecting_and_serving_leave_nothing_behind) {
    co_await copy_all();
    co_await leaves_nothing("net/tcp_listener.hpp: listen",
                            [] { return net::listen({.host = "127.0.0.1"}); });
    auto listener = co_await net::listen({.host = "127.0.0.1"});
    const auto where = listener.local();
    co_await leaves_nothing("net/connect.hpp: connect, net/tcp_listener.hpp: accept", [&]() -> Task<void> {
        auto client = co_await net::connect("127.0.0.1", where.port());
        auto server = co_await listener.accept();
        co_await gather(client.close(), server.close());
    });
    co_await leaves_nothing("net/tcp_listener.hpp: accept, given up",
                            [&] { return as_result(timeout(1ms, listener.accept())); });
    co_await leaves_nothing("net/protocol.hpp: run_protocol",
                            [&]() -> Task<void> { co_await gather(echo(listener), ask(where)); });
    co_await leaves_nothing("net/serve.hpp: serve", [&]() -> Task<void> {
        co_await race(as_task(net::serve(listener, answer)), ask(where));
    });
}

ASYNC_TEST_REAL_TIME(V2, names_and_readiness_leave_nothing_behind) {
    auto ends = co_await open_socket_ends(false);
    const int fd = ends.b->native_handle();
    co_await leaves_nothing("io/readiness.hpp: writable", [&] { return io::writable(fd); });
    co_await leaves_nothing("io/readiness.hpp: readable",
                            [&] { return as_result(timeout(1ms, as_task(io::readable(fd)))); });
    ends.a->abort();
    ends.b->abort();
    // The resolver keeps its channel, and the loop a worker, for the next name.
    const auto local = net::SocketAddress::ip("127.0.0.1", 443);
    co_await net::resolve("localhost");
    co_await net::name_info(local);
    co_await sleep(20ms);  // until the worker waits
    co_await leaves_nothing("net/resolver.hpp: resolve", [] { return net::resolve("localhost"); });
    co_await leaves_nothing("net/name_info.hpp: name_info", [&] { return net::name_info(local); });
}

}  // namespace
}  // namespace tandem::contracts
