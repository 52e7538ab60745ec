#pragma once

#include <tandem/net/address.hpp>

#include <sys/socket.h>

namespace tandem::inline v1::net {

/// An address as the kernel takes it.
struct RawAddress {
    sockaddr_storage storage{};
    socklen_t size = sizeof(sockaddr_storage);

    sockaddr* data() { return reinterpret_cast<sockaddr*>(&storage); }
    const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage); }
    int family() const { return storage.ss_family; }
};

/// Errors: `std::invalid_argument` for no address and for a path that is too long.
RawAddress to_raw(const SocketAddress& address);
/// No address if it is of a family that we do not know. IPv4 in IPv6 becomes IPv4.
SocketAddress from_raw(const sockaddr* data, socklen_t size);

}  // namespace tandem::inline v1::net
