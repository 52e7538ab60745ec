// A simulated world: the same programs as ever, on machines, links and disks that fail by plan.
#include <tandem/testing/world.hpp>

#include <tandem/io/read.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using testing::World;
using testing::WorldOptions;

Task<void> echo(net::TcpStream peer) {
    char buffer[512];
    for (;;) {
        const auto count = co_await peer.read_some(MutableBytes(buffer, sizeof buffer));
        if (count == 0) co_return;
        co_await peer.write_all(Bytes(buffer, count));
    }
}

Task<void> serve_echo(std::uint16_t port) {
    net::ListenOptions where;
    where.port = port;
    auto listener = co_await net::listen(where);
    co_await net::serve(listener, echo);
}

/// Sends `bytes` and reads them back; what came.
Task<std::string> ask(std::string host, std::uint16_t port, std::string bytes) {
    auto peer = co_await net::connect(host, port);
    co_await peer.write_all(bytes);
    co_await peer.shutdown_write();
    std::string all;
    char buffer[300];
    for (;;) {
        const auto count = co_await peer.read_some(MutableBytes(buffer, sizeof buffer));
        if (count == 0) break;
        all.append(buffer, count);
    }
    co_await peer.close();
    co_return all;
}

struct TwoHosts {
    explicit TwoHosts(WorldOptions options = quiet()) : world(options) {
        server.serve([] { return serve_echo(7); });
    }
    static WorldOptions quiet() {
        WorldOptions options;
        options.report_failures = false;
        return options;
    }
    World world;
    World::Host server = world.host("api.example", "10.0.0.1");
    World::Host laptop = world.host("laptop", "10.0.0.2");
};

std::string pattern(std::size_t size) {
    std::string bytes(size, ' ');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>('a' + i * 7 % 26);
    return bytes;
}

TEST(SIM1, programs_talk_over_the_simulated_network_as_they_are) {
    TwoHosts two;
    std::string answer;
    two.laptop.run([&]() -> Task<void> { answer = co_await ask("api.example", 7, "hello"); });
    const auto report = two.world.run_until_idle(1h);
    EXPECT_TRUE(report.ok()) << report.text();
    EXPECT_EQ(answer, "hello");
    // There and back to connect; then the bytes and their end there and back.
    EXPECT_EQ(two.world.elapsed(), 4ms);
}

