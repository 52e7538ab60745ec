#pragma once

#include <tandem/backend/operation_list_internal.hpp>
#include <tandem/backend/sim_files.hpp>
#include <tandem/backend/sim_world.hpp>
#include <tandem/backend/sockets.hpp>

#include <array>
#include <compare>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

class SimBackend;
class SimNetwork;

/// What will happen in a simulated world, by time; at one time in the order in which it was planned.
class SimAgenda {
public:
    using Entry = std::pair<TimePoint, std::uint64_t>;
    Entry plan(TimePoint when, std::function<void()> what) {
        return events_.emplace(Entry(when, ++planned_), std::move(what)).first->first;
    }
    void call_off(const Entry& entry) { events_.erase(entry); }
    TimePoint next() const noexcept {
        return events_.empty() ? TimePoint::max() : events_.begin()->first.first;
    }
    void run_due(TimePoint now) {
        while (next() <= now) {
            const auto event = events_.extract(events_.begin());
            event.mapped()();
        }
    }

private:
    std::map<Entry, std::function<void()>> events_;
    std::uint64_t planned_ = 0;
};

/// A socket's address, comparable. IPv4 in IPv6 is IPv4.
struct SimAddress {
    int family = 0;
    std::array<std::uint8_t, 16> bytes{};
    std::uint16_t port = 0;
    std::string path;

    static bool read(const void* raw, std::uint32_t size, SimAddress& to);
    static bool parse(const std::string& text, SimAddress& to);
    int write(void* raw, std::uint32_t* size) const;
    bool is_wildcard() const;
    bool is_loopback() const;
    bool same_place(const SimAddress& other) const { return family == other.family && bytes == other.bytes; }
    std::string text() const;
    auto operator<=>(const SimAddress&) const = default;
};

class SimMachine final : public SimHost {
public:
    SimMachine(std::string name, std::vector<std::string> addresses, SimRandom& random)
        : name_(std::move(name)), addresses_(std::move(addresses)), files_(random) {}
    const std::string& name() const noexcept override { return name_; }
    const std::vector<std::string>& addresses() const noexcept override { return addresses_; }
    SimFiles& files() noexcept override { return files_; }
    bool is_up() const noexcept override { return up; }
    std::uint32_t life() const noexcept override { return lives; }
    int open_file(const std::string& path, bool create, bool truncate) override;
    bool has_completions() const noexcept override;
    bool await_jobs() noexcept override;

    SimNetwork* network = nullptr;
    SimBackend* backend = nullptr;  // null: no loop runs there
    std::vector<SimAddress> places;
    std::size_t index = 0;
    std::uint32_t lives = 0;
    bool up = true;
    std::uint16_t next_port = 32'768;

private:
    std::string name_;
    std::vector<std::string> addresses_;
    SimFiles files_;
};

struct SimSocket;
using SimSocketRef = std::shared_ptr<SimSocket>;

/// Bytes on their way into a socket, and those that have arrived.
struct SimInbox {
    std::string arrived;
    std::size_t taken = 0;      // of `arrived`
    std::size_t under_way = 0;  // sent to us, not here yet
    std::size_t arrivals = 0;   // planned
    bool end_arrived = false;
    TimePoint last_arrival{};
    TimePoint line_free{};
    std::uint64_t sent = 0;  // to us, ever
    struct Fault {
        SimFault kind;
        std::uint64_t at;
    };
    std::optional<Fault> fault;
    bool cut_off = false;  // the fault has struck

    std::size_t unread() const { return arrived.size() - taken; }
    std::size_t used() const { return unread() + under_way; }
};

/// A socket or an open file.
struct SimSocket {
    enum class State : std::uint8_t { fresh, bound, listening, connecting, connected, file };
    State state = State::fresh;
    SimMachine* host = nullptr;
    std::uint32_t life = 0;  // the host's, when it was opened
    int fd = -1;
    int family = 0;
    int type = 0;
    SimAddress local;
    SimAddress remote;
    SimSocketRef peer;  // each the other's; let go when both are closed
    SimInbox inbox;
    bool read_shut = false;
    bool write_shut = false;
    bool closed = false;
    bool was_reset = false;
    bool hard_close = false;  // SO_LINGER of zero
    bool only_v6 = false;
    bool reuse_port = false;
    int error = 0;  // told once
    std::size_t backlog = 0;
    SimAgenda::Entry give_up;  // while connecting
    bool is_retried = false;
    bool retry_again = false;
    std::deque<SimSocketRef> pending;   // of a listener: connected, not accepted
    std::deque<SimSocketRef> knocking;  // of a listener: the queue was full
    OperationList waiting[2];           // in, out
    SimFiles::File file;
    std::uint64_t position = 0;
};

/// The machines' connections. Byte streams, not packets: what is sent arrives after the link's latency, in
/// order, at the speed of the line.
class SimNetwork final : public SimWorld, public SocketCalls {
public:
    explicit SimNetwork(std::uint64_t seed);
    ~SimNetwork() override;

    /// Of the world a descriptor is of; null if that is gone.
    static SimNetwork* of(int fd) noexcept;

    // What a program sees.
    int open(SimMachine& host, int family, int type);
    int open_pair(SimMachine& host, int (&ends)[2]);
    int bind(int fd, const void* address, std::uint32_t size) noexcept override;
    int listen(int fd, int backlog) noexcept override;
    int connect(int fd, const void* address, std::uint32_t size) noexcept override;
    int set_option(int fd, int level, int name, const void* value, std::uint32_t size) noexcept override;
    int local_address(int fd, void* address, std::uint32_t* size) noexcept override;
    int peer_address(int fd, void* address, std::uint32_t* size) noexcept override;
    int shutdown(int fd, int how) noexcept override;
    std::int64_t receive(int fd, void* to, std::size_t size, int flags) noexcept override;
    std::int64_t send(int fd, const void* from, std::size_t size) noexcept override;
    int close(int fd) noexcept override;
    int open_file(SimMachine& host, SimFiles::File file);
    /// Moves a file's position.
    void to_the_end(int fd);

