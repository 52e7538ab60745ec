// Rows of names: the answers are the C library's.
#include <tandem/net/name_info.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace tandem::net {
namespace {

/// What getaddrinfo(3) says, for TCP.
std::set<std::string> by_the_c_library(const char* host) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_protocol = IPPROTO_TCP;
    addrinfo* found = nullptr;
    std::set<std::string> addresses;
    if (::getaddrinfo(host, "443", &hints, &found) != 0) return addresses;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
        char text[INET_ADDRSTRLEN] = {};
        ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(each->ai_addr)->sin_addr, text,
                    sizeof text);
        addresses.insert(text + std::string(":443"));
    }
    ::freeaddrinfo(found);
    return addresses;
}

std::set<std::string> texts(const std::vector<SocketAddress>& addresses) {
    std::set<std::string> all;
    for (const auto& address : addresses) all.insert(address.to_string());
    return all;
}

/// What getnameinfo(3) says of an IPv4 address, as "host service".
std::string by_getnameinfo(const char* host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, host, &address.sin_addr);
    char name[NI_MAXHOST] = {};
    char service[NI_MAXSERV] = {};
    const int error = ::getnameinfo(reinterpret_cast<const sockaddr*>(&address), sizeof address, name,
                                    sizeof name, service, sizeof service, 0);
    return (error == 0 ? name : host) + std::string(" ") + service;
}

ASYNC_TEST_REAL_TIME(S11b, an_address_is_called_what_the_c_library_says) {
    const auto local = co_await name_info(SocketAddress::ip("127.0.0.1", 443));
    EXPECT_EQ(local.host + " " + local.service, by_getnameinfo("127.0.0.1", 443));
}

ASYNC_TEST_REAL_TIME(S11b, one_without_a_name_gives_the_digits) {
    const auto nobody = co_await name_info(SocketAddress::ip("192.0.2.1", 50'007));
    EXPECT_EQ(nobody.host, "192.0.2.1");
    EXPECT_EQ(nobody.service, "50007");
    const auto local = co_await as_result(name_info(SocketAddress::local("/run/x.sock")));
    EXPECT_TRUE(local.has_error());
}

ASYNC_TEST_REAL_TIME(S11a, localhost_and_numbers_are_what_the_c_library_says) {
    for (const char* host : {"localhost", "127.0.0.1", "192.0.2.1"}) {
        const auto addresses = co_await resolve(host, 443, AddressFamily::v4);
        EXPECT_EQ(texts(addresses), by_the_c_library(host)) << host;
        EXPECT_FALSE(addresses.empty()) << host;
    }
}

ASYNC_TEST_REAL_TIME(S11a, a_name_that_is_not_gives_a_dns_error_with_the_name) {
    const auto answer = co_await as_result(resolve("no-such-host.invalid", 443));
    TANDEM_CO_ASSERT_TRUE(answer.has_error());
    EXPECT_TRUE(answer.error().is<DnsError>());
    EXPECT_NE(std::string(answer.error().what()).find("no-such-host.invalid"), std::string::npos);
}

ASYNC_TEST_REAL_TIME(U25j, several_names_at_once_each_get_their_own_answer) {
    const auto answers = co_await gather_results(resolve("127.0.0.1", 443), resolve("no-such-host.invalid"),
                                                 resolve("localhost", 443, AddressFamily::v4));
    const auto& [number, unknown, local] = answers;
    EXPECT_EQ(texts(number.value()), by_the_c_library("127.0.0.1"));
    TANDEM_CO_ASSERT_TRUE(unknown.has_error());
    EXPECT_TRUE(unknown.error().is<DnsError>());
    EXPECT_EQ(texts(local.value()), by_the_c_library("localhost"));
}

}  // namespace
}  // namespace tandem::net
