#include <tandem/net/address.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace tandem::net {
namespace {

TEST(SocketAddress, what_it_prints_it_reads_again) {
    for (const std::string text : {"127.0.0.1:80", "0.0.0.0:0", "[::1]:65535", "[2001:db8::7]:443",
                                   "[fe80::1%3]:1", "unix:/run/x.sock", "unix:@abstract"}) {
        EXPECT_EQ(SocketAddress::parse(text).to_string(), text);
    }
}

TEST(SocketAddress, what_has_two_readings_or_none_is_refused) {
    for (const std::string text :
         {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.1:80", "0x7f.0.0.1:80",
          "0177.0.0.1:80", "2130706433:80", "2001:db8::1:80", "[127.0.0.1]:80", "[::1:80", "[::1]80",
          "::1]:80", "example.org:80", "unix:", "127.0.0.1:80 "}) {
        EXPECT_FALSE(SocketAddress::try_parse(text)) << text;
    }
    EXPECT_FALSE(SocketAddress::try_ip(std::string("127.0.0.1\0x", 11), 80));
    EXPECT_THROW(SocketAddress::parse("example.org:80"), std::invalid_argument);
}

TEST(SocketAddress, knows_loopback_in_every_form) {
    EXPECT_TRUE(SocketAddress::ip("127.9.9.9", 1).is_loopback());
    EXPECT_TRUE(SocketAddress::ip("::1", 1).is_loopback());
    EXPECT_TRUE(SocketAddress::ip("::ffff:127.0.0.1", 1).is_loopback());
    EXPECT_FALSE(SocketAddress::ip("128.0.0.1", 1).is_loopback());
    EXPECT_FALSE(SocketAddress::ip("::2", 1).is_loopback());
    EXPECT_FALSE(SocketAddress::ip("::ffff:8.8.8.8", 1).is_loopback());
    EXPECT_FALSE(SocketAddress().is_loopback());
}

TEST(SocketAddress, a_port_belongs_to_its_identity) {
    const auto address = SocketAddress::ip("[::1]", 80);

    EXPECT_EQ(address, SocketAddress::ip("::1", 80));
    EXPECT_NE(address, address.with_port(81));
    EXPECT_EQ(address.host(), "::1");
}

}  // namespace
}  // namespace tandem::net
