#pragma once

#include <tandem/base/time.hpp>
#include <tandem/net/address.hpp>
#include <tandem/net/resolver.hpp>

#include <compare>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tandem::inline v1::net {

/// One question to the name servers.
struct DnsQuestion {
    std::string name;  // in lower case, without a final dot
    AddressFamily family = AddressFamily::v4;
    auto operator<=>(const DnsQuestion&) const = default;
};

/// What came of it: addresses without ports, or why there are none.
struct DnsAnswer {
    std::vector<SocketAddress> addresses;
    DnsError::Kind failure = DnsError::Kind::not_found;  // if there are no addresses
    std::string reason;
    Duration ttl{};
    bool by_system = false;  // getaddrinfo(3) has been asked
};

/// Answers for as long as they are valid; the least recently used one makes room.
class DnsCache {
public:
    explicit DnsCache(std::size_t capacity) : capacity_(capacity) {}

    /// Each call turns the addresses by one, so that many callers spread over them.
    std::optional<DnsAnswer> find(const DnsQuestion& question, TimePoint now);
    void store(const DnsQuestion& question, DnsAnswer answer, TimePoint expires);
    void clear();
    std::size_t size() const { return entries_.size(); }

private:
    struct Entry {
        DnsQuestion question;
        DnsAnswer answer;
        TimePoint expires;
    };
    using Entries = std::list<Entry>;
    void erase(Entries::iterator entry);

    std::size_t capacity_;
    Entries entries_;  // most recently used first
    std::map<DnsQuestion, Entries::iterator> places_;
};

}  // namespace tandem::inline v1::net
