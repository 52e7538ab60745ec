#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::inline v1::net {

enum class AddressFamily : std::uint8_t { any, v4, v6, local };

/// Where a socket is: an IPv4 or IPv6 address with a port, or the path of a local (Unix) socket. A plain
/// value.
///
///     auto a = net::SocketAddress::parse("[::1]:8080");   auto b = net::SocketAddress::ip("127.0.0.1", 80);
///
/// Errors      `parse` and `ip` throw `std::invalid_argument`; the `try_` forms give nothing instead.
class SocketAddress {
public:
    /// No address.
    SocketAddress() = default;
    /// "1.2.3.4:80", "[fe80::1%2]:80", "unix:/run/x.sock", "unix:@abstract".
    static SocketAddress parse(std::string_view text);
    static std::optional<SocketAddress> try_parse(std::string_view text);
    /// An IP literal, with or without brackets, and its port. Only the four-number form of IPv4.
    static SocketAddress ip(std::string_view literal, std::uint16_t port);
    static std::optional<SocketAddress> try_ip(std::string_view literal, std::uint16_t port);
    static SocketAddress v4(std::array<std::uint8_t, 4> bytes, std::uint16_t port);
    static SocketAddress v6(std::array<std::uint8_t, 16> bytes, std::uint16_t port, std::uint32_t scope = 0);
    /// A local socket; a leading `@` names one without a file.
    static SocketAddress local(std::string_view path);

    /// `any` for no address.
    AddressFamily family() const { return family_; }
    explicit operator bool() const { return family_ != AddressFamily::any; }
    std::uint16_t port() const { return port_; }
    SocketAddress with_port(std::uint16_t port) const;
    /// Network order; the first 4 count for IPv4.
    const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
    std::uint32_t scope() const { return scope_; }
    const std::string& path() const { return path_; }

    bool is_loopback() const;
    /// The address without port and brackets, or the path.
    std::string host() const;
    /// As `parse` reads it; empty for no address.
    std::string to_string() const;

    bool operator==(const SocketAddress&) const = default;
    auto operator<=>(const SocketAddress&) const = default;

private:
    AddressFamily family_ = AddressFamily::any;
    std::uint16_t port_ = 0;
    std::uint32_t scope_ = 0;
    std::array<std::uint8_t, 16> bytes_{};
    std::string path_;  // of a local socket; '@' first for an abstract one
};

}  // namespace tandem::inline v1::net
