#include <tandem/net/resolver.hpp>

#include <tandem/backend/sockets.hpp>
#include <tandem/base/fork.hpp>
#include <tandem/base/unique_fd.hpp>
#include <tandem/net/address_internal.hpp>
#include <tandem/net/dns_cache_internal.hpp>
#include <tandem/net/dns_channel_internal.hpp>
#include <tandem/net/hosts_file_internal.hpp>
#include <tandem/net/system_lookup_internal.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include <sys/socket.h>

namespace tandem::inline v1::net {
namespace {

using namespace std::chrono_literals;

// RFC 8305, section 3: how long the answer of one family waits for the other's.
constexpr auto resolution_delay = 50ms;
constexpr std::size_t longest_name = 253;

bool fits(const SocketAddress& address, AddressFamily family) {
    return family == AddressFamily::any || address.family() == family;
}

bool is_localhost(const std::string& name) { return name == "localhost" || name.ends_with(".localhost"); }

std::string quoted(const std::string& name) { return name.empty() ? "\"\"" : name; }

/// Whether the kernel would know how to send there; sends nothing.
bool has_route(const SocketAddress& address) {
    const RawAddress raw = to_raw(address.with_port(9));
    const UniqueFd probe(this_loop().backend().open_socket(raw.family(), SOCK_DGRAM));
    return probe && sockets_of(probe.get()).connect(probe.get(), raw.data(), raw.size) == 0;
}

std::vector<SocketAddress> with_port(std::vector<SocketAddress> addresses, std::uint16_t port) {
    for (auto& address : addresses) address = address.with_port(port);
    return addresses;
}

std::vector<SocketAddress> only(std::vector<SocketAddress> addresses, AddressFamily family) {
    std::erase_if(addresses, [&](const SocketAddress& address) { return !fits(address, family); });
    return addresses;
}

}  // namespace

DnsError::DnsError(Kind kind, std::string host, const std::string& what)
    : std::runtime_error(what), kind_(kind), host_(std::move(host)) {}

/// What all loops share.
class DnsResolver::State : public std::enable_shared_from_this<State> {
public:
    explicit State(DnsResolverOptions options)
        : options_(std::move(options)), hosts_(options_.hosts_file), cache_(options_.cache_names) {}

    std::vector<SocketAddress> from_hosts_file(const std::string& name) {
        const std::lock_guard lock(mutex_);
        return hosts_.find(name);
    }
    std::optional<DnsAnswer> from_cache(const DnsQuestion& question, TimePoint now) {
        const std::lock_guard lock(mutex_);
        return cache_.find(question, now);
    }
    void store(const DnsQuestion& question, const DnsAnswer& answer, TimePoint now) {
        const auto keep = answer.addresses.empty() ? options_.failure_ttl
                          : answer.by_system       ? options_.system_ttl
                                             : std::clamp(answer.ttl, options_.min_ttl, options_.max_ttl);
        const std::lock_guard lock(mutex_);
        cache_.store(question, answer, saturating_add(now, keep));
    }
    void clear_cache() {
        const std::lock_guard lock(mutex_);
        cache_.clear();
    }
    std::shared_ptr<DnsChannel> channel(EventLoop& loop) {
        return of_loop(channels_, loop, [&] {
            return std::make_shared<DnsChannel>(
                loop, options_,
                [weak = weak_from_this(), &loop](const DnsQuestion& question, const DnsAnswer& answer) {
                    if (const auto state = weak.lock()) state->store(question, answer, loop.time());
                });
        });
    }
    SystemLookup system_lookup() const { return options_.system_lookup; }
    std::shared_ptr<SystemQueries> system_queries(EventLoop& loop) {
        return of_loop(system_queries_, loop, [&] {
            return std::make_shared<SystemQueries>([weak = weak_from_this()](const DnsQuestion& question,
                                                                             const DnsAnswer& answer,
                                                                             TimePoint now) {
                if (const auto state = weak.lock()) state->store(question, answer, now);
            });
        });
    }

private:
    template <class T>
    using OfLoops = std::map<EventLoop*, std::weak_ptr<T>>;
    /// What runs for a loop, or `make()`; what no loop has any more is forgotten.
    template <class T, class Make>
    std::shared_ptr<T> of_loop(OfLoops<T>& all, EventLoop& loop, Make make) {
        const std::lock_guard lock(mutex_);
        if (auto running = all[&loop].lock()) return running;
        std::erase_if(all, [](const auto& entry) { return entry.second.expired(); });
        std::shared_ptr<T> made = make();
        all[&loop] = made;
        return made;
    }

