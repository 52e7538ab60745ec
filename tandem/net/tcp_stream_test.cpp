#include <tandem/net/tcp_stream.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/io/read.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

struct Ends {
    TcpStream client;
    TcpStream server;
};

Task<Ends> connected() {
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto client = co_await connect("127.0.0.1", listener.port());
    auto server = co_await listener.accept();
    Ends ends;
    ends.client = std::move(client);
    ends.server = std::move(server);
    co_return ends;
}

ASYNC_TEST_NETWORK(SemIO10, both_ends_name_each_other) {
    auto ends = co_await connected();

    EXPECT_EQ(ends.client.local_address(), ends.server.peer_address());
    EXPECT_EQ(ends.client.peer_address(), ends.server.local_address());
    EXPECT_EQ(ends.client.peer().host(), "127.0.0.1");
    EXPECT_EQ(ends.client.extra("socket.family"), "ipv4");
    EXPECT_EQ(ends.client.extra("tls.version"), std::nullopt);
}

ASYNC_TEST_REAL_TIME(SemL43, the_descriptor_of_a_stream_is_refused_until_the_stream_is_closed) {
    auto ends = co_await connected();
    const int number = ends.client.native_handle();
    std::string said;
    try {
        this_loop().add_reader(number, [] {});
    } catch (const InvalidStateError& error) {
        said = error.what();
    }
    const UniqueFd copy(::dup(number));
    this_loop().add_writer(copy.get(), [] {});
    const bool watched = this_loop().remove_writer(copy.get());
    co_await ends.client.close();
    const UniqueFd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));  // most likely under the same number
    this_loop().add_reader(next.get(), [] {});
    this_loop().remove_reader(next.get());

    EXPECT_NE(said.find("belongs to a stream"), std::string::npos) << said;
    EXPECT_TRUE(watched);
}

ASYNC_TEST_REAL_TIME(TcpStream, small_writes_go_out_at_once_on_both_sides) {
    auto ends = co_await connected();

    for (const auto* stream : {&ends.client, &ends.server}) {
        int no_delay = 0;
        socklen_t size = sizeof no_delay;
        EXPECT_EQ(::getsockopt(stream->native_handle(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
        EXPECT_NE(no_delay, 0);
        EXPECT_NE(::fcntl(stream->native_handle(), F_GETFD) & FD_CLOEXEC, 0);
    }
}

ASYNC_TEST_NETWORK(SemIO3, many_parts_arrive_in_order_as_one_stretch) {
    auto ends = co_await connected();
    std::vector<std::string> texts;
    for (int i = 0; i < 100; ++i)
        texts.push_back(i % 7 == 0 ? std::string() : "part " + std::to_string(i) + ";");
    std::string expected;
    for (const auto& text : texts) expected += text;
    const std::vector<Bytes> parts(texts.begin(), texts.end());

    co_await ends.client.write_all_parts(parts);
    const auto got = co_await io::read_exactly(ends.server, expected.size());

    EXPECT_EQ(got, expected);
    EXPECT_EQ(ends.client.bytes_accepted(), expected.size());
}

ASYNC_TEST_NETWORK(SemIO3, parts_larger_than_the_socket_buffers_arrive_whole) {
    auto ends = co_await connected();
    const std::string large(3'000'000, 'x');
    const std::vector<Bytes> parts = {"head:", large, ":middle:", large, ":tail"};
    auto reading = create_task(io::read_exactly(ends.server, 2 * large.size() + 18));

    co_await ends.client.write_all_parts(parts);
    const std::string got = co_await std::move(reading);

    EXPECT_EQ(got, "head:" + large + ":middle:" + large + ":tail");
}

ASYNC_TEST_NETWORK(SemIO7, data_sent_before_a_reset_is_read_and_then_the_reset_is_reported_for_ever) {
    auto ends = co_await connected();
    co_await ends.client.write_all("last words");
    char buffer[64];
    const auto count = co_await ends.server.read_some(buffer);
    ends.client.abort();

    const auto first = co_await as_result(ends.server.read_some(buffer));
    const auto second = co_await as_result(ends.server.read_some(buffer));
    const auto write = co_await as_result(ends.server.write_all("anyone?"));

    EXPECT_EQ(std::string(buffer, count), "last words");
    TANDEM_CO_ASSERT_TRUE(first.has_error() && second.has_error() && write.has_error());
    EXPECT_EQ(first.error().code(), std::errc::connection_reset);
    EXPECT_EQ(second.error().code(), std::errc::connection_reset);
    EXPECT_EQ(write.error().code(), std::errc::connection_reset);
}

ASYNC_TEST_NETWORK(SemIO7, an_end_after_a_write_met_the_reset_is_not_taken_for_a_clean_one) {
    auto ends = co_await connected();
    ends.client.abort();
    co_await sleep(20ms);

    const auto write = co_await as_result(ends.server.write_all("anyone?"));
    char buffer[16];
    const auto read = co_await as_result(ends.server.read_some(buffer));

    TANDEM_CO_ASSERT_TRUE(write.has_error() && read.has_error());
    EXPECT_EQ(read.error().code(), write.error().code());
}

ASYNC_TEST_NETWORK(SemIO7, writing_to_a_peer_that_closed_gives_an_error_and_no_signal) {
    auto ends = co_await connected();
    co_await ends.client.close();

    Outcome<void> end(std::in_place);
    for (int i = 0; i < 100 && end.has_value(); ++i) {
        end = co_await as_result(ends.server.write_all("hello"));
        co_await sleep(1ms);
    }

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().code() == std::errc::broken_pipe ||
                end.error().code() == std::errc::connection_reset);
}

ASYNC_TEST_NETWORK(TcpStream, an_error_names_the_peer) {
    auto ends = co_await connected();
    const auto peer = ends.server.peer_address();
    auto reading = create_task(ends.server.read_some(MutableBytes()));
    co_await reading;
    char buffer[16];
    auto waiting = create_task(ends.server.read_some(buffer));
    co_await sleep(5ms);
    co_await ends.server.close();

    const auto end = co_await waiting.join();

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.error().code(), std::errc::operation_canceled);
    EXPECT_EQ(end.error().what().find("read from"), 0U) << end.error().what();
}

ASYNC_TEST_NETWORK(SemIO8, destroying_an_open_stream_resets_the_peer) {
    auto ends = co_await connected();
    {
        const TcpStream gone = std::move(ends.client);
    }

    char buffer[16];
    const auto end = co_await as_result(ends.server.read_some(buffer));

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.error().code(), std::errc::connection_reset);
}

