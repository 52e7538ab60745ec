#pragma once

#include <tandem/base/time.hpp>
#include <tandem/net/address.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/net/tcp_stream.hpp>
#include <tandem/task/task.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace tandem::inline v1::net {

/// How one address was tried and what came of it.
struct ConnectAttempt {
    SocketAddress address;
    std::error_code error;
};

/// No address of a host could be connected. `code()` is the most telling one's.
///
///     connect example.org:443: connection refused by 192.0.2.7:443 and [2001:db8::7]:443
class ConnectError : public std::system_error {
public:
    ConnectError(std::string host, std::uint16_t port, std::vector<ConnectAttempt> attempts);
    const char* what() const noexcept override { return message_.c_str(); }
    const std::string& host() const noexcept { return host_; }
    std::uint16_t port() const noexcept { return port_; }
    /// In the order they were tried. `errc::timed_out` also for those that were still under way at the time
    /// limit, `errc::operation_not_permitted` for those that the guard refused.
    const std::vector<ConnectAttempt>& attempts() const noexcept { return attempts_; }

private:
    std::string host_;
    std::uint16_t port_;
    std::vector<ConnectAttempt> attempts_;
    std::string message_;  // the base would add the code's text once more
};

class ConnectOptions {
public:
    ConnectOptions() {}
    ConnectOptions(const ConnectOptions&) = default;
    ConnectOptions(ConnectOptions&&) = default;
    ConnectOptions& operator=(const ConnectOptions&) = default;
    ConnectOptions& operator=(ConnectOptions&&) = default;
    ~ConnectOptions() {}

    /// Only addresses of this family; `any` by default.
    ConnectOptions& family(AddressFamily value) { return family_ = value, *this; }
    /// For names and connecting together; none by default. When it has passed: `ConnectError` (timed out), or
    /// `DnsError` if no address was known yet.
    ConnectOptions& timeout(Deadline value) { return timeout_ = value, *this; }
    /// How long an address is alone before the next one is tried too; 250 ms by default (RFC 8305).
    ConnectOptions& stagger(Duration value) { return stagger_ = value, *this; }
    /// Where the connection comes from; only addresses of its family are tried.
    ConnectOptions& local_address(SocketAddress value) { return local_address_ = std::move(value), *this; }
    /// Instead of `default_resolver()`.
    ConnectOptions& resolver(std::shared_ptr<Resolver> value) { return resolver_ = std::move(value), *this; }
    /// `host:port` is these addresses, whatever the resolver says.
    ConnectOptions& resolve(std::string host, std::uint16_t port, std::vector<SocketAddress> addresses);
    /// Asked before every attempt; an address it refuses is not contacted.
    ConnectOptions& address_guard(std::function<bool(const SocketAddress&)> value) {
        return address_guard_ = std::move(value), *this;
    }
    /// Called with each fresh descriptor before it connects; to set socket options.
    ConnectOptions& socket_hook(std::function<void(int fd)> value) {
        return socket_hook_ = std::move(value), *this;
    }
    ConnectOptions& no_delay(bool value) { return no_delay_ = value, *this; }

    AddressFamily family() const { return family_; }
    Deadline timeout() const { return timeout_; }
    Duration stagger() const { return stagger_; }
    const SocketAddress& local_address() const { return local_address_; }
    const std::shared_ptr<Resolver>& resolver() const { return resolver_; }
    /// The addresses given by `resolve()`; null if none were.
    const std::vector<SocketAddress>* resolved(std::string_view host, std::uint16_t port) const;
    const std::function<bool(const SocketAddress&)>& address_guard() const { return address_guard_; }
    const std::function<void(int)>& socket_hook() const { return socket_hook_; }
    bool no_delay() const { return no_delay_; }

private:
    struct Override {
        std::string host;
        std::uint16_t port;
        std::vector<SocketAddress> addresses;
    };
    AddressFamily family_ = AddressFamily::any;
    bool no_delay_ = true;
    Deadline timeout_;
    Duration stagger_ = std::chrono::milliseconds(250);
    SocketAddress local_address_;
    std::shared_ptr<Resolver> resolver_;
    std::vector<Override> overrides_;
    std::function<bool(const SocketAddress&)> address_guard_;
    std::function<void(int)> socket_hook_;
};

/// Resolves `host` and connects to the address that answers first: families interleaved, the next one after
/// 250 ms or at once when one fails; the losers are closed and joined (sem:C64, C65; RFC 8305).
///
/// Errors      `DnsError`; `ConnectError` with every address and its reason.
/// Cancelling  ends all attempts and closes their sockets.
[[nodiscard]] Task<TcpStream> connect(std::string host, std::uint16_t port,
                                      ConnectOptions options = ConnectOptions());
/// One address, no names. Also the way to a local socket.
[[nodiscard]] Task<TcpStream> connect(SocketAddress address, ConnectOptions options = ConnectOptions());

}  // namespace tandem::inline v1::net
