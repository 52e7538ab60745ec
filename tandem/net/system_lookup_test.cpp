// getaddrinfo(3) on a thread, as a stand-in for name servers: C70.
#include <tandem/net/system_lookup_internal.hpp>

#include <tandem/bridge/get.hpp>
#include <tandem/net/dns_stand_in_internal.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

std::atomic<int> asked = 0;

/// A system that knows `*.corp` and takes its time for `slow.corp`.
DnsAnswer stand_in(const DnsQuestion& question) {
    ++asked;
    DnsAnswer answer;
    if (question.name == "slow.corp") std::this_thread::sleep_for(200ms);
    if (!question.name.ends_with(".corp")) {
        answer.reason = "the system does not know it";
    } else if (question.family == AddressFamily::v4) {
        answer.addresses.push_back(SocketAddress::ip("192.0.2.7", 0));
    }
    return answer;
}

class StandIn {
public:
    StandIn() {
        asked = 0;
        getaddrinfo_stand_in = &stand_in;
    }
    ~StandIn() { getaddrinfo_stand_in = nullptr; }
    StandIn(const StandIn&) = delete;
    StandIn& operator=(const StandIn&) = delete;
};

DnsResolverOptions system_only() {
    DnsResolverOptions options;
    options.hosts_file = "/nonexistent";
    options.system_lookup = SystemLookup::always;
    return options;
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemC70, the_system_is_asked_once_and_its_answer_is_kept) {
    const StandIn system;
    DnsResolver resolver(system_only());

    const auto first = co_await resolver.resolve("Printer.Corp", 80, AddressFamily::v4);
    const auto again = co_await resolver.resolve("printer.corp", 81, AddressFamily::v4);
    const auto unknown = co_await as_result(resolver.resolve("nobody.test", 80, AddressFamily::any));

    TANDEM_CO_ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first.front().to_string(), "192.0.2.7:80");
    EXPECT_EQ(again.front().to_string(), "192.0.2.7:81");
    TANDEM_CO_ASSERT_TRUE(unknown.has_error());
    EXPECT_EQ(std::string(unknown.error().what()), "resolve nobody.test: the system does not know it");
    EXPECT_EQ(asked, 3);
}

ASYNC_TEST_REAL_TIME(SemC70, a_cancelled_wait_ends_at_once_and_the_thread_fills_the_cache) {
    const StandIn system;
    DnsResolver resolver(system_only());
    const auto start = std::chrono::steady_clock::now();

    const auto none = co_await move_on_after(5ms, resolver.resolve("slow.corp", 80, AddressFamily::v4));
    const auto took = std::chrono::steady_clock::now() - start;
    const auto joined = co_await resolver.resolve("slow.corp", 80, AddressFamily::v4);
    const auto cached = co_await resolver.resolve("slow.corp", 80, AddressFamily::v4);

    EXPECT_FALSE(none);
    EXPECT_LT(took, 150ms);
    EXPECT_EQ(joined.size(), 1U);
    EXPECT_EQ(cached.size(), 1U);
    EXPECT_EQ(asked, 1);
}

ASYNC_TEST_REAL_TIME(SemC70, one_that_leaves_takes_no_other_along) {
    const StandIn system;
    DnsResolver resolver(system_only());
    auto leaves = create_task(resolver.resolve("slow.corp", 80, AddressFamily::v4));
    auto stays = create_task(resolver.resolve("slow.corp", 80, AddressFamily::v4));
    co_await sleep(5ms);

    leaves.cancel();
    co_await leaves.join();
    const auto found = co_await std::move(stays);

    EXPECT_TRUE(leaves.cancelled());
    EXPECT_EQ(found.size(), 1U);
    EXPECT_EQ(asked, 1);
}

ASYNC_TEST_REAL_TIME(SemC70, as_a_fallback_it_is_asked_for_what_name_servers_do_not_know) {
    const StandIn system;
    DnsStandIn dns;
    auto serving = create_task(dns.serve());
    dns.records["known.test"].v4 = {"192.0.2.1"};
    DnsResolverOptions options;
    options.hosts_file = "/nonexistent";
    options.servers.push_back(dns.address());
    options.system_lookup = SystemLookup::fallback;
    DnsResolver resolver(options);

    const auto known = co_await resolver.resolve("known.test", 80, AddressFamily::v4);
    const int for_known = asked;
    const auto fallen_back = co_await resolver.resolve("printer.corp", 80, AddressFamily::any);
    const auto nowhere = co_await as_result(resolver.resolve("nobody.test", 80, AddressFamily::v4));
    const int for_all = asked;
    const auto still_nowhere = co_await as_result(resolver.resolve("nobody.test", 80, AddressFamily::v4));
    serving.cancel();
    co_await serving.join();

    EXPECT_EQ(known.front().to_string(), "192.0.2.1:80");
    EXPECT_EQ(for_known, 0);
    EXPECT_EQ(fallen_back.front().to_string(), "192.0.2.7:80");
    TANDEM_CO_ASSERT_TRUE(nowhere.has_error() && still_nowhere.has_error());
    EXPECT_EQ(for_all, 3);
    EXPECT_EQ(asked, 3);
}

TEST(SemC70, a_loop_that_closes_waits_for_no_answer_that_nobody_wants) {
    const StandIn system;
    DnsResolver resolver(system_only());
    const auto ask_and_leave = [&resolver]() -> Task<bool> {
        const auto found = co_await move_on_after(1ms, resolver.resolve("slow.corp", 80, AddressFamily::v4));
        co_return found.has_value();
    };

    EXPECT_FALSE(run(ask_and_leave()));
}

TEST(SemC70, the_real_getaddrinfo_knows_this_machine) {
    const auto local = ask_getaddrinfo({"localhost", AddressFamily::v4});
    const auto nowhere = ask_getaddrinfo({"no such name", AddressFamily::v4});

    ASSERT_EQ(local.addresses.size(), 1U);
    EXPECT_EQ(local.addresses.front().host(), "127.0.0.1");
    EXPECT_TRUE(nowhere.addresses.empty());
    EXPECT_FALSE(nowhere.reason.empty());
}

}  // namespace tandem::net