ASYNC_TEST_NETWORK(SemIO8, destroying_it_after_the_peers_end_loses_nothing_that_was_written) {
    auto ends = co_await connected();
    co_await ends.client.shutdown_write();
    char buffer[64];
    const auto end = co_await ends.server.read_some(buffer);
    co_await ends.server.write_all("the last answer");
    {
        const TcpStream gone = std::move(ends.server);
    }

    const auto got = co_await io::read_all(ends.client);

    EXPECT_EQ(end, 0U);
    EXPECT_EQ(got, "the last answer");
}

ASYNC_TEST_REAL_TIME(SemIO6,
                     a_stream_destroyed_with_a_read_under_way_keeps_its_descriptor_until_the_read_is_over) {
    auto ends = co_await connected();
    char buffer[16];
    auto reading = create_task(ends.server.read_some(buffer));
    co_await sleep(5ms);
    const int number = ends.server.native_handle();
    {
        const TcpStream gone = std::move(ends.server);
    }
    const int still = ::fcntl(number, F_GETFD);
    const auto end = co_await reading.join();

    EXPECT_GE(still, 0);
    EXPECT_EQ(::fcntl(number, F_GETFD), -1);
    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.error().code(), std::errc::operation_canceled);
}

ASYNC_TEST_NETWORK(SemC62, a_write_cancelled_in_its_middle_tells_how_much_went_out_and_forbids_more) {
    auto ends = co_await connected();
    const std::string much(20'000'000, 'm');

    const auto cut = co_await as_result(timeout(30ms, ends.client.write_all(much)));
    const auto accepted = ends.client.bytes_accepted();
    const auto next = co_await as_result(ends.client.write_all("more"));
    const auto read = co_await io::read_exactly(ends.server, accepted);

    TANDEM_CO_ASSERT_TRUE(cut.has_error() && next.has_error());
    EXPECT_EQ(cut.error().code(), std::errc::timed_out);
    EXPECT_TRUE(next.error().is<InvalidStateError>());
    EXPECT_GT(accepted, 0U);
    EXPECT_LT(accepted, much.size());
    EXPECT_EQ(read.size(), accepted);
}

ASYNC_TEST_NETWORK(SemIOt5, reopening_the_same_descriptor_number_delivers_no_event_of_the_old_owner) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    for (int round = 0; round < 200; ++round) {
        auto client = co_await connect("127.0.0.1", listener.port());
        auto server = co_await listener.accept();
        const auto text = std::to_string(round);
        char buffer[16];
        auto reading = create_task(server.read_some(buffer));
        co_await client.write_all(text);
        const std::size_t count = co_await std::move(reading);
        EXPECT_EQ(std::string(buffer, count), text);
        if (round % 2 == 0) {
            co_await client.close();
            co_await server.close();
        }
    }
}

TEST(TcpStream, outlives_its_loop_closed_or_open) {
    for (const auto backend : {BackendChoice::uring, BackendChoice::epoll}) {
        RunOptions options;
        options.backend = backend;
        Ends kept;
        const auto keep = [&kept]() -> Task<void> {
            Ends ends = co_await connected();
            kept = std::move(ends);
        };
        run(keep(), options);
        const int number = kept.client.native_handle();
        kept = Ends();
        EXPECT_EQ(::fcntl(number, F_GETFD), -1);
    }
}

}  // namespace
}  // namespace tandem::net
