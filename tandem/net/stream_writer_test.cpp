#include <tandem/net/stream_writer.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/io/memory_stream.hpp>
#include <tandem/io/read.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

template <class S>
concept HasUnboundedWrite = requires(S& stream) { stream.write(Bytes("x")); };
static_assert(!HasUnboundedWrite<io::ByteStream> && !HasUnboundedWrite<TcpStream>);
static_assert(HasUnboundedWrite<StreamWriter>);

std::string numbered(std::size_t bytes) {
    std::string text(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
    return text;
}

/// Hears what a loop complains about, in debug mode.
class Warnings {
public:
    Warnings() {
        this_loop().set_debug(true);
        this_loop().set_exception_handler(
            [this](EventLoop&, const ErrorContext& context) { told.push_back(context.message); });
    }
    ~Warnings() {
        this_loop().set_exception_handler(nullptr);
        this_loop().set_debug(false);
    }
    Warnings(const Warnings&) = delete;
    Warnings& operator=(const Warnings&) = delete;
    std::vector<std::string> told;
};

ASYNC_TEST_NETWORK(V5, more_than_a_mebibyte_undrained_is_warned_of_once_and_names_the_stream) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto stream = co_await connect(listener.local());
    const std::string block(100'000, 'x');
    std::vector<std::string> told;
    std::size_t kept = 0;
    {
        const Warnings warnings;
        StreamWriter writer(stream);
        while (writer.unsent_bytes() <= StreamWriter::warned_of_bytes) writer.write(block);
        for (int i = 0; i < 10; ++i) writer.write(block);
        kept = writer.unsent_bytes();
        told = warnings.told;
    }
    stream.abort();

    EXPECT_GT(kept, 2'000'000U);
    TANDEM_CO_ASSERT_EQ(told.size(), 1U);
    EXPECT_NE(told[0].find(listener.local().to_string()), std::string::npos) << told[0];
    EXPECT_NE(told[0].find("drain()"), std::string::npos) << told[0];
}

ASYNC_TEST_NETWORK(V5, who_drains_is_not_warned_and_keeps_no_more_than_he_wrote) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto stream = co_await connect(listener.local());
    auto peer = co_await listener.accept();
    auto reading = create_task(io::read_all(peer));
    const std::string block = numbered(100'000);
    std::vector<std::string> told;
    std::size_t most = 0;
    {
        const Warnings warnings;
        StreamWriter writer(stream);
        for (int i = 0; i < 50; ++i) {
            writer.write(block);
            most = std::max(most, writer.unsent_bytes());
            co_await writer.drain();
        }
        co_await writer.close();
        told = warnings.told;
    }
    const std::string all = co_await std::move(reading);
    co_await peer.close();

    EXPECT_EQ(told, std::vector<std::string>());
    EXPECT_LE(most, block.size());
    EXPECT_EQ(all.size(), 50 * block.size());
    EXPECT_EQ(all.substr(49 * block.size()), block);
}

ASYNC_TEST_NETWORK(StreamWriter, what_the_socket_takes_goes_out_without_a_drain) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto stream = co_await connect(listener.local());
    auto peer = co_await listener.accept();
    StreamWriter writer(stream);
    writer.write("at once");
    const auto kept = writer.unsent_bytes();
    const std::string arrived = co_await io::read_exactly(peer, 7);
    stream.abort();
    peer.abort();

    EXPECT_EQ(kept, 0U);
    EXPECT_EQ(arrived, "at once");
}

ASYNC_TEST(StreamWriter, a_cancelled_drain_loses_nothing_and_several_may_wait) {
    auto pair = io::stream_pair(1'000);
    const std::string text = numbered(50'000);
    StreamWriter writer(pair.first);
    writer.write(text);
    auto cancelled = create_task(writer.drain());
    auto second = create_task(writer.drain());
    auto third = create_task(writer.drain());
    std::string got = co_await io::read_exactly(pair.second, 10'000);
    cancelled.cancel();
    co_await cancelled.join_only();
    writer.write("the end");
    auto closing = create_task(writer.close());
    const std::string rest = co_await io::read_all(pair.second);
    co_await closing;
    co_await gather(second, third);
    const auto late = co_await as_result([](StreamWriter& to) -> Task<void> {
        to.write("x");
        co_return;
    }(writer));

    EXPECT_TRUE(cancelled.cancelled());
    EXPECT_TRUE(got + rest == text + "the end");
    TANDEM_CO_ASSERT_TRUE(late.has_error());
    EXPECT_TRUE(late.error().is<InvalidStateError>());
}

ASYNC_TEST_NETWORK(V8, a_close_that_cannot_flush_says_so_and_releases_the_stream) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto stream = co_await connect(listener.local());
    auto peer = co_await listener.accept();
    StreamWriter writer(stream);
    writer.write(numbered(20'000'000));
    auto closing = create_task(writer.close());
    std::string some(1'000, '\0');
    co_await io::read_exactly(peer, some);
    peer.abort();
    const auto end = co_await closing.join();

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().code() == std::errc::connection_reset ||
                end.error().code() == std::errc::broken_pipe)
        << end.error().what();
    EXPECT_FALSE(stream.is_open());
}

Task<void> send_and_close(std::uint16_t port, std::string text) {
    auto stream = co_await connect("127.0.0.1", port);
    StreamWriter writer(stream);
    writer.write(text);
    co_await writer.close();
}

}  // namespace

TEST(V8, a_loop_that_stops_right_after_the_close_has_lost_nothing) {
    const std::string text = numbered(3'000'000);
    for (const auto backend : {BackendChoice::automatic, BackendChoice::epoll}) {
        const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
        ASSERT_EQ(::listen(listener.get(), 1), 0);
        ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
        std::string arrived;
        std::thread peer([&] {
            const UniqueFd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            std::vector<char> buffer(10'000);
            for (;;) {
                const auto count = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
                if (count <= 0) break;
                arrived.append(buffer.data(), static_cast<std::size_t>(count));
                if (arrived.size() % 7 == 0) std::this_thread::sleep_for(1ms);  // a slow one
            }
        });
        run(send_and_close(ntohs(address.sin_port), text), {.backend = backend});
        peer.join();
        EXPECT_TRUE(arrived == text) << arrived.size();
    }
}

}  // namespace tandem::net
