#include <tandem/backend/sim_network_internal.hpp>

#include <tandem/base/fork.hpp>
#include <tandem/base/unique_fd.hpp>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <stdexcept>

namespace tandem::inline v1 {
namespace {

// A descriptor's number: what no kernel gives, the world's place in a table, the socket's in the world.
constexpr int number_bits = 20;

/// The worlds that are there. Several threads may have one each.
struct Worlds {
    Worlds() { free_in_children(mutex); }
    std::mutex mutex;
    std::vector<SimNetwork*> all;
};

Worlds& worlds() {
    static Worlds& table = *new Worlds;  // descriptors are closed until the very end
    return table;
}

}  // namespace

std::unique_ptr<SimWorld> SimWorld::make(std::uint64_t seed) { return std::make_unique<SimNetwork>(seed); }

SimNetwork::SimNetwork(std::uint64_t seed) : random_(seed) {
    const std::lock_guard lock(worlds().mutex);
    auto& all = worlds().all;
    const auto free = std::find(all.begin(), all.end(), nullptr);
    slot_ = static_cast<std::size_t>(free - all.begin());
    if (slot_ >= 1U << (30 - number_bits))
        throw std::length_error("1024 simulated worlds at once are too many");
    if (free == all.end())
        all.push_back(this);
    else
        *free = this;
    UniqueFd::close_simulated_with([](int fd) { sockets_of(fd).close(fd); });
}

SimNetwork::~SimNetwork() {
    for (const auto& socket : sockets_) {
        if (!socket) continue;
        socket->peer = nullptr;
        for (const auto& waiting : socket->pending) waiting->peer = nullptr;
    }
    const std::lock_guard lock(worlds().mutex);
    worlds().all[slot_] = nullptr;
}

SimNetwork* SimNetwork::of(int fd) noexcept {
    if (fd < UniqueFd::first_simulated) return nullptr;
    const auto slot = static_cast<std::size_t>(fd - UniqueFd::first_simulated) >> number_bits;
    const std::lock_guard lock(worlds().mutex);
    return slot < worlds().all.size() ? worlds().all[slot] : nullptr;
}

SocketCalls& sockets_of(int fd) noexcept {
    // Of a world that is gone: the kernel has never heard of such a number, and says EBADF.
    SimNetwork* const world = SimNetwork::of(fd);
    return world ? static_cast<SocketCalls&>(*world) : kernel_sockets();
}

SimSocketRef SimNetwork::make_socket(SimMachine& host, int family, int type) {
    auto socket = std::make_shared<SimSocket>();
    socket->host = &host;
    socket->life = host.lives;
    socket->family = socket->local.family = family;
    socket->type = type;
    return socket;
}

/// The lowest free one, as the kernel does it.
int SimNetwork::number(const SimSocketRef& socket) {
    const auto place = std::find(sockets_.begin(), sockets_.end(), nullptr);
    const auto index = static_cast<std::size_t>(place - sockets_.begin());
    if (index >= 1U << number_bits) return -EMFILE;
    if (place == sockets_.end())
        sockets_.push_back(socket);
    else
        *place = socket;
    return socket->fd = UniqueFd::first_simulated + static_cast<int>((slot_ << number_bits) | index);
}

SimSocketRef SimNetwork::add(SimMachine& host, int family, int type) {
    auto socket = make_socket(host, family, type);
    return number(socket) < 0 ? nullptr : socket;
}

SimSocketRef SimNetwork::find(int fd) const {
    if (fd < UniqueFd::first_simulated) return nullptr;
    const auto number = static_cast<std::size_t>(fd - UniqueFd::first_simulated);
    if (number >> number_bits != slot_) return nullptr;
    const auto place = number & ((1U << number_bits) - 1);
    return place < sockets_.size() ? sockets_[place] : nullptr;
}

int SimNetwork::check(int fd, SimSocketRef& to) const {
    to = find(fd);
    if (!to) return -EBADF;
    return to->state == SimSocket::State::file ? -ENOTSOCK : 0;
}

SimHost& SimNetwork::add_host(std::string name, std::vector<std::string> addresses) {
    std::vector<SimAddress> places;
    for (const auto& text : addresses) {
        SimAddress place;
        if (!SimAddress::parse(text, place))
            throw std::invalid_argument("host " + name + ": '" + text + "' is no address");
        for (const auto& other : hosts_) {
            for (const auto& taken : other->places) {
                if (taken.same_place(place))
                    throw std::invalid_argument("host " + name + ": " + text + " belongs to " +
                                                other->name());
            }
        }
        places.push_back(std::move(place));
    }
    auto host = std::make_unique<SimMachine>(std::move(name), std::move(addresses), random_);
    host->network = this;
    host->files().strike_with(
        [this, machine = host.get()](SimPoint point) { return strike(*machine, point); });
    host->places = std::move(places);
    host->index = hosts_.size();
    hosts_.push_back(std::move(host));
    return *hosts_.back();
}

SimNetwork::Pair SimNetwork::pair_of(const SimMachine& one, const SimMachine& other) {
    return std::minmax(one.index, other.index);
}

const SimLink& SimNetwork::link(const SimMachine& one, const SimMachine& other) const {
    static const SimLink loopback;
    if (const auto own = links_.find(pair_of(one, other)); own != links_.end()) return own->second;
    return &one == &other ? loopback : default_link_;
}

void SimNetwork::set_link(SimHost& one, SimHost& other, const SimLink& link) {
    links_[pair_of(static_cast<SimMachine&>(one), static_cast<SimMachine&>(other))] = link;
}

void SimNetwork::partition(SimHost& one, SimHost& other) {
    note("partition " + one.name() + " " + other.name());
    cut_.insert(pair_of(static_cast<SimMachine&>(one), static_cast<SimMachine&>(other)));
}

void SimNetwork::heal() {
    note("heal");
    cut_.clear();
    let_through();
}

void SimNetwork::let_through() {
    for (auto& [ends, waiting] : std::exchange(held_, {})) {
        if (cut_.contains(ends) || !hosts_[ends.first]->up || !hosts_[ends.second]->up) {
            held_[ends] = std::move(waiting);
            continue;
        }
        for (auto& arrival : waiting) agenda_.plan(now(), std::move(arrival));
    }
}

void SimNetwork::plan_fault(SimHost& client, SimHost& server, SimFault fault, std::uint64_t after_byte,
                            bool to_client) {
    const Pair ends(static_cast<SimMachine&>(client).index, static_cast<SimMachine&>(server).index);
    faults_.push_back({ends, fault, after_byte, to_client});
}

void SimNetwork::crash(SimHost& host) {
    auto& machine = static_cast<SimMachine&>(host);
    note("crash " + host.name());
    ++machine.lives;
    machine.up = false;
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
        const auto socket = sockets_[i];
        if (!socket || socket->host != &machine) continue;
        if (socket->state == SimSocket::State::listening) {
            socket->pending.clear();
            socket->knocking.clear();
        }
        retry(*socket);  // what waits on it ends
    }
    machine.files().crash();
}

