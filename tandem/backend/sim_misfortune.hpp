#pragma once

#include <tandem/base/time.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace tandem::inline v1 {

/// Where a simulated machine may meet with a mishap: at each of these a decision is made, each time anew.
enum class SimPoint : std::uint8_t {
    receive,  ///< there are bytes to take
    send,     ///< there is room for bytes
    accept,   ///< somebody has connected
    connect,  ///< the question has reached the other side; of the machine that asks
    poll,     ///< a descriptor is not ready
    finish,   ///< an operation that waited has ended
    cancel,   ///< an operation that waits is cancelled
    look_up,  ///< a name
    open,     ///< this one and all below: files
    read,
    write,
    sync,
    rename,
    remove,
};

enum class SimMishap : std::uint8_t {
    none,
    shortened,  ///< receive, send, read, write: a part is moved, at least one byte
    late,       ///< receive, send, accept, connect, finish, cancel, look_up: up to 0.2 s later
    spurious,   ///< poll: said to be ready
    reset,      ///< receive, send: the connection is cut
    refused,    ///< connect
    lost,       ///< connect, look_up: nobody answers
    aborted,    ///< accept: the client has gone (ECONNABORTED)
    exhausted,  ///< accept, open: no descriptor is left (EMFILE)
    failed,     ///< look_up: the servers cannot say; files: EIO
    full,       ///< write: ENOSPC
};

/// Which mishaps are drawn.
enum class SimMishaps : std::uint8_t {
    any,
    harmless,  ///< shortened, late, spurious: no program may give another result by them
};

/// "The nth time that `host` comes to `point`, `mishap` strikes." Counted from 1, for each host and point by
/// itself, so that an entry means the same when others are deleted.
struct SimPlanned {
    std::string host;
    SimPoint point{};
    std::uint64_t nth = 0;
    SimMishap mishap{};
    bool operator==(const SimPlanned&) const = default;
};

using SimPlan = std::vector<SimPlanned>;

/// `laptop/send#3=reset api.example/accept#1=late`, in the plan's order.
std::string to_text(const SimPlan& plan);
/// What `to_text` wrote. `std::invalid_argument` names the entry that is none.
SimPlan parse_sim_plan(std::string_view text);

/// What strikes at a point, if anything does. How hard depends on the seed and the place alone: replayed, it
/// is the same.
struct SimStrike {
    SimMishap mishap = SimMishap::none;
    std::uint64_t amount = 0;

    explicit operator bool() const noexcept { return mishap != SimMishap::none; }
    /// From 0.1 ms to 0.2 s.
    Duration delay() const noexcept;
    /// Less than could be moved, but at least 1.
    std::uint64_t part_of(std::uint64_t most) const noexcept {
        return most <= 1 ? most : 1 + amount % (most - 1);
    }
};

/// Decides what goes wrong in a simulated world: drawn by its seed (FoundationDB's buggify), or by a plan.
///
/// Draws nothing of the world's own random numbers, so that histories with and without differ by the mishaps
/// alone.
class SimMisfortune {
public:
    /// At each point with that probability.
    void draw(std::uint64_t seed, double probability, SimMishaps which);
    /// What stands in the plan, and nothing else. Entries that no machine comes to do nothing.
    void follow(std::uint64_t seed, const SimPlan& plan);
    void stop() noexcept { mode_ = Mode::off; }
    bool is_on() const noexcept { return mode_ != Mode::off; }

    /// What happens to `host` here and now.
    SimStrike at(const std::string& host, SimPoint point, SimMishaps which);
    /// All that has struck, in order: followed under the same seed it does the same.
    const SimPlan& struck() const noexcept { return struck_; }

private:
    enum class Mode : std::uint8_t { off, drawn, planned };
    using Place = std::pair<std::string, SimPoint>;
    Mode mode_ = Mode::off;
    std::uint64_t seed_ = 0;
    double probability_ = 0;
    SimMishaps which_ = SimMishaps::any;
    std::map<Place, std::uint64_t> counts_;
    std::map<std::pair<Place, std::uint64_t>, SimMishap> planned_;
    SimPlan struck_;
};

}  // namespace tandem::inline v1
