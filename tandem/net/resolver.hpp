#pragma once

#include <tandem/base/time.hpp>
#include <tandem/net/address.hpp>
#include <tandem/task/task.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace tandem::inline v1::net {

/// A name could not be turned into an address.
class DnsError : public std::runtime_error {
public:
    enum class Kind : std::uint8_t {
        not_found,  ///< there is no such name, or it has no address of the wanted family
        failed,     ///< the servers refused, answered nonsense, or could not be reached
        timeout,    ///< nobody answered in time
    };
    DnsError(Kind kind, std::string host, const std::string& what);
    Kind kind() const noexcept { return kind_; }
    const std::string& host() const noexcept { return host_; }

private:
    Kind kind_;
    std::string host_;
};

/// Turns names into addresses; replace it to resolve differently.
class Resolver {
public:
    virtual ~Resolver() = default;
    /// At least one address, each with `port`, best first. Errors: `DnsError`.
    [[nodiscard]] virtual Task<std::vector<SocketAddress>> resolve(std::string host, std::uint16_t port,
                                                                   AddressFamily family) = 0;

protected:
    Resolver() = default;
    Resolver(const Resolver&) = default;
    Resolver& operator=(const Resolver&) = default;
};

/// Whether getaddrinfo(3) is asked, on a thread: for names that only the system's name service switch knows.
enum class SystemLookup : std::uint8_t {
    never,
    fallback,  ///< for what name servers have no address of
    always,    ///< in place of name servers
};

class DnsResolverOptions {
public:
    DnsResolverOptions() {}

    /// "9.9.9.9", "127.0.0.1:5353", "[::1]:53"; empty: the system's.
    std::vector<std::string> servers;
    std::string hosts_file = "/etc/hosts";
    SystemLookup system_lookup = SystemLookup::never;
    Duration timeout =
        std::chrono::seconds(3);  ///< of the first try with each server; later ones take longer
    int tries = 3;
    std::size_t cache_names = 1'000;
    Duration min_ttl = std::chrono::seconds(1);
    Duration max_ttl = std::chrono::seconds(300);
    Duration system_ttl = std::chrono::seconds(30);  ///< of what getaddrinfo(3) said, which tells none
    Duration failure_ttl = std::chrono::seconds(5);
};

/// Asks, in this order: is it an address, `localhost`, in the hosts file, in the cache, known to DNS (c-ares
/// on the running loop), and if so asked to the system. Lookups of one name at one time are one query
/// (sem:C69).
///
/// Cancelling  only leaves the query; it goes on into the cache, also where it is a thread's (sem:C70).
/// Threads     any loop, several at a time; the cache is shared.
/// Lifetime    queries under way keep what they need.
class DnsResolver final : public Resolver {
public:
    explicit DnsResolver(DnsResolverOptions options = DnsResolverOptions());
    ~DnsResolver() override;

    [[nodiscard]] Task<std::vector<SocketAddress>> resolve(std::string host, std::uint16_t port,
                                                           AddressFamily family) override;
    void clear_cache();

    class State;

private:
    std::shared_ptr<State> state_;
};

/// What `default_resolver()` gives on this loop from now on; null: the system's again.
void set_resolver(EventLoop& loop, std::shared_ptr<Resolver> resolver);

/// The one that `connect()` and `listen()` use unless told otherwise: the system's servers and hosts file.
std::shared_ptr<Resolver> default_resolver();

/// All addresses of a name, by the default resolver.
[[nodiscard]] Task<std::vector<SocketAddress>> resolve(std::string host, std::uint16_t port = 0,
                                                       AddressFamily family = AddressFamily::any);

}  // namespace tandem::inline v1::net