    const DnsResolverOptions options_;
    std::mutex mutex_;  // around the rest
    HostsFile hosts_;
    DnsCache cache_;
    OfLoops<DnsChannel> channels_;
    OfLoops<SystemQueries> system_queries_;
};

namespace {

using State = DnsResolver::State;

/// One family's part of a lookup: answered by the cache, or a query under way.
struct Part {
    DnsQuestion question;
    std::optional<DnsAnswer> answer;
    std::shared_ptr<DnsQuery> query;

    bool look() {
        if (!answer && query && query->answer) answer = query->answer;
        return answer.has_value();
    }
    bool has_addresses() { return look() && !answer->addresses.empty(); }
};

class Lookup {
public:
    Lookup(State& state, const std::string& name, bool absolute, AddressFamily family)
        : state_(state), loop_(this_loop()) {
        if (family != AddressFamily::v4) add(state, {name, AddressFamily::v6}, absolute);
        if (family != AddressFamily::v6) add(state, {name, AddressFamily::v4}, absolute);
    }
    ~Lookup() { timer_.cancel(); }
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

    /// All have answered, or one has and the other has had its extra time.
    bool done() {
        const auto answered = std::ranges::count_if(parts_, &Part::look);
        if (static_cast<std::size_t>(answered) == parts_.size()) return !falls_back();
        if (std::ranges::none_of(parts_, &Part::has_addresses)) return false;
        if (delay_over_) return true;
        if (!delay_started_) {
            delay_started_ = true;
            timer_ = loop_.call_later(resolution_delay, [this] {
                delay_over_ = true;
                waiting_->changed.notify_all();
            });
        }
        return false;
    }
    io::WaitList& changed() { return waiting_->changed; }

    /// IPv6 first, unless there is no way out for it.
    std::vector<SocketAddress> addresses() {
        std::vector<SocketAddress> found;
        for (auto& part : parts_) {
            if (!part.has_addresses()) continue;
            const auto& more = part.answer->addresses;
            found.insert(found.end(), more.begin(), more.end());
        }
        if (!found.empty() && found.front().family() == AddressFamily::v6 &&
            found.back().family() == AddressFamily::v4 && !has_route(found.front())) {
            std::ranges::rotate(found, std::ranges::find(found, AddressFamily::v4, &SocketAddress::family));
        }
        return found;
    }
    /// Why there are none: a server's trouble says more than "not found".
    const DnsAnswer& failure() const {
        const auto telling = std::ranges::find_if(
            parts_, [](const Part& part) { return part.answer->failure != DnsError::Kind::not_found; });
        return *(telling == parts_.end() ? parts_.front() : *telling).answer;
    }

private:
    void add(State& state, const DnsQuestion& question, bool absolute) {
        Part part;
        part.question = question;
        part.answer = state.from_cache(question, loop_.time());
        if (!part.answer && state.system_lookup() == SystemLookup::always) {
            ask_system(part);
        } else if (!part.answer) {
            if (!channel_) channel_ = state.channel(loop_);
            part.query = channel_->ask(question, absolute);
            part.query->lookups.push_back(waiting_);
        }
        parts_.push_back(std::move(part));
    }
    void ask_system(Part& part) {
        if (!system_) system_ = state_.system_queries(loop_);
        part.answer.reset();
        part.query = system_->ask(part.question);
        part.query->lookups.push_back(waiting_);
    }
    /// Whether there is somebody left to ask: who is then asked.
    bool falls_back() {
        if (state_.system_lookup() != SystemLookup::fallback) return false;
        if (std::ranges::any_of(parts_, &Part::has_addresses)) return false;
        bool asked = false;
        for (auto& part : parts_) {
            if (part.answer->by_system) continue;
            ask_system(part);
            asked = true;
        }
        return asked;
    }

