#include <tandem/net/resolver.hpp>

#include <tandem/net/dns_cache_internal.hpp>
#include <tandem/net/dns_stand_in_internal.hpp>
#include <tandem/net/hosts_file_internal.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> texts(const std::vector<SocketAddress>& addresses) {
    std::vector<std::string> result;
    for (const auto& address : addresses) result.push_back(address.to_string());
    return result;
}

using Texts = std::vector<std::string>;

/// A resolver that asks the stand-in, which answers while this lives.
class Scene {
public:
    Scene() : serving_(create_task(dns.serve())) {}
    std::shared_ptr<DnsResolver> resolver(int tries = 2, Duration timeout = 100ms) const {
        DnsResolverOptions options;
        options.servers.push_back(dns.address());
        options.hosts_file = "/nonexistent";
        options.tries = tries;
        options.timeout = timeout;
        return std::make_shared<DnsResolver>(options);
    }
    Task<void> end() {
        serving_.cancel();
        co_await serving_.join();
    }
    DnsStandIn dns;

private:
    TaskHandle<void> serving_;
};

ASYNC_TEST_REAL_TIME(HttpH111, addresses_and_localhost_are_known_without_asking_anybody) {
    Scene scene;
    auto resolver = scene.resolver();

    const auto v4 = co_await resolver->resolve("192.0.2.1", 80, AddressFamily::any);
    const auto v6 = co_await resolver->resolve("[2001:db8::1]", 81, AddressFamily::any);
    const auto local = co_await resolver->resolve("LocalHost.", 82, AddressFamily::any);
    const auto sub = co_await resolver->resolve("x.localhost", 83, AddressFamily::v4);
    const auto wrong = co_await as_result(resolver->resolve("192.0.2.1", 80, AddressFamily::v6));
    co_await scene.end();

    EXPECT_EQ(texts(v4), Texts{"192.0.2.1:80"});
    EXPECT_EQ(texts(v6), Texts{"[2001:db8::1]:81"});
    EXPECT_EQ(texts(local), (Texts{"[::1]:82", "127.0.0.1:82"}));
    EXPECT_EQ(texts(sub), Texts{"127.0.0.1:83"});
    EXPECT_TRUE(wrong.has_error());
    EXPECT_EQ(scene.dns.questions(), 0);
}

ASYNC_TEST_REAL_TIME(HttpH111, the_hosts_file_comes_before_dns_and_is_read_again_when_it_changes) {
    Scene scene;
    scene.dns.records["known.test"].v4 = {"192.0.2.99"};
    const auto path = "/tmp/tandem-hosts-" + std::to_string(::getpid());
    std::ofstream(path) << "# comment\n127.0.0.9 Known.Test alias # more\n::9\tknown.test\nnonsense x\n";
    DnsResolverOptions options;
    options.servers.push_back(scene.dns.address());
    options.hosts_file = path;
    DnsResolver resolver(options);

    const auto both = co_await resolver.resolve("KNOWN.test", 80, AddressFamily::any);
    const auto alias = co_await resolver.resolve("alias", 80, AddressFamily::any);
    std::ofstream(path) << "127.0.0.10 other.test\n";
    const auto changed = co_await resolver.resolve("other.test", 80, AddressFamily::any);
    const auto now_dns = co_await resolver.resolve("known.test", 80, AddressFamily::v4);
    std::remove(path.c_str());
    co_await scene.end();

    EXPECT_EQ(texts(both), (Texts{"127.0.0.9:80", "[::9]:80"}));
    EXPECT_EQ(texts(alias), Texts{"127.0.0.9:80"});
    EXPECT_EQ(texts(changed), Texts{"127.0.0.10:80"});
    EXPECT_EQ(texts(now_dns), Texts{"192.0.2.99:80"});
}

ASYNC_TEST_REAL_TIME(HttpH112, both_families_are_asked_and_the_answer_is_kept_for_its_time) {
    Scene scene;
    scene.dns.records["both.test"].v4 = {"127.0.0.1"};
    scene.dns.records["both.test"].v6 = {"::1"};
    auto resolver = scene.resolver();

    const auto first = co_await resolver->resolve("both.test", 80, AddressFamily::any);
    const auto again = co_await resolver->resolve("Both.Test.", 81, AddressFamily::any);
    co_await scene.end();

    EXPECT_EQ(texts(first), (Texts{"[::1]:80", "127.0.0.1:80"}));
    EXPECT_EQ(texts(again), (Texts{"[::1]:81", "127.0.0.1:81"}));
    EXPECT_EQ(scene.dns.questions(), 2);
}