    // What a backend asks for.
    /// The outcome, or -EAGAIN: it waits in the socket's list.
    std::int32_t attempt(const SimSocketRef& socket, const Operation& operation);
    SimSocketRef find(int fd) const;
    void retry(SimSocket& socket);
    void retry_later(SimSocket& socket, Duration delay);
    SimAgenda& agenda() noexcept { return agenda_; }
    /// The host's loop ends.
    void cancel_all(SimMachine& host);

    // What the world's owner does.
    VirtualTime& time() noexcept override { return time_; }
    SimRandom& random() noexcept override { return random_; }
    SimMisfortune& misfortune() noexcept override { return misfortune_; }
    SimStrike strike(const SimHost& host, SimPoint point, SimMishaps which = SimMishaps::any) override;
    SimHost& add_host(std::string name, std::vector<std::string> addresses) override;
    void set_default_link(const SimLink& link) override { default_link_ = link; }
    void set_link(SimHost& one, SimHost& other, const SimLink& link) override;
    void partition(SimHost& one, SimHost& other) override;
    void heal() override;
    void plan_fault(SimHost& client, SimHost& server, SimFault fault, std::uint64_t after_byte,
                    bool to_client) override;
    void crash(SimHost& host) override;
    void restart(SimHost& host) override;
    TimePoint next_event() const noexcept override { return agenda_.next(); }
    void run_due() override { agenda_.run_due(now()); }
    void note(std::string what) override;
    std::vector<Event> history() const override { return {history_.begin(), history_.end()}; }
    std::uint64_t trace_hash() const noexcept override { return hash_; }

    /// The clock that the only loop of a world of its own brings along.
    void follow(LoopTime& clock) noexcept { clock_ = &clock; }
    TimePoint now() const noexcept { return clock_->now(); }

private:
    using Pair = std::pair<std::size_t, std::size_t>;
    struct PlannedFault {
        Pair ends;  // client, server
        SimFault fault;
        std::uint64_t after_byte;
        bool to_client;
    };
    static Pair pair_of(const SimMachine& one, const SimMachine& other);
    const SimLink& link(const SimMachine& one, const SimMachine& other) const;
    Duration travel_time(const SimMachine& one, const SimMachine& other);
    void deliver_after(Duration delay, SimMachine& from, SimMachine& to, std::function<void()> what);
    void arrive(SimMachine& from, SimMachine& to, std::function<void()> what);
    void let_through();
    SimMachine* machine_at(const SimMachine& from, const SimAddress& address) const;
    SimSocketRef listener_at(const SimMachine& host, const SimAddress& address) const;
    bool is_taken(const SimSocket& socket, const SimAddress& address) const;
    int take_port(SimSocket& socket);
    static SimSocketRef make_socket(SimMachine& host, int family, int type);
    int number(const SimSocketRef& socket);
    SimSocketRef add(SimMachine& host, int family, int type);
    bool is_dead(const SimSocket& socket) const { return socket.life != socket.host->lives; }
    int check(int fd, SimSocketRef& to) const;

    void knock(const SimSocketRef& client, SimMachine& server);
    void let_in(SimSocket& listener, const SimSocketRef& client);
    void connect_ends(const SimSocketRef& client, int error);
    void plan_for(const SimSocketRef& client, const SimSocketRef& server);
    bool is_planned(SimFault fault, const SimMachine& client, const SimMachine& server);
    void deliver_in_order(SimSocket& from, const SimSocketRef& to, std::size_t bytes,
                          std::function<void()> what);
    void deliver_bytes(const SimSocketRef& from, const SimSocketRef& to, std::string bytes);
    void send_end(SimSocket& from);
    void send_reset(SimSocket& from);
    void reset_here(SimSocket& socket, int error);
    void close_listener(SimSocket& socket);
    /// One that nobody has accepted.
    void send_off(SimSocket& waiting);
    std::int32_t attempt_on_file(SimSocket& socket, const Operation& operation);
    std::int32_t attempt_message(const SimSocketRef& socket, const Operation& operation);
    std::int64_t take(SimSocket& socket, void* to, std::size_t size, int flags);
    std::int64_t give(const SimSocketRef& socket, const void* from, std::size_t size);
    std::int32_t accept(SimSocket& listener);
    /// What goes wrong where bytes could be moved; machines that are one never cut a connection.
    SimStrike strike_stream(const SimSocket& socket, SimPoint point);
    std::int64_t cut(SimSocket& socket);
    std::uint64_t moved(const SimSocket& socket, std::uint64_t most);
    bool is_readable(const SimSocket& socket) const;
    bool is_writable(const SimSocket& socket) const;
    static int take_error(SimSocket& socket);

    VirtualTime time_;
    LoopTime* clock_ = &time_;
    SimRandom random_;
    SimMisfortune misfortune_;
    SimAgenda agenda_;
    std::vector<std::unique_ptr<SimMachine>> hosts_;
    SimLink default_link_;
    std::map<Pair, SimLink> links_;
    std::map<Pair, std::vector<std::function<void()>>> held_;  // of cut links, in order
    std::set<Pair> cut_;
    std::vector<PlannedFault> faults_;
    std::vector<SimSocketRef> sockets_;  // by number
    std::size_t slot_ = 0;               // of the table of worlds
    std::deque<Event> history_;
    std::uint64_t hash_ = 0xcbf29ce484222325U;
};

}  // namespace tandem::inline v1
