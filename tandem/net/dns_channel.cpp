#include <tandem/net/dns_channel_internal.hpp>

#include <tandem/net/address_internal.hpp>

#include <ares.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include <netdb.h>
#include <sys/time.h>

namespace tandem::inline v1::net {
namespace {

void check_setup(int status, const char* what) {
    if (status == ARES_SUCCESS) return;
    throw DnsError(DnsError::Kind::failed, {},
                   std::string("set up name resolution: ") + what + ": " + ares_strerror(status));
}

void init_library() {
    static std::once_flag once;
    std::call_once(once, [] { check_setup(ares_library_init(ARES_LIB_INIT_ALL), "initialise c-ares"); });
}

DnsError::Kind kind_of(int status) {
    switch (status) {
        case ARES_ENOTFOUND:
        case ARES_ENODATA:
        case ARES_EBADNAME:
        case ARES_ENONAME:
            return DnsError::Kind::not_found;
        case ARES_ETIMEOUT:
            return DnsError::Kind::timeout;
        default:
            return DnsError::Kind::failed;
    }
}

std::string reason_of(int status) {
    switch (status) {
        case ARES_ENOTFOUND:
            return "no such host";
        case ARES_ENODATA:
            return "the name has no address";
        case ARES_EBADNAME:
            return "not a host name";
        case ARES_ETIMEOUT:
            return "no name server answered in time";
        case ARES_ECONNREFUSED:
            return "no name server could be reached";
        case ARES_ESERVFAIL:
            return "the name server failed (SERVFAIL)";
        case ARES_EREFUSED:
            return "the name server refused to answer";
        default:
            return ares_strerror(status);
    }
}

DnsAnswer answer_of(const ares_addrinfo& found) {
    DnsAnswer answer;
    answer.ttl = Duration::max();
    for (const auto* node = found.nodes; node != nullptr; node = node->ai_next) {
        const auto address = from_raw(node->ai_addr, static_cast<socklen_t>(node->ai_addrlen));
        if (address && std::ranges::find(answer.addresses, address) == answer.addresses.end())
            answer.addresses.push_back(address);
        answer.ttl = std::min<Duration>(answer.ttl, std::chrono::seconds(node->ai_ttl));
    }
    for (const auto* alias = found.cnames; alias != nullptr; alias = alias->next)
        answer.ttl = std::min<Duration>(answer.ttl, std::chrono::seconds(alias->ttl));
    if (answer.addresses.empty()) answer.reason = reason_of(ARES_ENODATA);
    return answer;
}

}  // namespace

struct DnsChannel::Request {
    DnsChannel* channel;  // outlives it: c-ares ends all requests before it goes
    std::shared_ptr<DnsQuery> query;
};

DnsChannel::DnsChannel(EventLoop& loop, const DnsResolverOptions& options, Store store)
    : loop_(loop), store_(std::move(store)) {
    init_library();
    char dns_only[] = "b";  // addresses, hosts file and cache have been asked already
    ares_options wanted{};
    wanted.timeout = static_cast<int>(std::clamp<std::int64_t>(
        std::chrono::ceil<std::chrono::milliseconds>(options.timeout).count(), 1, 60'000));
    wanted.tries = std::max(options.tries, 1);
    wanted.lookups = dns_only;
    wanted.sock_state_cb = &DnsChannel::on_socket_state;
    wanted.sock_state_cb_data = this;
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    if (!options.servers.empty())
        mask |= ARES_OPT_DOMAINS;  // none: the system's belong to the system's servers
    check_setup(ares_init_options(&ares_, &wanted, mask), "read the system's configuration");
    if (options.servers.empty()) return;

    std::string list;
    for (const auto& server : options.servers) list += (list.empty() ? "" : ",") + server;
    const int status = ares_set_servers_ports_csv(ares_, list.c_str());
    if (status != ARES_SUCCESS) {
        ares_destroy(ares_);
        check_setup(status, ("use the name servers " + list).c_str());
    }
}

DnsChannel::~DnsChannel() {
    timer_.cancel();
    ares_destroy(ares_);
}

std::shared_ptr<DnsQuery> DnsChannel::ask(const DnsQuestion& question, bool absolute) {
    if (const auto running = queries_.find(question); running != queries_.end()) return running->second;

    auto query = std::make_shared<DnsQuery>(question);
    queries_.emplace(question, query);
    ares_addrinfo_hints hints{};
    hints.ai_family = question.family == AddressFamily::v6 ? AF_INET6 : AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    // Answers may come while this call runs.
    const auto name = absolute ? question.name + "." : question.name;
    ares_getaddrinfo(ares_, name.c_str(), nullptr, &hints, &DnsChannel::on_answer, new Request{this, query});
    plan_timer();
    return query;
}

void DnsChannel::on_answer(void* argument, int status, int, ares_addrinfo* found) {
    const std::unique_ptr<Request> request(static_cast<Request*>(argument));
    DnsAnswer answer;
    if (status == ARES_SUCCESS && found != nullptr) {
        answer = answer_of(*found);
    } else {
        answer.failure = kind_of(status);
        answer.reason = reason_of(status);
    }
    if (found != nullptr) ares_freeaddrinfo(found);
    if (status == ARES_EDESTRUCTION) return;  // the loop is closing, nobody waits
    request->channel->conclude(*request->query, std::move(answer));
}

void DnsChannel::conclude(DnsQuery& query, DnsAnswer answer) {
    const auto lookups = std::move(query.lookups);
    query.answer = std::move(answer);
    store_(query.question, *query.answer);
    queries_.erase(query.question);  // whoever waits holds it
    for (const auto& lookup : lookups) lookup->changed.notify_all();
}

void DnsChannel::on_socket_state(void* argument, int fd, int readable, int writable) {
    auto& self = *static_cast<DnsChannel*>(argument);
    // Empty while we are being destroyed: then c-ares only closes.
    const auto owner = self.weak_from_this().lock();
    if (readable != 0 && owner)
        self.loop_.add_reader(fd, [owner, fd] { owner->process(fd, ARES_SOCKET_BAD); });
    else
        self.loop_.remove_reader(fd);
    if (writable != 0 && owner)
        self.loop_.add_writer(fd, [owner, fd] { owner->process(ARES_SOCKET_BAD, fd); });
    else
        self.loop_.remove_writer(fd);
}

void DnsChannel::process(int readable_fd, int writable_fd) {
    const auto self = shared_from_this();  // the last watch may go in here
    ares_process_fd(ares_, readable_fd, writable_fd);
    plan_timer();
}

void DnsChannel::plan_timer() {
    timer_.cancel();
    timer_ = TimerHandle();
    timeval left{};
    if (queries_.empty() || ares_timeout(ares_, nullptr, &left) == nullptr) return;
    const auto delay = std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
    timer_ = loop_.call_later(
        delay, [owner = shared_from_this()] { owner->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); });
}

}  // namespace tandem::inline v1::net
