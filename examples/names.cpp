// Names and their addresses.
#include <tandem/tandem.hpp>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;

Task<std::string> lookup(std::string host) {
    std::string line = host + ":";
    try {
        const auto addresses = co_await net::resolve(host, 443, net::AddressFamily::any);
        for (const auto& address : addresses) line += " " + address.to_string();
    } catch (const net::DnsError&) {
        line += " no address";
    }
    co_return line;
}

// S11a: one after another.
Task<void> one_by_one() {
    for (const char* host : {"127.0.0.1", "::1", "no-such-host.invalid"}) {
        const std::string line = co_await lookup(host);
        std::puts(line.c_str());
    }
    const auto local = co_await net::resolve("localhost", 443, net::AddressFamily::v4);
    for (const auto& address : local) std::printf("localhost: %s\n", address.to_string().c_str());
}

// S11b: the other way round.
Task<void> names_of_addresses() {
    const std::vector<net::SocketAddress> addresses = {net::SocketAddress::ip("127.0.0.1", 50'007),
                                                       net::SocketAddress::ip("192.0.2.1", 50'007)};
    for (const auto& address : addresses) {
        const auto info = co_await net::name_info(address);
        std::printf("%s: %s, %s\n", address.to_string().c_str(), info.host.c_str(), info.service.c_str());
    }
}

// U25j: all at once.
Task<void> at_once() {
    std::vector<Task<std::string>> lookups;
    for (const char* host : {"no-such-host.invalid", "192.0.2.1", "::1"}) lookups.push_back(lookup(host));
    const auto lines = co_await gather(std::move(lookups));
    for (const std::string& line : lines) std::puts(line.c_str());
}

int main() {
    std::puts("S11a");
    run(one_by_one());

    std::puts("S11b");
    run(names_of_addresses());

    std::puts("U25j");
    run(at_once());
}
