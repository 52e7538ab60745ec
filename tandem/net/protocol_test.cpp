#include <tandem/net/protocol.hpp>

#include <tandem/base/errors.hpp>
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
#include <coroutine>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

/// Notes every callback, pieces of data as one, and then does what the test wants there.
class Recorder : public Protocol {
public:
    std::vector<std::string> calls;
    std::string data;
    Transport* transport = nullptr;
    std::exception_ptr error;
    std::function<void()> on_made = [] {};
    std::function<void()> on_data = [] {};
    std::function<bool()> on_eof = [] { return false; };

    void connection_made(Transport& made) override {
        transport = &made;
        note("connection_made");
        on_made();
    }
    void data_received(Bytes bytes) override {
        data += bytes.text();
        if (calls.empty() || calls.back() != "data_received") note("data_received");
        on_data();
    }
    bool eof_received() override {
        note("eof_received");
        return on_eof();
    }
    void connection_lost(std::exception_ptr with) override {
        note("connection_lost");
        error = with;
        transport = nullptr;
    }
    void pause_writing() override { note("pause_writing"); }
    void resume_writing() override { note("resume_writing"); }

private:
    void note(const char* call) { calls.emplace_back(call); }
};

using Calls = std::vector<std::string>;

Task<void> accept_and_run(TcpListener& listener, Protocol& protocol) {
    TcpStream stream = co_await listener.accept();
    co_await run_protocol(std::move(stream), protocol);
}
Task<void> connect_and_run(TcpListener& listener, Protocol& protocol) {
    TcpStream stream = co_await connect(listener.local());
    co_await run_protocol(std::move(stream), protocol);
}

Task<void> expect_echo() {
    auto listener = co_await listen({.host = "127.0.0.1"});
    Recorder server;
    Recorder client;
    std::string peer;
    server.on_made = [&] { peer = server.transport->peer().host(); };
    server.on_data = [&] {
        server.transport->write(server.data);
        server.data.clear();
    };
    client.on_made = [&] {
        for (const char* part : {"This is the message. ", "It will be sent ", "in parts."})
            client.transport->write(part);
        client.transport->write_eof();
    };
    co_await gather(accept_and_run(listener, server), connect_and_run(listener, client));

    const Calls all{"connection_made", "data_received", "eof_received", "connection_lost"};
    EXPECT_EQ(client.calls, all);
    EXPECT_EQ(server.calls, all);
    EXPECT_EQ(client.data, "This is the message. It will be sent in parts.");
    EXPECT_FALSE(client.error || server.error);
    EXPECT_EQ(peer, "127.0.0.1");
}

ASYNC_TEST_NETWORK(S8, each_callback_comes_in_its_order_and_the_last_one_once_on_both_sides) {
    co_await expect_echo();
}

ASYNC_TEST_NETWORK(U10, transport_and_protocol_echo_and_the_transport_knows_its_peer) {
    co_await expect_echo();
}

struct Three {
    bool await_ready() { return true; }
    void await_suspend(std::coroutine_handle<>) {}
    int await_resume() { return 3; }
};

ASYNC_TEST_NETWORK(N1, a_protocol_by_inheritance_and_an_awaitable_by_its_members_are_both_called) {
    struct OnlyData : Protocol {  // the other callbacks are the base's
        void data_received(Bytes bytes) override { data += bytes.text(); }
        std::string data;
    } protocol;
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto server = create_task(accept_and_run(listener, protocol));
    auto client = co_await connect(listener.local());
    co_await client.write_all("called");
    co_await client.close();
    co_await server;
    const int three = co_await Three();

    EXPECT_EQ(protocol.data, "called");
    EXPECT_EQ(three, 3);
}

ASYNC_TEST_NETWORK(Protocol, writing_is_paused_above_the_mark_and_resumed_in_turn) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    Recorder writer;
    const std::string much(20'000'000, 'x');
    writer.on_made = [&] {
        writer.transport->write(much);
        writer.transport->write(much);
        writer.transport->close();
    };
    auto running = create_task(connect_and_run(listener, writer));
    auto peer = co_await listener.accept();
    const std::string all = co_await io::read_all(peer);
    co_await peer.close();
    co_await running;

    EXPECT_EQ(all.size(), 2 * much.size());
    EXPECT_EQ(writer.calls, (Calls{"connection_made", "pause_writing", "resume_writing", "connection_lost"}));
}

ASYNC_TEST_NETWORK(Protocol, after_the_peers_end_it_may_go_on_writing_until_it_closes) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    Recorder server;
    server.on_eof = [&] {
        this_loop().call_later(5ms, [&server] {
            server.transport->write("late");
            server.transport->close();
        });
        return true;
    };
    auto running = create_task(accept_and_run(listener, server));
    auto client = co_await connect(listener.local());
    co_await client.shutdown_write();
    const std::string all = co_await io::read_all(client);
    co_await client.close();
    co_await running;

    EXPECT_EQ(all, "late");
    EXPECT_EQ(server.calls, (Calls{"connection_made", "eof_received", "connection_lost"}));
}

ASYNC_TEST_NETWORK(Protocol, paused_reading_takes_nothing_until_it_is_resumed) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    Recorder server;
    server.on_made = [&] { server.transport->pause_reading(); };
    auto running = create_task(accept_and_run(listener, server));
    auto client = co_await connect(listener.local());
    co_await client.write_all("wait");
    co_await sleep(10ms);
    const std::string meanwhile = server.data;
    server.transport->resume_reading();
    co_await client.close();
    co_await running;

    EXPECT_EQ(meanwhile, "");
    EXPECT_EQ(server.data, "wait");
}

ASYNC_TEST_NETWORK(Protocol, what_a_callback_throws_resets_the_connection_and_comes_out_of_the_run) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    Recorder server;
    server.on_data = [] { throw std::runtime_error("in data_received"); };
    auto running = create_task(accept_and_run(listener, server));
    auto client = co_await connect(listener.local());
    co_await client.write_all("x");
    const auto answer = co_await as_result(io::read_all(client));
    const auto end = co_await running.join();
    client.abort();

    EXPECT_TRUE(answer.has_error());  // the reset
    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<std::runtime_error>());
    EXPECT_EQ(server.calls, (Calls{"connection_made", "data_received", "connection_lost"}));
    EXPECT_FALSE(server.error);
}

ASYNC_TEST_NETWORK(Protocol, a_reset_and_an_abort_and_a_cancel_each_end_with_one_connection_lost) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    Recorder reset;
    Recorder aborting;
    Recorder cancelled;
    aborting.on_made = [&] { aborting.transport->abort(); };
    auto first = create_task(accept_and_run(listener, reset));
    auto client = co_await connect(listener.local());
    co_await sleep(2ms);
    client.abort();
    co_await first;
    auto other = co_await connect(listener.local());
    co_await accept_and_run(listener, aborting);
    other.abort();
    auto third = create_task(accept_and_run(listener, cancelled));
    auto last = co_await connect(listener.local());
    co_await sleep(2ms);
    third.cancel();
    co_await third.join_only();
    last.abort();

    const Calls both{"connection_made", "connection_lost"};
    EXPECT_EQ(reset.calls, both);
    EXPECT_TRUE(reset.error);
    EXPECT_EQ(aborting.calls, both);
    EXPECT_FALSE(aborting.error);
    EXPECT_EQ(cancelled.calls, both);
    EXPECT_FALSE(cancelled.error);
    EXPECT_TRUE(third.cancelled());
}

}  // namespace
}  // namespace tandem::net
