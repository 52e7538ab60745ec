// Connections under misfortune: bytes are never lost, doubled or reordered, an error is told, and a server
// goes on (PROMISE-3; SIM-9: happy eyeballs).
#include "scenarios.hpp"

#include <tandem/io/read.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/serve.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <span>
#include <string>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using exploration::hold;
using testing::World;

char letter(std::size_t place) { return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJK"[place % 37]; }

std::string pattern(std::size_t size) {
    std::string bytes(size, ' ');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = letter(i);
    return bytes;
}

net::ListenOptions at_port(std::uint16_t port) {
    net::ListenOptions where;
    where.port = port;
    return where;
}

/// Reads to the end and gives up waiting every now and then; nothing may be lost by that.
Task<std::string> read_impatiently(net::TcpStream& peer, SimRandom& random) {
    std::string all;
    char buffer[700];
    for (;;) {
        const auto patience = 1ms * static_cast<int>(1 + random.below(30));
        auto count = co_await move_on_after(
            patience, peer.read_some(MutableBytes(buffer, 1 + random.below(sizeof buffer))));
        if (!count) continue;
        if (*count == 0) co_return all;
        all.append(buffer, *count);
    }
}

/// At least 400 bytes: a third whole, a third in parts, a third bit by bit.
Task<void> write_in_every_way(net::TcpStream& peer, const std::string& bytes) {
    const auto part = [&bytes](std::size_t from, std::size_t count) {
        return Bytes(bytes.data() + from, count);
    };
    if (bytes.size() < 400) {
        co_await peer.write_all(bytes);
        co_return;
    }
    const auto third = bytes.size() / 3;
    co_await peer.write_all(part(0, third));
    const std::array<Bytes, 4> parts = {part(third, 100), part(third + 100, 1),
                                        part(third + 101, third - 101), Bytes()};
    co_await peer.write_all_parts(std::span<const Bytes>(parts));
    auto rest = part(2 * third, bytes.size() - 2 * third);
    while (!rest.empty()) {
        const std::size_t count = co_await peer.write_some(rest);
        rest = rest.skip(count);
    }
}

Task<void> echo_all(World& world, net::TcpStream peer) {
    const std::string all = co_await read_impatiently(peer, world.random());
    co_await write_in_every_way(peer, all);
    co_await peer.close();
}

Task<void> serve_echo(World& world) {
    auto listener = co_await net::listen(at_port(7));
    co_await net::serve(listener, [&world](net::TcpStream peer) { return echo_all(world, std::move(peer)); });
}

Task<std::string> ask(World& world, const std::string& bytes) {
    auto peer = co_await net::connect("server", 7);
    co_await write_in_every_way(peer, bytes);
    co_await peer.shutdown_write();
    std::string answer = co_await read_impatiently(peer, world.random());
    co_await peer.close();
    co_return answer;
}

/// An echo is exact, or nothing of it counts; one try in a hundred must succeed.
Task<void> ask_until_answered(World& world, std::size_t size, int* wrong, int* answered) {
    const auto sent = pattern(size);
    for (int tries = 0; tries < 100; ++tries) {
        bool failed = false;
        try {
            const std::string answer = co_await ask(world, sent);
            // A server that was cut off while it read has nothing to send back, and says so by its end.
            if (answer == sent) {
                ++*answered;
                co_return;
            }
            if (!answer.empty()) ++*wrong;
        } catch (const std::exception&) {
            failed = true;
        }
        co_await sleep(failed ? 100ms : 10ms);
    }
}

bool echoes_are_exact(World& world) {
    auto server = world.host("server", "10.0.0.1");
    auto client = world.host("client", "10.0.0.2");
    server.loop().set_exception_handler([](EventLoop&, const ErrorContext&) {});  // peers that are cut off
    world.net.link("client", "server", {.latency = 5ms, .jitter = 5ms, .bytes_per_second = 1'000'000});
    server.serve([&] { return serve_echo(world); });
    int wrong = 0;
    int answered = 0;
    for (const std::size_t size : {400U, 3'000U, 20'000U})
        client.run([&, size] { return ask_until_answered(world, size, &wrong, &answered); });
    return world.run_until_idle(1h).ok() && wrong == 0 && answered == 3;
}

TEST(SIM9, an_echo_is_exact_whatever_harmless_happens_to_it) {
    hold(echoes_are_exact, {.buggify = 0.1, .mishaps = SimMishaps::harmless});
}

TEST(SIM9, an_echo_is_exact_or_an_error_and_the_server_goes_on) { hold(echoes_are_exact, {.buggify = 0.02}); }

/// The first address answers nobody: the second one is tried 250 ms later, not when the first has failed.
bool the_second_address_is_tried_in_time(World& world) {
    auto silent = world.host("silent", "10.0.0.1");
    auto server = world.host("server", "10.0.0.2");
    auto client = world.host("client", "10.0.0.3");
    world.dns.add("both", {"10.0.0.1", "10.0.0.2"});
    server.serve([&] { return serve_echo(world); });
    world.net.fault(client, silent, SimFault::blackhole);
    Duration took{};
    client.run([&]() -> Task<void> {
        co_await sleep(1s);
        const auto before = this_loop().time();
        auto peer = co_await net::connect("both", 7);
        took = this_loop().time() - before;
        co_await peer.close();
    });
    // What comes late comes up to 0.2 s late: the name, the knock, the end of the operation.
    return world.run_until_idle(1h).ok() && took > 0s && took < 250ms + 2ms + 3 * 205ms;
}

TEST(SIM9, a_second_address_is_tried_in_time_while_the_first_is_silent) {
    hold(the_second_address_is_tried_in_time, {.buggify = 0.05, .mishaps = SimMishaps::harmless});
}

}  // namespace
}  // namespace tandem
