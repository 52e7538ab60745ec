#include <tandem/net/address.hpp>

#include <tandem/net/address_internal.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace tandem::inline v1::net {
namespace {

constexpr std::string_view local_prefix = "unix:";

std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t limit) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || value > limit) return {};
    return value;
}

/// "2" or "eth0".
std::optional<std::uint32_t> parse_scope(std::string_view text) {
    if (const auto number = parse_number(text, 0xffffffff)) return number;
    const auto index = ::if_nametoindex(std::string(text).c_str());
    if (index == 0) return {};
    return index;
}

}  // namespace

SocketAddress SocketAddress::v4(std::array<std::uint8_t, 4> bytes, std::uint16_t port) {
    SocketAddress made;
    made.family_ = AddressFamily::v4;
    made.port_ = port;
    std::copy(bytes.begin(), bytes.end(), made.bytes_.begin());
    return made;
}

SocketAddress SocketAddress::v6(std::array<std::uint8_t, 16> bytes, std::uint16_t port, std::uint32_t scope) {
    SocketAddress made;
    made.family_ = AddressFamily::v6;
    made.port_ = port;
    made.scope_ = scope;
    made.bytes_ = bytes;
    return made;
}

SocketAddress SocketAddress::local(std::string_view path) {
    SocketAddress made;
    made.family_ = AddressFamily::local;
    made.path_ = path;
    return made;
}

std::optional<SocketAddress> SocketAddress::try_ip(std::string_view literal, std::uint16_t port) {
    if (literal.size() >= 2 && literal.front() == '[' && literal.back() == ']') {
        literal = literal.substr(1, literal.size() - 2);
        if (literal.find(':') == std::string_view::npos) return {};
    }
    if (literal.find('\0') != std::string_view::npos) return {};
    if (literal.find(':') == std::string_view::npos) {
        std::array<std::uint8_t, 4> bytes{};
        if (::inet_pton(AF_INET, std::string(literal).c_str(), bytes.data()) != 1) return {};
        return v4(bytes, port);
    }
    std::uint32_t scope = 0;
    if (const auto percent = literal.find('%'); percent != std::string_view::npos) {
        const auto parsed = parse_scope(literal.substr(percent + 1));
        if (!parsed) return {};
        scope = *parsed;
        literal = literal.substr(0, percent);
    }
    std::array<std::uint8_t, 16> bytes{};
    if (::inet_pton(AF_INET6, std::string(literal).c_str(), bytes.data()) != 1) return {};
    return v6(bytes, port, scope);
}

SocketAddress SocketAddress::ip(std::string_view literal, std::uint16_t port) {
    if (auto found = try_ip(literal, port)) return *found;
    throw std::invalid_argument(
        "\"" + std::string(literal) +
        "\" is not an IP address: write 192.0.2.1 or 2001:db8::1, or resolve() a name");
}

