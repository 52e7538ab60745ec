#pragma once

#include <tandem/io/wait_list.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/net/dns_cache_internal.hpp>
#include <tandem/net/resolver.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct ares_channeldata;
struct ares_addrinfo;

namespace tandem::inline v1::net {

/// Somebody who waits for one question or several.
struct DnsLookup {
    io::WaitList changed;
};

/// A question under way, shared by all who asked it meanwhile.
struct DnsQuery {
    explicit DnsQuery(DnsQuestion asked) : question(std::move(asked)) {}

    DnsQuestion question;
    std::optional<DnsAnswer> answer;
    std::vector<std::shared_ptr<DnsLookup>> lookups;
};

/// c-ares on one loop. It exists while a question is under way: the watches of its sockets, its timer, and
/// whoever waits hold it. So closing the loop ends it too.
class DnsChannel final : public std::enable_shared_from_this<DnsChannel> {
public:
    using Store = std::function<void(const DnsQuestion&, const DnsAnswer&)>;

    /// `store` is told of every answer. Errors: `DnsError` if c-ares cannot be set up.
    DnsChannel(EventLoop& loop, const DnsResolverOptions& options, Store store);
    ~DnsChannel();
    DnsChannel(const DnsChannel&) = delete;
    DnsChannel& operator=(const DnsChannel&) = delete;

    /// Joins the query that asks the same, or starts one. `absolute`: the name had a final dot.
    std::shared_ptr<DnsQuery> ask(const DnsQuestion& question, bool absolute);

private:
    struct Request;
    static void on_socket_state(void* self, int fd, int readable, int writable);
    static void on_answer(void* request, int status, int timeouts, ares_addrinfo* found);
    void process(int readable_fd, int writable_fd);
    void plan_timer();
    void conclude(DnsQuery& query, DnsAnswer answer);

    EventLoop& loop_;
    Store store_;
    ares_channeldata* ares_ = nullptr;
    TimerHandle timer_;
    std::map<DnsQuestion, std::shared_ptr<DnsQuery>> queries_;
};

}  // namespace tandem::inline v1::net