void SimNetwork::restart(SimHost& host) {
    note("restart " + host.name());
    static_cast<SimMachine&>(host).up = true;
    let_through();
}

Duration SimNetwork::travel_time(const SimMachine& one, const SimMachine& other) {
    const auto& how = link(one, other);
    const auto jitter = static_cast<std::uint64_t>(std::max<Duration::rep>(how.jitter.count(), 0));
    return how.latency + Duration(static_cast<Duration::rep>(jitter == 0 ? 0 : random_.below(jitter + 1)));
}

/// At once if nothing is to pass before it.
void SimNetwork::deliver_after(Duration delay, SimMachine& from, SimMachine& to, std::function<void()> what) {
    auto arrival = [this, &from, &to, what = std::move(what)]() mutable {
        arrive(from, to, std::move(what));
    };
    if (delay <= Duration::zero())
        arrival();
    else
        agenda_.plan(saturating_add(now(), delay), std::move(arrival));
}

void SimNetwork::arrive(SimMachine& from, SimMachine& to, std::function<void()> what) {
    const auto ends = pair_of(from, to);
    // A sender repeats what nobody has acknowledged, so that it comes through in the end.
    if (cut_.contains(ends) || !to.up)
        held_[ends].push_back(std::move(what));
    else
        what();
}

SimStrike SimNetwork::strike(const SimHost& host, SimPoint point, SimMishaps which) {
    if (!misfortune_.is_on()) return {};
    const auto strike = misfortune_.at(host.name(), point, which);
    if (strike) note(to_text({misfortune_.struck().back()}));
    return strike;
}

void SimNetwork::note(std::string what) {
    const auto mix = [this](unsigned char byte) { hash_ = (hash_ ^ byte) * 0x100000001b3U; };
    for (auto time = static_cast<std::uint64_t>(now().time_since_epoch().count()); time != 0; time >>= 8)
        mix(static_cast<unsigned char>(time & 0xff));
    for (const char letter : what) mix(static_cast<unsigned char>(letter));
    mix('\n');
    history_.push_back({now(), std::move(what)});
    if (history_.size() > kept_events) history_.pop_front();
}

}  // namespace tandem::inline v1
