#pragma once

#include <tandem/base/unique_fd.hpp>
#include <tandem/task/task.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace tandem::inline v1::testing {

// Sockets of the system's without a stream of ours, as programs have them that wait by `io::readable()` and
// `io::writable()` themselves (examples/echo.cpp). Errors: `std::system_error`.

struct RawListener {
    UniqueFd socket;
    std::uint16_t port;
};

/// Listens on the loopback.
[[nodiscard]] RawListener raw_listener();

[[nodiscard]] Task<UniqueFd> sock_accept(int socket);
/// At least one byte; "" at the end.
[[nodiscard]] Task<std::string> sock_recv(int socket, std::size_t most);
[[nodiscard]] Task<void> sock_sendall(int socket, std::string data);

}  // namespace tandem::inline v1::testing
