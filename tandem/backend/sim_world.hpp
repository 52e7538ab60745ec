#pragma once

#include <tandem/backend/clock.hpp>
#include <tandem/backend/sim_misfortune.hpp>
#include <tandem/base/time.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::inline v1 {

/// How bytes travel between two machines, each way.
struct SimLink {
    Duration latency{};
    Duration jitter{};  ///< at most this much is added, at random; bytes stay in order
    std::optional<std::uint64_t> bytes_per_second = std::nullopt;  ///< as fast as they come without
    bool chop = false;  ///< reads and writes move a random part of what they could
};

/// What goes wrong with a connection.
enum class SimFault : std::uint8_t {
    refuse,     ///< connecting is refused
    blackhole,  ///< nobody answers
    reset,      ///< after byte k both ends meet a reset
    end,        ///< after byte k this direction ends as if it were complete
    stall,      ///< after byte k nothing more arrives
};

/// Random numbers that are the same on every machine.
class SimRandom {
public:
    explicit SimRandom(std::uint64_t seed) : state_(seed) {}
    std::uint64_t next() noexcept {  // SplitMix64
        state_ += 0x9e3779b97f4a7c15U;
        auto z = state_;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t limit) noexcept { return limit == 0 ? 0 : next() % limit; }
    bool chance(double probability) noexcept {
        return static_cast<double>(next() >> 11) * 0x1p-53 < probability;
    }

private:
    std::uint64_t state_;
};

class SimFiles;

/// A machine of a simulated world: addresses, sockets, files. Backends are made for it.
class SimHost {
public:
    virtual const std::string& name() const noexcept = 0;
    virtual const std::vector<std::string>& addresses() const noexcept = 0;
    virtual SimFiles& files() noexcept = 0;
    virtual bool is_up() const noexcept = 0;
    /// Counts its crashes; what was opened in an earlier life is dead.
    virtual std::uint32_t life() const noexcept = 0;
    /// A descriptor for `read_file`, `write_file` and `sync_file`, or a negative errno.
    virtual int open_file(const std::string& path, bool create, bool truncate) = 0;

    // For the world's owner, who drives the loops.

    /// Whether its loop has completions to hand out.
    virtual bool has_completions() const noexcept = 0;
    /// Waits, in real time, for thread jobs of its loop; whether there were any that hold the clock.
    virtual bool await_jobs() noexcept = 0;

protected:
    ~SimHost() = default;
};

/// Machines, what connects them, and what happens when: all in one thread and under one seed, so that the
/// same seed gives the same history (SIM-6).
///
/// Errors      `std::invalid_argument` for an address that is none or is taken.
/// Threads     one.
/// Lifetime    outlives the backends made for its hosts.
class SimWorld {
public:
    struct Event {
        TimePoint at;
        std::string what;
    };
    static constexpr std::size_t kept_events = 200;

    static std::unique_ptr<SimWorld> make(std::uint64_t seed);
    virtual ~SimWorld() = default;

    virtual VirtualTime& time() noexcept = 0;
    virtual SimRandom& random() noexcept = 0;
    /// Strikes nothing before it is told to.
    virtual SimMisfortune& misfortune() noexcept = 0;
    /// Whether something goes wrong for the host at this point, now; noted in the history.
    virtual SimStrike strike(const SimHost& host, SimPoint point, SimMishaps which = SimMishaps::any) = 0;

    virtual SimHost& add_host(std::string name, std::vector<std::string> addresses) = 0;
    /// For all pairs that have no link of their own.
    virtual void set_default_link(const SimLink& link) = 0;
    virtual void set_link(SimHost& one, SimHost& other, const SimLink& link) = 0;
    /// Nothing gets through any more; what is under way arrives after `heal()`, as retransmitted bytes do.
    virtual void partition(SimHost& one, SimHost& other) = 0;
    virtual void heal() = 0;
    /// Strikes the next connection from `client` to `server`; k counts the bytes sent to the client, or to
    /// the server.
    virtual void plan_fault(SimHost& client, SimHost& server, SimFault fault, std::uint64_t after_byte,
                            bool to_client) = 0;
    /// Its connections are gone without a word and its unsynced files lost; who still talks to it hears
    /// nothing, until `restart()` lets it answer with resets.
    virtual void crash(SimHost& host) = 0;
    virtual void restart(SimHost& host) = 0;

    /// What will happen next by itself; `TimePoint::max()` if nothing.
    virtual TimePoint next_event() const noexcept = 0;
    /// Runs what is due.
    virtual void run_due() = 0;

    /// Notes something in the history.
    virtual void note(std::string what) = 0;
    /// The last `kept_events` of it, oldest first.
    virtual std::vector<Event> history() const = 0;
    /// Of the whole history.
    virtual std::uint64_t trace_hash() const noexcept = 0;
};

}  // namespace tandem::inline v1