TEST(WorldNet, a_slow_chopped_jittering_line_delivers_every_byte_in_order) {
    for (const auto seed : testing::seeds(20)) {
        auto options = TwoHosts::quiet();
        options.seed = seed;
        TwoHosts two(options);
        two.world.net.link("laptop", "api.example",
                           {.latency = 20ms, .jitter = 15ms, .bytes_per_second = 100'000, .chop = true});
        const auto sent = pattern(20'000);
        std::string answer;
        two.laptop.run([&]() -> Task<void> { answer = co_await ask("api.example", 7, sent); });
        const auto report = two.world.run_until_idle(1h);
        ASSERT_TRUE(report.ok()) << report.text();
        ASSERT_EQ(answer, sent) << "seed " << seed;
        EXPECT_GT(two.world.elapsed(), 200ms);
    }
}

/// What a run with this seed has been; everything in it is left to chance.
std::uint64_t history_of(std::uint64_t seed) {
    auto options = TwoHosts::quiet();
    options.seed = seed;
    TwoHosts two(options);
    two.world.net.link("laptop", "api.example", {.latency = 5ms, .jitter = 5ms, .chop = true});
    for (int i = 0; i < 5; ++i) {
        two.laptop.run([]() -> Task<void> { co_await ask("api.example", 7, pattern(2'000)); });
    }
    EXPECT_TRUE(two.world.run_until_idle(1h).ok());
    return two.world.trace_hash();
}

TEST(SIM6, the_same_seed_gives_the_same_history_and_another_seed_another_one) {
    for (const std::uint64_t seed : {1U, 2U, 50U}) EXPECT_EQ(history_of(seed), history_of(seed));
    EXPECT_NE(history_of(1), history_of(2));
}

TEST(SIM4, a_failure_tells_seed_time_tasks_events_and_how_to_run_it_again) {
    auto options = TwoHosts::quiet();
    options.seed = 0xbeef;
    TwoHosts two(options);
    two.laptop.run([]() -> Task<void> {
        co_await sleep(2s);
        throw std::runtime_error("it broke");
    });
    const auto report = two.world.run_until_idle(1h);
    EXPECT_FALSE(report.ok());
    for (const char* const part : {"laptop: ", "it broke", "2.000000 s", "api.example listens on",
                                   "tasks of api.example", "accept", "rerun: TANDEM_SEED=0xbeef"}) {
        EXPECT_NE(report.text().find(part), std::string::npos) << part << " in\n" << report.text();
    }
}

TEST(SIM4, a_program_that_waits_for_ever_is_a_failure_and_is_named) {
    TwoHosts two;
    two.laptop.run([]() -> Task<void> {
        auto peer = co_await net::connect("api.example", 7);
        char byte;
        co_await peer.read_some(MutableBytes(&byte, 1));
    });
    const auto report = two.world.run_until_idle(1h);
    EXPECT_FALSE(report.ok());
    EXPECT_NE(report.text().find("laptop: a program still waits"), std::string::npos);
    EXPECT_NE(report.text().find("receive"), std::string::npos) << report.text();
}

/// The outcome of one `ask` under a fault.
std::string outcome_of(SimFault fault, std::uint64_t k, bool to_client) {
    TwoHosts two;
    std::string outcome = "nothing";
    two.world.net.fault(two.laptop, two.server, fault, k, to_client);
    two.laptop.run([&]() -> Task<void> {
        try {
            CancelScope scope(300s);
            auto answer = co_await scope.run(ask("api.example", 7, pattern(1'000)));
            outcome = answer ? std::to_string(answer->size()) : "stalled";
        } catch (const std::system_error& error) {
            outcome = error.code().message();
        }
    });
    EXPECT_TRUE(two.world.run_until_idle(1h).ok());
    return outcome;
}

TEST(WorldNet, refused_black_holed_reset_cut_and_stalled_peers_are_what_they_are_on_a_real_network) {
    EXPECT_EQ(outcome_of(SimFault::refuse, 0, true), "Connection refused");
    EXPECT_EQ(outcome_of(SimFault::blackhole, 0, true), "Connection timed out");
    EXPECT_EQ(outcome_of(SimFault::reset, 500, true), "Connection reset by peer");
    EXPECT_EQ(outcome_of(SimFault::reset, 0, false), "Connection reset by peer");
    EXPECT_EQ(outcome_of(SimFault::end, 500, true), "500");
    EXPECT_EQ(outcome_of(SimFault::stall, 500, true), "stalled");
    EXPECT_EQ(outcome_of(SimFault::reset, 5'000, true), "1000");  // never struck
}

TEST(WorldNet, a_partition_holds_bytes_back_and_loses_none) {
    TwoHosts two;
    std::string answer;
    Duration answered{};
    two.laptop.run([&]() -> Task<void> {
        co_await sleep(5s);
        answer = co_await ask("api.example", 7, "through");
        answered = two.world.elapsed();
    });
    two.world.at(3s, [&] { two.world.net.partition(two.laptop, two.server); });
    two.world.at(8s, [&] { two.world.net.heal(); });
    EXPECT_TRUE(two.world.run_until_idle(1h).ok());
    EXPECT_EQ(answer, "through");
    EXPECT_GE(answered, 8s);
    EXPECT_LT(answered, 9s);
}

TEST(WorldNet, names_are_the_worlds_and_fail_as_often_as_planned) {
    TwoHosts two;
    two.world.dns.fail("api.example", net::DnsError::Kind::timeout, 2);
    int failures = 0;
    std::string answer;
    two.laptop.run([&]() -> Task<void> {
        while (answer.empty()) {
            try {
                answer = co_await ask("api.example", 7, "hi");
            } catch (const net::DnsError& error) {
                EXPECT_EQ(error.kind(), net::DnsError::Kind::timeout);
                ++failures;
            }
        }
        try {
            co_await ask("nobody.example", 7, "hi");
        } catch (const net::DnsError& error) {
            EXPECT_EQ(error.kind(), net::DnsError::Kind::not_found);
            ++failures;
        }
    });
    EXPECT_TRUE(two.world.run_until_idle(1h).ok());
    EXPECT_EQ(answer, "hi");
    EXPECT_EQ(failures, 3);
    EXPECT_GT(two.world.elapsed(), 10s);
}

TEST(WorldNet, a_machine_that_crashes_loses_its_connections_and_starts_its_programs_again) {
    TwoHosts two;
    int answers = 0;
    int failures = 0;
    two.laptop.run([&]() -> Task<void> {
        while (answers < 100) {
            try {
                CancelScope scope(2s);
                const auto answer = co_await scope.run(ask("api.example", 7, "ping"));
                if (answer) ++answers;
                if (!answer) ++failures;
            } catch (const std::system_error&) {
                ++failures;
            }
            co_await sleep(100ms);
        }
    });
    two.world.at(3s, [&] { two.server.crash(); });
    two.world.at(6s, [&] { two.server.restart(); });
    const auto report = two.world.run_until_idle(1h);
    EXPECT_TRUE(report.ok()) << report.text();
    EXPECT_EQ(answers, 100);
    EXPECT_GE(failures, 1);
}

TEST(WorldNet, a_hundred_clients_of_one_server_are_all_answered_under_any_seed) {
    for (const auto seed : testing::seeds(10)) {
        auto options = TwoHosts::quiet();
        options.seed = seed;
        TwoHosts two(options);
        int answered = 0;
        for (int i = 0; i < 100; ++i) {
            two.laptop.run([&answered, i]() -> Task<void> {
                const auto text = pattern(static_cast<std::size_t>(i) * 10 + 1);
                const auto answer = co_await ask("api.example", 7, text);
                if (answer == text) ++answered;
            });
        }
        ASSERT_TRUE(two.world.run_until_idle(1h).ok());
        ASSERT_EQ(answered, 100) << "seed " << seed;
    }
}

}  // namespace
}  // namespace tandem