std::optional<SocketAddress> SocketAddress::try_parse(std::string_view text) {
    if (text.starts_with(local_prefix)) {
        text.remove_prefix(local_prefix.size());
        if (text.empty()) return {};
        return local(text);
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return {};
    const auto port = parse_number(text.substr(colon + 1), 0xffff);
    const auto host = text.substr(0, colon);
    // An IPv6 address needs its brackets here: 2001:db8::1:80 would have two readings.
    if (!port || (host.find(':') != std::string_view::npos && !host.starts_with('['))) return {};
    return try_ip(host, static_cast<std::uint16_t>(*port));
}

SocketAddress SocketAddress::parse(std::string_view text) {
    if (auto found = try_parse(text)) return *found;
    throw std::invalid_argument(
        "\"" + std::string(text) +
        "\" is not a socket address: write 192.0.2.1:80, [2001:db8::1]:80 or unix:/path");
}

SocketAddress SocketAddress::with_port(std::uint16_t port) const {
    SocketAddress copy = *this;
    copy.port_ = port;
    return copy;
}

bool SocketAddress::is_loopback() const {
    constexpr std::array<std::uint8_t, 16> v6_loopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    constexpr std::array<std::uint8_t, 13> v4_mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    switch (family_) {
        case AddressFamily::v4:
            return bytes_[0] == 127;
        case AddressFamily::v6:
            return bytes_ == v6_loopback || std::equal(v4_mapped.begin(), v4_mapped.end(), bytes_.begin());
        case AddressFamily::local:
            return true;
        case AddressFamily::any:
            break;
    }
    return false;
}

std::string SocketAddress::host() const {
    char text[INET6_ADDRSTRLEN] = {};
    switch (family_) {
        case AddressFamily::v4:
            return ::inet_ntop(AF_INET, bytes_.data(), text, sizeof text);
        case AddressFamily::v6: {
            std::string host = ::inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
            if (scope_ != 0) host += "%" + std::to_string(scope_);
            return host;
        }
        case AddressFamily::local:
            return path_;
        case AddressFamily::any:
            break;
    }
    return {};
}

std::string SocketAddress::to_string() const {
    switch (family_) {
        case AddressFamily::v4:
            return host() + ":" + std::to_string(port_);
        case AddressFamily::v6:
            return "[" + host() + "]:" + std::to_string(port_);
        case AddressFamily::local:
            return std::string(local_prefix) + path_;
        case AddressFamily::any:
            break;
    }
    return {};
}

RawAddress to_raw(const SocketAddress& address) {
    RawAddress raw;
    switch (address.family()) {
        case AddressFamily::v4: {
            sockaddr_in in{};
            in.sin_family = AF_INET;
            in.sin_port = htons(address.port());
            std::memcpy(&in.sin_addr, address.bytes().data(), sizeof in.sin_addr);
            std::memcpy(&raw.storage, &in, sizeof in);
            raw.size = sizeof in;
            return raw;
        }
        case AddressFamily::v6: {
            sockaddr_in6 in{};
            in.sin6_family = AF_INET6;
            in.sin6_port = htons(address.port());
            in.sin6_scope_id = address.scope();
            std::memcpy(&in.sin6_addr, address.bytes().data(), sizeof in.sin6_addr);
            std::memcpy(&raw.storage, &in, sizeof in);
            raw.size = sizeof in;
            return raw;
        }
        case AddressFamily::local: {
            sockaddr_un un{};
            un.sun_family = AF_UNIX;
            const auto& path = address.path();
            if (path.empty() || path.size() >= sizeof un.sun_path || path.find('\0') != std::string::npos) {
                throw std::invalid_argument(
                    "the path of a local socket has 1 to " + std::to_string(sizeof un.sun_path - 1) +
                    " bytes and no NUL, not " + std::to_string(path.size()) + ": \"" + path + "\"");
            }
            std::memcpy(un.sun_path, path.data(), path.size());
            const bool abstract = path.front() == '@';
            if (abstract) un.sun_path[0] = '\0';
            std::memcpy(&raw.storage, &un, sizeof un);
            raw.size =
                static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
            return raw;
        }
        case AddressFamily::any:
            break;
    }
    throw std::invalid_argument("an empty SocketAddress was used");
}

SocketAddress from_raw(const sockaddr* data, socklen_t size) {
    if (size < sizeof(sa_family_t)) return {};
    if (data->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
        sockaddr_in in;
        std::memcpy(&in, data, sizeof in);
        std::array<std::uint8_t, 4> bytes;
        std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
        return SocketAddress::v4(bytes, ntohs(in.sin_port));
    }
    if (data->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
        sockaddr_in6 in;
        std::memcpy(&in, data, sizeof in);
        std::array<std::uint8_t, 16> bytes;
        std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
        if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
            return SocketAddress::v4({bytes[12], bytes[13], bytes[14], bytes[15]}, ntohs(in.sin6_port));
        }
        return SocketAddress::v6(bytes, ntohs(in.sin6_port), in.sin6_scope_id);
    }
    if (data->sa_family == AF_UNIX && size > offsetof(sockaddr_un, sun_path)) {
        sockaddr_un un{};
        std::memcpy(&un, data, std::min<std::size_t>(size, sizeof un));
        const auto length = size - offsetof(sockaddr_un, sun_path);
        if (un.sun_path[0] == '\0')
            return SocketAddress::local("@" + std::string(un.sun_path + 1, length - 1));
        return SocketAddress::local(std::string(un.sun_path, ::strnlen(un.sun_path, length)));
    }
    return {};
}

}  // namespace tandem::inline v1::net
