// L3 for the network: a transport's flow control, and names that are looked up while the loop goes on.
#include <tandem/io/read.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/dns_stand_in_internal.hpp>
#include <tandem/net/protocol.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

/// Writes in pieces of 1 KiB until it is told to pause, and notes how much was waiting at each moment.
class Filling final : public Protocol {
public:
    void connection_made(Transport& transport) override {
        transport_ = &transport;
        while (!paused) {
            before_pause = transport.write_buffer_bytes();
            transport.write(std::string(piece, 'x'));
            written += piece;
        }
    }
    void data_received(Bytes) override {}
    void pause_writing() override {
        paused = true;
        at_pause = transport_->write_buffer_bytes();
    }
    void resume_writing() override {
        ++resumed;
        at_resume = transport_->write_buffer_bytes();
        transport_->close();
    }

    static constexpr std::size_t piece = 1'024;
    std::size_t written = 0;
    std::size_t before_pause = 0;
    std::size_t at_pause = 0;
    std::size_t at_resume = 0;
    bool paused = false;
    int resumed = 0;

private:
    Transport* transport_ = nullptr;
};

Task<void> run_on_connection(TcpListener& listener, Protocol& protocol) {
    auto stream = co_await connect(listener.local());
    co_await run_protocol(std::move(stream), protocol);
}

ASYNC_TEST_NETWORK(L3, writing_pauses_above_64_KiB_and_goes_on_below_a_quarter_of_it) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    Filling protocol;
    auto running = create_task(run_on_connection(listener, protocol));
    auto peer = co_await listener.accept();
    co_await sleep(20ms);
    const int resumed_unread = protocol.resumed;
    const std::string all = co_await io::read_all(peer);
    co_await peer.close();
    co_await running;

    EXPECT_LE(protocol.before_pause, 64U * 1024U);
    EXPECT_GT(protocol.at_pause, 64U * 1024U);
    EXPECT_EQ(resumed_unread, 0);  // nobody had read
    EXPECT_EQ(protocol.resumed, 1);
    EXPECT_LE(protocol.at_resume, 16U * 1024U);
    EXPECT_EQ(all.size(), protocol.written);
}

Task<void> tick(int& ticks) {
    for (;;) {
        co_await sleep(10ms);
        ++ticks;
    }
}

ASYNC_TEST_REAL_TIME(L3, the_loop_ticks_while_a_name_server_takes_its_time) {
    DnsStandIn dns;
    dns.records["slow.example"] = {.v4 = {"10.1.2.3"}, .v6 = {}, .delay = 150ms};
    auto serving = create_task(dns.serve());
    DnsResolverOptions options;
    options.servers.push_back(dns.address());
    options.hosts_file = "/nonexistent";
    const auto resolver = std::make_shared<DnsResolver>(options);
    int ticks = 0;
    auto ticking = create_task(tick(ticks));
    const auto begin = this_loop().time();
    const auto addresses = co_await resolver->resolve("slow.example", 80, AddressFamily::v4);
    const auto took = this_loop().time() - begin;
    ticking.cancel();
    co_await ticking.join_only();
    serving.cancel();
    co_await serving.join_only();

    TANDEM_CO_ASSERT_EQ(addresses.size(), 1U);
    EXPECT_EQ(addresses[0].to_string(), "10.1.2.3:80");
    EXPECT_GE(took, 150ms);
    EXPECT_GE(ticks, 7);  // of 14
}

}  // namespace
}  // namespace tandem::net
