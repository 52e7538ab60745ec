#pragma once

#include <tandem/backend/sim_files.hpp>
#include <tandem/backend/sim_world.hpp>
#include <tandem/base/time.hpp>
#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/net/resolver.hpp>
#include <tandem/task/task.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tandem::inline v1::testing {

/// What went wrong in a world, or shall: `laptop/send#3=reset` and the like (`SimPlanned`). It can be printed
/// (`to_text`), read again (`parse_sim_plan`), and followed under the seed it was drawn by.
using FaultPlan = SimPlan;

struct WorldOptions {
    std::optional<std::uint64_t> seed = std::nullopt;  ///< `TANDEM_SEED`, or 1, without
    double buggify = 0;  ///< how probably something goes wrong, wherever it may (`SimPoint`)
    SimMishaps mishaps = SimMishaps::any;
    const FaultPlan* plan = nullptr;  ///< strikes instead of what the seed would draw; as does `TANDEM_PLAN`
    SimLink link = SimLink{.latency = std::chrono::milliseconds(1)};  ///< between any two hosts
    bool report_failures = true;  ///< on standard error, when a run was not ok
};

/// The seeds of a test that tries many: 1 to `count`, or the one in `TANDEM_SEED`.
std::vector<std::uint64_t> seeds(std::size_t count);

/// How a run of a world went.
class WorldReport {
public:
    /// No program failed, none that must end still waits, and the limit was not reached.
    bool ok() const { return problems_.empty(); }
    const std::vector<std::string>& problems() const { return problems_; }
    /// Problems, seed, virtual time, await tree, the last events, and the line to run it again (SIM-4).
    const std::string& text() const { return text_; }

private:
    friend class World;
    std::vector<std::string> problems_;
    std::string text_;
};

/// A few machines and a network, all simulated, in one thread and under one seed: time, order and misfortune
/// are the same in each run with the same seed (SIM-6). Programs use `net`, `tls`, `http` as ever.
///
///     testing::World world({.seed = seed});
///     auto server = world.host("api.example", "10.0.0.1");
///     auto laptop = world.host("laptop", "10.0.0.2");
///     server.serve([] { return serve_api(80); });
///     laptop.run([] { return fetch_all("http://api.example/list"); });
///     world.net.link("laptop", "api.example", {.latency = 20ms, .chop = true});
///     world.at(3s, [&] { world.net.partition(laptop, server); });
///     world.at(8s, [&] { world.net.heal(); });
///     EXPECT_TRUE(world.run_until_idle(1h).ok());
///
/// With `buggify` the seed also draws misfortune: `explore()` tries many seeds and shortens what it finds.
///
/// Errors      `std::invalid_argument` for a name or address that is none or is taken.
/// Cancelling  destroying it cancels and joins what still runs.
/// Threads     one, in which no loop runs. Thread jobs of programs hold the clock.
/// Lifetime    outlives its hosts' handles.
class World {
    struct State;
    struct Machine;

public:
    /// A machine: a loop of its own, addresses, files. A handle, to be copied freely.
    class Host {
    public:
        /// Starts a program on it, which must end; after a crash, `restart()` starts it again.
        template <class F>
        void run(F program) {
            start(make_program(std::move(program)), true);
        }
        /// The same for one that may still wait in the end.
        template <class F>
        void serve(F program) {
            start(make_program(std::move(program)), false);
        }
        /// Its programs end at once, what was not synced is lost, its peers hear nothing more.
        void crash() const;
        void restart() const;
        const std::string& name() const;
        EventLoop& loop() const;

    private:
        friend class World;
        explicit Host(Machine& machine) : machine_(&machine) {}
        template <class F>
        static std::function<Task<void>()> make_program(F program) {
            return [program = std::make_shared<F>(std::move(program))] { return forget_result<F>(program); };
        }
        template <class F>
        static Task<void> forget_result(std::shared_ptr<F> program) {
            co_await (*program)();
        }
        void start(std::function<Task<void>()> program, bool must_end) const;
        Machine* machine_;
    };

    /// What connects the hosts.
    class Net {
    public:
        void link(std::string_view one, std::string_view other, const SimLink& link);
        void partition(const Host& one, const Host& other);
        void heal();
        /// Strikes the next connection of `client` to `server`, after `k` bytes to the client, or to the
        /// server.
        void fault(const Host& client, const Host& server, SimFault kind, std::uint64_t k = 0,
                   bool to_client = true);

    private:
        friend class World;
        explicit Net(State& state) : state_(state) {}
        State& state_;
    };

    /// What names mean: the hosts' own, and what is added here.
    class Dns {
    public:
        void add(std::string name, std::vector<std::string> addresses);
        /// The next `times` lookups of the name fail.
        void fail(std::string name, net::DnsError::Kind kind, int times = 1);
        void latency(Duration value);

    private:
        friend class World;
        explicit Dns(State& state) : state_(state) {}
        State& state_;
    };

    explicit World(const WorldOptions& options = {});
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    Host host(std::string name, std::string address);
    SimFiles& fs(const Host& host);
    /// Calls `fn` when that much time has passed since the world was made, between turns.
    void at(Duration when, std::function<void()> fn);
    /// Runs until nothing can happen any more, at most for that much time.
    WorldReport run_until_idle(Duration limit);

    std::uint64_t seed() const;
    /// What went wrong up to now, by `buggify` or by plan.
    const FaultPlan& fault_plan() const;
    Duration elapsed() const;
    /// The last 200 events.
    std::vector<std::string> history() const;
    /// Of everything that has happened: equal for equal seeds.
    std::uint64_t trace_hash() const;
    /// For a test's own events.
    void note(std::string what);
    SimRandom& random();

private:
    friend class File;
    friend struct ScenarioRun;
    static SimHost& host_here();
    std::unique_ptr<State> state_;

public:
    Net net;
    Dns dns;
};

/// A file of the simulated machine whose program runs here.
///
/// Errors      `std::system_error`, with the path.
/// Threads     its host's loop.
class File {
public:
    enum class Mode : std::uint8_t { read, write, append };
    static File open(const std::string& path, Mode mode);
    File(File&&) noexcept = default;
    File& operator=(File&&) noexcept = default;

    /// All that follows.
    [[nodiscard]] Task<std::string> read_all();
    [[nodiscard]] Task<void> write_all(std::string bytes);
    /// Content is on the disk; the name needs `sync_folder()`.
    [[nodiscard]] Task<void> sync();

    static void rename(const std::string& from, const std::string& to);
    static void remove(const std::string& path);
    static void sync_folder();

private:
    File(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
    UniqueFd fd_;
    std::string path_;
    std::int64_t offset_ = 0;
};

}  // namespace tandem::inline v1::testing