    State& state_;
    EventLoop& loop_;
    std::shared_ptr<DnsLookup> waiting_ = std::make_shared<DnsLookup>();
    std::shared_ptr<DnsChannel> channel_;
    std::shared_ptr<SystemQueries> system_;
    std::vector<Part> parts_;
    TimerHandle timer_;
    bool delay_started_ = false;
    bool delay_over_ = false;
};

[[noreturn]] void throw_not_found(const std::string& host, AddressFamily family) {
    const auto* which = family == AddressFamily::v4 ? "IPv4 " : family == AddressFamily::v6 ? "IPv6 " : "";
    throw DnsError(DnsError::Kind::not_found, host,
                   "resolve " + quoted(host) + ": it has no " + which + "address");
}

Task<std::vector<SocketAddress>> resolve_with(std::shared_ptr<State> state, std::string host,
                                              std::uint16_t port, AddressFamily family) {
    if (const auto literal = SocketAddress::try_ip(host, port)) {
        if (!fits(*literal, family)) throw_not_found(host, family);
        co_return std::vector<SocketAddress>(1, *literal);
    }
    auto name = lower_case(host);
    const bool absolute = name.ends_with('.');
    if (absolute) name.pop_back();
    if (name.empty() || name.size() > longest_name || name.find('\0') != std::string::npos) {
        throw DnsError(DnsError::Kind::not_found, host, "resolve " + quoted(host) + ": not a host name");
    }
    if (is_localhost(name)) {
        std::vector<SocketAddress> loopback;
        loopback.push_back(SocketAddress::ip("::1", port));
        loopback.push_back(SocketAddress::ip("127.0.0.1", port));
        co_return only(std::move(loopback), family);
    }
    if (auto known = state->from_hosts_file(name); !known.empty()) {
        known = only(std::move(known), family);
        if (known.empty()) throw_not_found(host, family);
        co_return with_port(std::move(known), port);
    }

    // A simulated world has no name servers; its owner gives the loop a resolver that knows its names.
    if (this_loop().backend_name() == "sim") throw_not_found(host, family);

    Lookup lookup(*state, name, absolute, family);
    while (!lookup.done()) co_await lookup.changed().wait("name lookup");
    auto found = lookup.addresses();
    if (found.empty()) {
        const auto& failure = lookup.failure();
        throw DnsError(failure.failure, host, "resolve " + quoted(host) + ": " + failure.reason);
    }
    co_return with_port(std::move(found), port);
}

}  // namespace

namespace {

/// The loops that ask somebody else. Few, and mostly none.
class OwnResolvers {
public:
    OwnResolvers() { free_in_children(mutex_); }
    void set(EventLoop& loop, std::shared_ptr<Resolver> resolver) {
        const std::lock_guard lock(mutex_);
        std::erase_if(all_, [&](const Entry& entry) { return entry.life.expired() || entry.loop == &loop; });
        if (resolver) all_.push_back({&loop, loop.life(), std::move(resolver)});
        any_ = !all_.empty();
    }
    std::shared_ptr<Resolver> find(const EventLoop& loop) {
        if (!any_.load(std::memory_order_relaxed)) return nullptr;
        const std::lock_guard lock(mutex_);
        for (const auto& entry : all_) {
            if (entry.loop == &loop && entry.life.lock() == loop.life()) return entry.resolver;
        }
        return nullptr;
    }

private:
    struct Entry {
        const EventLoop* loop;
        std::weak_ptr<LoopLife> life;
        std::shared_ptr<Resolver> resolver;
    };
    std::mutex mutex_;
    std::vector<Entry> all_;
    std::atomic<bool> any_ = false;
};

OwnResolvers& own_resolvers() {
    static OwnResolvers& all = *new OwnResolvers;  // asked until the very end
    return all;
}

}  // namespace

DnsResolver::DnsResolver(DnsResolverOptions options) : state_(std::make_shared<State>(std::move(options))) {}
DnsResolver::~DnsResolver() = default;

Task<std::vector<SocketAddress>> DnsResolver::resolve(std::string host, std::uint16_t port,
                                                      AddressFamily family) {
    return resolve_with(state_, std::move(host), port, family);
}

void DnsResolver::clear_cache() { state_->clear_cache(); }

void set_resolver(EventLoop& loop, std::shared_ptr<Resolver> resolver) {
    own_resolvers().set(loop, std::move(resolver));
}

std::shared_ptr<Resolver> default_resolver() {
    if (EventLoop* const loop = this_loop_or_null()) {
        if (auto own = own_resolvers().find(*loop)) return own;
    }
    // Never destroyed: the background loop drains at exit.
    static const auto& resolver = *new std::shared_ptr<Resolver>(std::make_shared<DnsResolver>());
    return resolver;
}

Task<std::vector<SocketAddress>> resolve(std::string host, std::uint16_t port, AddressFamily family) {
    return default_resolver()->resolve(std::move(host), port, family);
}

}  // namespace tandem::inline v1::net
