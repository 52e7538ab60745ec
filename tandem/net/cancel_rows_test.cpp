// Rows of the design essay for streams and names: what waits is a place to be cancelled, what was cancelled
// there happened or did not, and what does not wait is plain.
#include <tandem/io/line_reader.hpp>
#include <tandem/io/memory_stream.hpp>
#include <tandem/io/read.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/protocol.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/stream_writer.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

struct Ends {
    TcpStream client;
    TcpStream server;
};

Task<Ends> connected(TcpListener& listener) {
    Ends ends;
    ends.client = co_await connect(listener.local());
    ends.server = co_await listener.accept();
    co_return ends;
}

std::string numbered(std::size_t bytes) {
    std::string text(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
    return text;
}

// V14

Task<void> write_in_pieces(TcpStream& to, const std::string& text) {
    for (std::size_t at = 0; at < text.size(); at += 1'000) {
        co_await to.write_all(Bytes(text.data() + at, 1'000));
        if (at % 3'000 == 0) co_await sleep(300us);
    }
    co_await to.shutdown_write();
}

ASYNC_TEST_NETWORK(V14, reads_that_are_cancelled_in_any_turn_lose_no_byte) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto ends = co_await connected(listener);
    const std::string text = numbered(100'000);
    auto writing = create_task(write_in_pieces(ends.client, text));
    std::string got;
    int cancelled = 0;
    std::string buffer(700, '\0');
    for (int round = 0;; ++round) {
        auto read = create_task(ends.server.read_some(buffer));
        for (int turn = 0; turn < round % 4; ++turn) co_await checkpoint();
        read.cancel();
        co_await read.join_only();
        if (read.cancelled()) {
            ++cancelled;
            co_await sleep(100us);
            continue;
        }
        const auto count = read.result();
        if (count == 0) break;
        got.append(buffer, 0, count);
    }
    co_await writing;
    co_await ends.client.close();
    co_await ends.server.close();

    EXPECT_TRUE(got == text) << got.size();
    EXPECT_GT(cancelled, 5);
}

ASYNC_TEST_NETWORK(V14, a_write_that_is_cancelled_tells_how_much_of_it_went_out) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    const std::string text = numbered(30'000'000);
    for (int round = 0; round < 4; ++round) {
        auto ends = co_await connected(listener);
        auto writing = create_task(ends.client.write_all(text));
        std::string start = co_await io::read_exactly(ends.server, static_cast<std::size_t>(round) * 50'000);
        co_await sleep(1ms);
        writing.cancel();
        co_await writing.join_only();
        const auto accepted = ends.client.bytes_accepted();
        const auto again = co_await as_result(ends.client.write_all("x"));
        const std::string rest = co_await io::read_exactly(ends.server, accepted - start.size());
        const auto more = co_await as_result(timeout(5ms, io::read_exactly(ends.server, 1)));
        ends.client.abort();
        ends.server.abort();

        EXPECT_TRUE(writing.cancelled());
        EXPECT_TRUE(start + rest == text.substr(0, accepted)) << accepted;
        EXPECT_TRUE(again.has_error());  // nobody knows any more what the peer would read
        TANDEM_CO_ASSERT_TRUE(more.has_error());
        EXPECT_EQ(more.error().code(), std::errc::timed_out);
    }
}

ASYNC_TEST_NETWORK(V14, an_accept_that_is_cancelled_in_any_turn_loses_no_connection) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    int accepted_in_time = 0;
    for (int turns = 0; turns < 12; ++turns) {
        auto accepting = create_task(listener.accept());
        auto connecting = create_task(connect(listener.local()));
        for (int turn = 0; turn < turns; ++turn) co_await checkpoint();
        if (turns > 9) co_await sleep(5ms);
        accepting.cancel();
        auto outcome = co_await std::move(accepting).join();
        TcpStream client = co_await std::move(connecting);
        TcpStream server;
        if (outcome.has_value()) {
            ++accepted_in_time;
            server = std::move(outcome).value();
        } else {
            server = co_await listener.accept();
        }
        co_await client.write_all("?");
        const std::string got = co_await io::read_exactly(server, 1);
        client.abort();
        server.abort();
        EXPECT_EQ(got, "?") << turns;
    }
    EXPECT_GT(accepted_in_time, 0);
    EXPECT_LT(accepted_in_time, 12);
}

// V16

/// That `make()`, which need not wait now, is a place to be cancelled at.
template <class F>
Task<void> expect_checkpoint(const char* what, F make) {
    const auto in_scope = [](F& made) -> Task<void> {
        auto task = made();
        if constexpr (std::is_void_v<AwaitResult<decltype(task)>>)
            co_await std::move(task);
        else [[maybe_unused]]
            auto result = co_await std::move(task);
    };
    CancelScope scope;
    scope.cancel("in V16");
    co_await scope.run(in_scope(make));
    EXPECT_TRUE(scope.absorbed()) << what;
}

ASYNC_TEST_NETWORK(V16, what_waits_on_a_stream_is_a_place_to_be_cancelled_also_when_it_need_not_wait) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto ends = co_await connected(listener);
    auto waiting = co_await connect(listener.local());
    co_await ends.client.write_all("there\nis enough\n");
    co_await sleep(5ms);
    TcpStream& stream = ends.server;
    std::string buffer(4, '\0');
    const Bytes text("text");
    const std::vector<Bytes> parts(2, text);
    io::LineReader lines(stream);
    StreamWriter writer(stream);
    co_await expect_checkpoint("read_some", [&] { return stream.read_some(buffer); });
    co_await expect_checkpoint("read_exactly", [&] { return io::read_exactly(stream, 4); });
    co_await expect_checkpoint("read_exactly", [&] { return io::read_exactly(stream, buffer); });
    co_await expect_checkpoint("read_all", [&] { return io::read_all(stream); });
    co_await expect_checkpoint("copy", [&] { return io::copy(stream, ends.client); });
    co_await expect_checkpoint("LineReader.next", [&] { return lines.next(); });
    co_await expect_checkpoint("write_some", [&] { return stream.write_some(text); });
    co_await expect_checkpoint("write_all", [&] { return stream.write_all(text); });
    co_await expect_checkpoint("write_all_parts", [&] { return stream.write_all_parts(parts); });
    co_await expect_checkpoint("accept", [&] { return listener.accept(); });
    co_await expect_checkpoint("connect", [&] { return connect(listener.local()); });
    co_await expect_checkpoint("connect", [&] { return connect("127.0.0.1", listener.port()); });
    co_await expect_checkpoint("serve",
                               [&] { return serve(listener, [](TcpStream) -> Task<void> { co_return; }); });
    const std::string all = co_await io::read_exactly(stream, 16);
    co_await ends.client.write_all("!");
    const std::string next = co_await io::read_exactly(stream, 1);
    co_await expect_checkpoint("drain", [&] { return writer.drain(); });
    co_await expect_checkpoint("close", [&] { return stream.close(); });
    const auto unanswered = co_await as_result(io::read_exactly(ends.client, 1));
    const bool open = stream.is_open();
    auto late = co_await listener.accept();
    late.abort();
    waiting.abort();
    ends.client.abort();

    EXPECT_EQ(all + next, "there\nis enough\n!");  // none of them had begun
    EXPECT_TRUE(unanswered.has_error());           // nor written; and the cancelled close() is a reset
    EXPECT_FALSE(open);
}

ASYNC_TEST(V16, what_waits_on_a_stream_in_memory_is_one_too) {
    auto pair = io::stream_pair();
    co_await pair.second.write_all("data");
    std::string buffer(4, '\0');
    co_await expect_checkpoint("read_some", [&] { return pair.first.read_some(buffer); });
    co_await expect_checkpoint("write_some", [&] { return pair.first.write_some("text"); });
    co_await expect_checkpoint("write_all", [&] { return pair.first.write_all("text"); });
    const auto arrived = pair.second.unread_bytes();
    const auto kept = pair.first.unread_bytes();

    EXPECT_EQ(arrived, 0U);
    EXPECT_EQ(kept, 4U);
}

// V17

template <class A>
inline constexpr bool waits = AnyAwaitable<A>;
template <class A>
inline constexpr bool is_plain = !AnyAwaitable<A>;
template <class T>
T& a();  // never called

static_assert(waits<decltype(a<io::ByteStream>().read_some(a<std::string>()))>);
static_assert(waits<decltype(a<io::ByteStream>().write_some("x"))>);
static_assert(waits<decltype(a<io::ByteStream>().write_all("x"))>);
static_assert(waits<decltype(a<io::ByteStream>().shutdown_write())>);
static_assert(waits<decltype(a<io::ByteStream>().close())>);
static_assert(std::is_void_v<decltype(a<io::ByteStream>().abort())>);
static_assert(is_plain<decltype(a<io::ByteStream>().is_open())>);
static_assert(waits<decltype(io::read_all(a<io::ByteStream>()))>);
static_assert(waits<decltype(io::copy(a<io::ByteStream>(), a<io::ByteStream>()))>);
static_assert(waits<decltype(io::readable(0))> && waits<decltype(io::writable(0))>);
static_assert(waits<decltype(a<io::LineReader>().next())>);
static_assert(is_plain<decltype(a<io::LineReader>().take_unread())>);
static_assert(waits<decltype(connect("h", 1))> && waits<decltype(listen({}))>);
static_assert(waits<decltype(resolve("h"))> && is_plain<decltype(default_resolver())>);
static_assert(is_plain<decltype(SocketAddress::parse("1.2.3.4:5"))>);
static_assert(waits<decltype(a<TcpListener>().accept())>);
static_assert(std::is_void_v<decltype(a<TcpListener>().close())>);
static_assert(is_plain<decltype(a<TcpListener>().local())> && is_plain<decltype(a<TcpStream>().peer())>);
static_assert(std::is_void_v<decltype(a<TcpStream>().set_no_delay(true))>);
static_assert(waits<decltype(serve(a<TcpListener>(), ConnectionHandler()))>);
static_assert(std::is_void_v<decltype(a<StreamWriter>().write("x"))>);
static_assert(waits<decltype(a<StreamWriter>().drain())>);
static_assert(waits<decltype(run_protocol(TcpStream(), a<Protocol>()))>);
static_assert(std::is_void_v<decltype(a<Transport>().write("x"))>);
static_assert(std::is_void_v<decltype(a<Transport>().close())>);

}  // namespace

TEST(V17, what_waits_on_the_network_is_awaitable_by_its_type_and_what_does_not_is_plain) { SUCCEED(); }

}  // namespace tandem::net