ASYNC_TEST_REAL_TIME(HttpH112, answers_rotate) {
    Scene scene;
    scene.dns.records["many.test"].v4 = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    auto resolver = scene.resolver();
    std::vector<std::string> firsts;

    for (int i = 0; i < 4; ++i) {
        const auto found = co_await resolver->resolve("many.test", 1, AddressFamily::v4);
        firsts.push_back(found.front().host());
    }
    co_await scene.end();
    std::ranges::sort(firsts);
    firsts.erase(std::unique(firsts.begin(), firsts.end()), firsts.end());

    EXPECT_EQ(firsts.size(), 3U);
}

ASYNC_TEST_REAL_TIME(SemC69, a_hundred_lookups_of_one_name_are_one_question_per_family) {
    Scene scene;
    scene.dns.records["slow.test"] = {{"127.0.0.1"}, {"::1"}, 60, 0, 30ms, false, false};
    auto resolver = scene.resolver();
    std::vector<TaskHandle<std::vector<SocketAddress>>> lookups;
    for (int i = 0; i < 100; ++i)
        lookups.push_back(create_task(resolver->resolve("slow.test", 80, AddressFamily::any)));

    int right = 0;
    for (auto& lookup : lookups) {
        const auto found = co_await std::move(lookup);
        if (!found.empty() && found.back().host() == "127.0.0.1") ++right;
    }
    co_await scene.end();

    EXPECT_EQ(right, 100);
    EXPECT_EQ(scene.dns.questions(), 2);
}

ASYNC_TEST_REAL_TIME(
    SemC69, cancelling_one_waiter_leaves_the_others_and_the_last_one_leaves_the_answer_to_the_cache) {
    Scene scene;
    scene.dns.records["slow.test"] = {{"127.0.0.1"}, {}, 60, 0, 30ms, false, false};
    auto resolver = scene.resolver();
    auto stays = create_task(resolver->resolve("slow.test", 80, AddressFamily::v4));
    CancelScope scope(5ms);

    const auto left = co_await scope.run(resolver->resolve("slow.test", 80, AddressFamily::v4));
    const auto found = co_await std::move(stays);
    scene.dns.records["lone.test"] = {{"127.0.0.2"}, {}, 60, 0, 20ms, false, false};
    CancelScope alone(5ms);
    const auto nobody = co_await alone.run(resolver->resolve("lone.test", 80, AddressFamily::v4));
    co_await sleep(50ms);
    const auto asked = scene.dns.questions();
    const auto later = co_await resolver->resolve("lone.test", 80, AddressFamily::v4);
    co_await scene.end();

    EXPECT_FALSE(left.has_value());
    EXPECT_EQ(texts(found), Texts{"127.0.0.1:80"});
    EXPECT_FALSE(nobody.has_value());
    EXPECT_EQ(texts(later), Texts{"127.0.0.2:80"});
    EXPECT_EQ(scene.dns.questions(), asked);
}

ASYNC_TEST_REAL_TIME(HttpH113, a_family_that_never_answers_costs_50_ms) {
    Scene scene;
    scene.dns.records["half.test"] = {{"127.0.0.1"}, {}, 60, 0, {}, false, true};
    auto resolver = scene.resolver(1, 1s);
    auto& loop = this_loop();
    const auto start = loop.time();

    const auto found = co_await resolver->resolve("half.test", 80, AddressFamily::any);
    const auto took = loop.time() - start;
    co_await sleep(1500ms);  // the other question goes on until it has timed out
    co_await scene.end();

    EXPECT_EQ(texts(found), Texts{"127.0.0.1:80"});
    EXPECT_GE(took, 49ms);
    EXPECT_LT(took, 500ms);
}

DnsError::Kind kind_of(const Outcome<std::vector<SocketAddress>>& outcome) {
    try {
        std::rethrow_exception(outcome.error().exception());
    } catch (const DnsError& error) {
        return error.kind();
    }
}

