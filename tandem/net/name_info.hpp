#pragma once

#include <tandem/net/address.hpp>
#include <tandem/task/task.hpp>

#include <string>

namespace tandem::inline v1::net {

/// What an address is called.
struct NameInfo {
    std::string host;     ///< "localhost"; the digits of an address that has no name
    std::string service;  ///< "https"; the number of a port that has none
};

/// The names of an IP address and its port: `getnameinfo(3)`, in a worker thread.
///
///     auto peer = co_await net::name_info(stream.peer());
///
/// Errors      `DnsError` if the system cannot look; `std::invalid_argument` for a local socket. That nobody
///             knows a name, or that no server answers, is none: then it is the digits.
/// Cancelling  as `to_thread`: waits for the answer, which the system limits to some seconds.
[[nodiscard]] Task<NameInfo> name_info(SocketAddress address);

}  // namespace tandem::inline v1::net
