#include <tandem/net/connect.hpp>

#include <tandem/io/read.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

/// A port of loopback addresses that never answers: a listener whose backlog is full.
class BlackHole {
public:
    explicit BlackHole(const char* host) : address_(SocketAddress::ip(host, 0)) {
        const bool v4 = address_.family() == AddressFamily::v4;
        listener_ = UniqueFd(::socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_storage raw{};
        socklen_t size = v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
        raw.ss_family = static_cast<sa_family_t>(v4 ? AF_INET : AF_INET6);
        if (v4)
            reinterpret_cast<sockaddr_in&>(raw).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        else
            reinterpret_cast<sockaddr_in6&>(raw).sin6_addr = in6addr_loopback;
        ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&raw), size);
        ::listen(listener_.get(), 0);
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&raw), &size);
        address_ = address_.with_port(ntohs(reinterpret_cast<sockaddr_in&>(raw).sin_port));
        for (int i = 0; i < 4; ++i) {
            fillers_.emplace_back(::socket(raw.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            ::connect(fillers_.back().get(), reinterpret_cast<const sockaddr*>(&raw), size);
        }
        ::usleep(20'000);
    }
    const SocketAddress& address() const { return address_; }

private:
    SocketAddress address_;
    UniqueFd listener_;
    std::vector<UniqueFd> fillers_;
};

/// A port where nobody listens.
Task<std::uint16_t> free_port() {
    auto listener = co_await listen({.host = "127.0.0.1"});
    co_return listener.port();
}

std::vector<ConnectAttempt> attempts_of(const Error& error) {
    try {
        std::rethrow_exception(error.exception());
    } catch (const ConnectError& connect_error) {
        return connect_error.attempts();
    }
}

ASYNC_TEST_NETWORK(HttpH113, every_refused_address_is_named) {
    const auto port = co_await free_port();

    const auto end = co_await as_result(connect("localhost", port));

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    const auto text = std::to_string(port);
    EXPECT_EQ(end.error().what(), "connect localhost:" + text + ": connection refused by [::1]:" + text +
                                      " and 127.0.0.1:" + text);
    EXPECT_EQ(end.error().code(), std::errc::connection_refused);
    EXPECT_EQ(attempts_of(end.error()).size(), 2U);
}

ASYNC_TEST_NETWORK(HttpH113, a_listener_on_ipv6_alone_is_reached_by_name_and_one_on_ipv4_alone_too) {
    auto v6 = co_await listen({.host = "::1", .only_v6 = true});
    auto v4 = co_await listen({.host = "127.0.0.1"});

    const auto first = co_await connect("localhost", v6.port());
    const auto second = co_await connect("localhost", v4.port());

    EXPECT_EQ(first.peer().host(), "::1");
    EXPECT_EQ(second.peer().host(), "127.0.0.1");
}

ASYNC_TEST_REAL_TIME(HttpH113, an_ipv6_black_hole_costs_the_stagger_and_no_more) {
    const BlackHole hole("::1");
    auto listener = co_await listen({.host = "127.0.0.1"});
    ConnectOptions options;
    std::vector<SocketAddress> addresses = {hole.address(), listener.local()};
    options.resolve("example.test", 80, addresses);
    auto& loop = this_loop();
    const auto start = loop.time();

    const auto stream = co_await connect("Example.Test", 80, std::move(options));
    const auto took = loop.time() - start;

    EXPECT_EQ(stream.peer(), listener.local());
    EXPECT_GE(took, 245ms);
    EXPECT_LT(took, 400ms);
}

ASYNC_TEST_NETWORK(HttpH113, families_are_interleaved_and_a_failure_starts_the_next_at_once) {
    const auto port = co_await free_port();
    auto listener = co_await listen({.host = "127.0.0.1"});
    std::vector<std::string> asked;
    ConnectOptions options;
    std::vector<SocketAddress> addresses;
    for (const char* host : {"::1", "::2", "::3", "127.0.0.5", "127.0.0.6"})
        addresses.push_back(SocketAddress::ip(host, port));
    addresses.push_back(listener.local());
    options.resolve("example.test", 80, addresses);
    options.address_guard([&asked](const SocketAddress& address) {
        asked.push_back(address.host());
        return address.host() == "::1" ||
               address.family() == AddressFamily::v4;  // only loopback is contacted
    });
    auto& loop = this_loop();
    const auto start = loop.time();

    const auto stream = co_await connect("example.test", 80, options);
    const auto took = loop.time() - start;

    EXPECT_EQ(asked, (std::vector<std::string>{"::1", "127.0.0.5", "::2", "127.0.0.6", "::3", "127.0.0.1"}));
    EXPECT_EQ(stream.peer(), listener.local());
    EXPECT_LT(took, 200ms);
}

ASYNC_TEST_NETWORK(Connect, a_guard_keeps_us_from_contacting_an_address) {
    auto listener = co_await listen({.host = "127.0.0.1"});
    ConnectOptions options;
    options.address_guard([](const SocketAddress& address) { return !address.is_loopback(); });

    const auto end = co_await as_result(connect("127.0.0.1", listener.port(), options));
    CancelScope scope(20ms);
    const auto nobody = co_await scope.run(listener.accept());

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.error().code(), std::errc::operation_not_permitted);
    EXPECT_NE(end.error().what().find("not allowed to contact 127.0.0.1"), std::string::npos)
        << end.error().what();
    EXPECT_FALSE(nobody.has_value());
}