ASYNC_TEST_REAL_TIME(DnsError, tells_an_unknown_name_from_a_failing_server_and_from_silence) {
    Scene scene;
    scene.dns.records["broken.test"].code = 2;
    scene.dns.records["refused.test"].code = 5;
    scene.dns.records["silent.test"] = {{}, {}, 60, 0, {}, true, true};
    scene.dns.records["empty.test"] = {};
    auto resolver = scene.resolver(1, 60ms);

    const auto unknown = co_await as_result(resolver->resolve("unknown.test", 80, AddressFamily::any));
    const auto broken = co_await as_result(resolver->resolve("broken.test", 80, AddressFamily::any));
    const auto refused = co_await as_result(resolver->resolve("refused.test", 80, AddressFamily::any));
    const auto silent = co_await as_result(resolver->resolve("silent.test", 80, AddressFamily::any));
    const auto empty = co_await as_result(resolver->resolve("empty.test", 80, AddressFamily::any));
    const auto nonsense =
        co_await as_result(resolver->resolve(std::string(300, 'x'), 80, AddressFamily::any));
    const auto dots = co_await as_result(resolver->resolve("a..b", 80, AddressFamily::any));
    co_await scene.end();

    TANDEM_CO_ASSERT_TRUE(unknown.has_error() && broken.has_error() && refused.has_error() &&
                          silent.has_error() && empty.has_error() && nonsense.has_error() &&
                          dots.has_error());
    EXPECT_EQ(kind_of(unknown), DnsError::Kind::not_found);
    EXPECT_EQ(unknown.error().what(), "resolve unknown.test: no such host");
    EXPECT_EQ(kind_of(broken), DnsError::Kind::failed);
    EXPECT_EQ(kind_of(refused), DnsError::Kind::failed);
    EXPECT_EQ(kind_of(silent), DnsError::Kind::timeout);
    EXPECT_EQ(kind_of(empty), DnsError::Kind::not_found);
    EXPECT_EQ(kind_of(nonsense), DnsError::Kind::not_found);
    EXPECT_EQ(kind_of(dots), DnsError::Kind::not_found);
}

TEST(DnsResolver, a_loop_that_closes_with_a_question_under_way_ends_it) {
    DnsStandIn nobody;  // bound, and never answers
    DnsResolverOptions options;
    options.servers.push_back(nobody.address());
    options.timeout = 10s;
    DnsResolver resolver(options);
    for (const auto backend : {BackendChoice::uring, BackendChoice::epoll}) {
        RunOptions how;
        how.backend = backend;
        const auto ask_and_leave = [&resolver]() -> Task<bool> {
            CancelScope scope(10ms);
            const auto found = co_await scope.run(resolver.resolve("silent.test", 80, AddressFamily::any));
            co_return found.has_value();
        };
        EXPECT_FALSE(run(ask_and_leave(), how));
    }
}

TEST(DnsCache, forgets_what_is_old_and_what_was_used_least_recently) {
    DnsCache cache(2);
    const TimePoint start(1s);
    const auto answer = [](const char* address) {
        DnsAnswer made;
        made.addresses.push_back(SocketAddress::ip(address, 0));
        return made;
    };
    const DnsQuestion a{"a", AddressFamily::v4};
    const DnsQuestion b{"b", AddressFamily::v4};
    const DnsQuestion c{"c", AddressFamily::v4};
    cache.store(a, answer("127.0.0.1"), start + 10s);
    cache.store(b, answer("127.0.0.2"), start + 20s);
    EXPECT_TRUE(cache.find(a, start));
    cache.store(c, answer("127.0.0.3"), start + 5s);

    EXPECT_FALSE(cache.find(b, start));
    EXPECT_TRUE(cache.find(a, start + 10s - 1ns));
    EXPECT_FALSE(cache.find(a, start + 10s));
    EXPECT_FALSE(cache.find(DnsQuestion{"c", AddressFamily::v6}, start));
    EXPECT_FALSE(cache.find(c, start + 5s));
    EXPECT_EQ(cache.size(), 0U);
}

}  // namespace
}  // namespace tandem::net
