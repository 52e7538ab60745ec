#pragma once

#include <tandem/net/dns_cache_internal.hpp>
#include <tandem/net/dns_channel_internal.hpp>
#include <tandem/task/task.hpp>

#include <functional>
#include <map>
#include <memory>

namespace tandem::inline v1::net {

/// What getaddrinfo(3) says. Blocks. Errors: none, they are in the answer.
DnsAnswer ask_getaddrinfo(const DnsQuestion& question) noexcept;
/// For tests: who is asked in its place. Called on worker threads.
extern DnsAnswer (*getaddrinfo_stand_in)(const DnsQuestion& question);

/// The questions of one loop that worker threads put to the system. One question at a time is asked once; it
/// goes on into the cache whoever leaves, and is abandoned only when its loop closes (sem:C70).
class SystemQueries final : public std::enable_shared_from_this<SystemQueries> {
public:
    using Store = std::function<void(const DnsQuestion&, const DnsAnswer&, TimePoint now)>;

    explicit SystemQueries(Store store) : store_(std::move(store)) {}

    std::shared_ptr<DnsQuery> ask(const DnsQuestion& question);

private:
    static Task<void> run(std::shared_ptr<SystemQueries> self, std::shared_ptr<DnsQuery> query);

    Store store_;
    std::map<DnsQuestion, std::shared_ptr<DnsQuery>> queries_;
};

}  // namespace tandem::inline v1::net