ASYNC_TEST_REAL_TIME(Connect, the_time_limit_names_who_did_not_answer) {
    const BlackHole v6("::1");
    const BlackHole v4("127.0.0.1");
    ConnectOptions options;
    std::vector<SocketAddress> addresses = {v6.address(), v4.address()};
    options.resolve("example.test", 80, addresses);
    options.timeout(350ms);
    auto& loop = this_loop();
    const auto start = loop.time();

    const auto end = co_await as_result(connect("example.test", 80, options));
    const auto took = loop.time() - start;

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.error().what(), "connect example.test:80: no answer in time from " +
                                      v6.address().to_string() + " and " + v4.address().to_string());
    EXPECT_EQ(end.error().code(), std::errc::timed_out);
    EXPECT_GE(took, 345ms);
    EXPECT_LT(took, 600ms);
}

ASYNC_TEST_REAL_TIME(SemC64, a_cancelled_connect_leaves_nothing_behind_whenever_it_is_cancelled) {
    const BlackHole v6("::1");
    const BlackHole v4("127.0.0.1");
    std::vector<SocketAddress> addresses = {v6.address(), v4.address()};
    for (const auto limit : {0us, 50us, 1'000us, 30'000us}) {
        ConnectOptions options;
        options.resolve("example.test", 80, addresses);
        options.stagger(10ms);
        CancelScope scope(limit);
        const auto stream = co_await scope.run(connect("example.test", 80, options));
        EXPECT_FALSE(stream.has_value());
    }
    // The test's frame counts tasks, timers, operations and descriptors.
}

ASYNC_TEST_NETWORK(SemC65, late_winners_are_closed) {
    auto listener = co_await listen({});
    ConnectOptions options;
    std::vector<SocketAddress> addresses;
    for (int i = 1; i < 30; ++i)
        addresses.push_back(SocketAddress::ip("127.0.0." + std::to_string(i), listener.port()));
    options.resolve("example.test", 80, addresses);
    options.stagger(Duration::zero());

    auto stream = co_await connect("example.test", 80, options);
    auto first = co_await listener.accept();
    co_await stream.write_all("mine");
    std::string got;
    int others = 0;
    for (;;) {
        char buffer[8];
        CancelScope scope(30ms);
        auto text = co_await scope.run(first.read_some(buffer));
        if (text && *text > 0) got.append(buffer, *text);
        CancelScope accepting(30ms);
        auto next = co_await accepting.run(listener.accept());
        if (!next) break;
        first = std::move(*next);
        ++others;
    }

    EXPECT_EQ(got, "mine");
    EXPECT_LT(others, 29);
}

ASYNC_TEST_NETWORK(HttpH114, family_and_local_address_choose_among_the_addresses) {
    auto listener = co_await listen({});
    ConnectOptions only_v4;
    only_v4.family(AddressFamily::v4);
    ConnectOptions from_2;
    from_2.local_address(SocketAddress::ip("127.0.0.2", 0));
    ConnectOptions from_elsewhere;
    from_elsewhere.local_address(SocketAddress::ip("192.0.2.1", 0));

    const auto v4 = co_await connect("localhost", listener.port(), only_v4);
    const auto bound = co_await connect("localhost", listener.port(), from_2);
    const auto end = co_await as_result(connect("localhost", listener.port(), from_elsewhere));

    EXPECT_EQ(v4.peer().family(), AddressFamily::v4);
    EXPECT_EQ(bound.local().host(), "127.0.0.2");
    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.error().code(), std::errc::address_not_available);
}

ASYNC_TEST_NETWORK(HttpH116, a_hook_sees_each_fresh_descriptor_and_a_resolver_can_be_replaced) {
    class Fixed final : public Resolver {
    public:
        explicit Fixed(SocketAddress to) : to_(std::move(to)) {}
        Task<std::vector<SocketAddress>> resolve(std::string host, std::uint16_t, AddressFamily) override {
            asked = host;
            co_return std::vector<SocketAddress>(1, to_);
        }
        std::string asked;

    private:
        SocketAddress to_;
    };
    auto listener = co_await listen({.host = "127.0.0.1"});
    auto fixed = std::make_shared<Fixed>(listener.local());
    int seen = -1;
    ConnectOptions options;
    options.resolver(fixed);
    options.socket_hook([&seen](int fd) { seen = fd; });

    const auto stream = co_await connect("any.name", 80, options);

    EXPECT_EQ(fixed->asked, "any.name");
    EXPECT_EQ(seen, stream.native_handle());
}

ASYNC_TEST_NETWORK(Connect, a_missing_local_socket_is_named) {
    const auto end = co_await as_result(connect(SocketAddress::local("/nonexistent/socket")));

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.error().what(),
              "connect unix:/nonexistent/socket: no such file or directory for unix:/nonexistent/socket");
}

}  // namespace
}  // namespace tandem::net
