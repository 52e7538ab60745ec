// Time limits: each phase stalls in turn, and the error names that phase and no other.
#include <tandem/http/client.hpp>

#include <tandem/http/client_peer_internal.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

Timeouts distinct() {
    Timeouts limits;
    limits.total = 100s;
    limits.pool = 2s;
    limits.connect = 3s;
    limits.response = 5s;
    limits.read_idle = 7s;
    limits.write_idle = 11s;
    return limits;
}

ScriptedDialer::Script silent() {
    return [](ScriptedPeer& peer) -> Task<void> { co_await peer.wait_for_the_end(); };
}

/// Answers with the first half of a body and says no more.
ScriptedDialer::Script half_a_body() {
    return [](ScriptedPeer& peer) -> Task<void> {
        co_await peer.request();
        co_await peer.say("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
        co_await peer.wait_for_the_end();
    };
}

Task<void> read_page(Client& client, std::string url) {
    Response reply = co_await client.get(url);
    co_await reply.text();
}

struct Measured {
    std::optional<TimeoutError> error;
    Duration took{};
};

Task<Measured> measure(Task<void> call) {
    Measured measured;
    const auto begun = this_loop().time();
    measured.error = co_await caught<TimeoutError>(std::move(call));
    measured.took = this_loop().time() - begun;
    co_return measured;
}

void expect(const Measured& measured, const std::string& phase, Duration limit, Reached reached) {
    EXPECT_TRUE(measured.error.has_value()) << phase;
    if (!measured.error) return;
    EXPECT_EQ(measured.error->phase(), phase) << measured.error->what();
    EXPECT_EQ(measured.error->limit(), limit);
    EXPECT_EQ(measured.took, limit) << phase;
    EXPECT_EQ(measured.error->reached(), reached) << phase;
    EXPECT_EQ(measured.error->code(), std::errc::timed_out);
}

ASYNC_TEST(HttpH52, waiting_for_a_slot_ends_with_pool) {
    PoolLimits one;
    one.max_connections = 1;
    Timeouts patient = distinct();
    patient.response = 60s;
    Client client(
        ClientOptions().dialer(std::make_shared<ScriptedDialer>(silent())).timeouts(patient).pool(one));

    auto first = create_task(caught<TimeoutError>(client.get("http://h/")));
    co_await sleep(1s);
    const Measured second = co_await measure(read_page(client, "http://h/"));
    first.cancel();
    co_await first.join_only();
    co_await client.close();
    co_await sleep(1ms);

    expect(second, "pool", 2s, Reached::not_sent);
}

ASYNC_TEST(HttpH52, a_dialer_that_hangs_ends_with_connect) {
    class Hanging final : public Dialer {
    public:
        Task<Dialed> dial(DialTarget) override {
            co_await sleep(1h);
            co_return Dialed();
        }
    };
    Client client(ClientOptions().dialer(std::make_shared<Hanging>()).timeouts(distinct()));

    const Measured measured = co_await measure(read_page(client, "http://h/"));
    const auto status = client.pool_status();
    co_await client.close();

    expect(measured, "connect", 3s, Reached::not_sent);
    EXPECT_EQ(status.connecting, 0U);
}

ASYNC_TEST(HttpH52, a_server_that_never_answers_ends_with_response_or_else_with_read_idle) {
    Client client(ClientOptions().dialer(std::make_shared<ScriptedDialer>(silent())).timeouts(distinct()));
    Timeouts without = distinct();
    without.response = std::nullopt;
    Client other(ClientOptions().dialer(std::make_shared<ScriptedDialer>(silent())).timeouts(without));

    const Measured response = co_await measure(read_page(client, "http://h/"));
    const Measured idle = co_await measure(read_page(other, "http://h/"));
    co_await client.close();
    co_await other.close();
    co_await sleep(1ms);

    expect(response, "response", 5s, Reached::maybe_processed);
    expect(idle, "read_idle", 7s, Reached::maybe_processed);
}

ASYNC_TEST(HttpH52, a_body_that_stalls_ends_with_read_idle_and_says_how_far_it_came) {
    Client client(
        ClientOptions().dialer(std::make_shared<ScriptedDialer>(half_a_body())).timeouts(distinct()));

    const Measured measured = co_await measure(read_page(client, "http://h/"));
    co_await client.close();
    co_await sleep(1ms);

    expect(measured, "read_idle", 7s, Reached::processed);
    EXPECT_NE(std::string(measured.error->what()).find("h sent nothing (4 of 8 bytes)"), std::string::npos)
        << measured.error->what();
}

ASYNC_TEST(HttpH52, a_peer_that_takes_no_byte_ends_with_write_idle) {
    ScriptedDialer::Script deaf = [](ScriptedPeer& peer) -> Task<void> {
        co_await peer.read(10);
        co_await sleep(50s);
    };
    Client client(ClientOptions().dialer(std::make_shared<ScriptedDialer>(deaf, 1024)).timeouts(distinct()));
    Options large;
    large.with_body(std::string(100'000, 'x'));

    const auto error = co_await caught<TimeoutError>(client.post("http://h/", std::move(large)));
    co_await client.close();
    co_await sleep(60s);

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(error ? error->phase() : "", "write_idle");
}

ASYNC_TEST(HttpH53, a_body_that_trickles_lives_until_total) {
    ScriptedDialer::Script trickle = [](ScriptedPeer& peer) -> Task<void> {
        co_await peer.request();
        co_await peer.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        for (;;) {
            co_await sleep(6s);
            co_await peer.say("x");
        }
    };
    Client client(ClientOptions().dialer(std::make_shared<ScriptedDialer>(trickle)).timeouts(distinct()));

    const Measured measured = co_await measure(read_page(client, "http://h/"));
    co_await client.close();
    co_await sleep(10s);

    expect(measured, "total", 100s, Reached::processed);
}

ASYNC_TEST(HttpH53, read_idle_stands_still_while_the_caller_does_not_read) {
    const std::string body(100'000, 'x');
    Client client(ClientOptions()
                      .dialer(std::make_shared<ScriptedDialer>(always(ok_response(body))))
                      .timeouts(distinct()));

    Response reply = co_await client.get("http://h/");
    co_await sleep(60s);
    const std::string& bytes = co_await reply.bytes();
    const bool same = bytes == body;
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_TRUE(same);
}

ASYNC_TEST(HttpH52, a_requests_own_total_replaces_the_clients_and_zero_is_refused) {
    Client client(ClientOptions().dialer(std::make_shared<ScriptedDialer>(silent())).timeouts(distinct()));

    const auto begun = this_loop().time();
    const auto own = co_await caught<TimeoutError>(client.get("http://h/", Options().timeout(Duration(1s))));
    const auto took = this_loop().time() - begun;
    const auto zero =
        co_await caught<std::invalid_argument>(client.get("http://h/", Options().timeout(Duration(0))));
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_TRUE(own.has_value());
    EXPECT_EQ(own ? own->phase() : "", "total");
    EXPECT_EQ(took, 1s);
    EXPECT_TRUE(zero.has_value());
    Timeouts bad;
    bad.connect = Duration(-1s);
    EXPECT_THROW(Client(ClientOptions().timeouts(bad)), std::invalid_argument);
}

ASYNC_TEST(HttpH51, the_callers_own_timeout_stays_the_callers) {
    Client client(ClientOptions().dialer(std::make_shared<ScriptedDialer>(silent())).timeouts(distinct()));

    const auto error = co_await caught<tandem::TimeoutError>(tandem::timeout(1s, client.get("http://h/")));
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_TRUE(error.has_value());
}

}  // namespace
}  // namespace tandem::http
