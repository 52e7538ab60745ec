#pragma once

#include <tandem/testing/world.hpp>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tandem::inline v1::testing {

/// `rerun: TANDEM_SEED=0x…`, and the plan if one was followed.
std::string rerun_line(std::uint64_t seed, const FaultPlan* plan);

struct World::Machine {
    struct Program {
        std::function<Task<void>()> make;
        bool must_end;
        bool done = false;
    };
    World::State* world = nullptr;
    SimHost* sim = nullptr;
    std::unique_ptr<EventLoop> loop;
    std::deque<Program> programs;  // addresses stay: tasks hold them
    std::uint32_t life = 0;

    void make_loop();
    std::shared_ptr<net::Resolver> make_resolver();
    void start(Program& program);
};

struct World::State {
    explicit State(const WorldOptions& how);
    ~State();

    Machine* find(std::string_view name);
    Machine* of(const EventLoop& loop);
    void failed(const Machine& machine, const std::string& what);
    bool run_everybody();
    bool run_calls();
    TimePoint next_instant();
    void bury_the_dead();
    void crash(Machine& machine);
    std::string describe(const std::vector<std::string>& problems);

    /// The one that is driven in this thread.
    static State*& current();

    const WorldOptions options;
    const std::uint64_t seed;
    std::unique_ptr<SimWorld> sim;
    TimePoint begin;
    std::deque<Machine> machines;
    std::vector<std::unique_ptr<EventLoop>> dying;  // of crashed machines
    std::multimap<TimePoint, std::function<void()>> calls;
    std::vector<std::string> problems;
    std::string last_failure;  // the report's text
    bool is_planned = false;   // what goes wrong

    struct NameFailure {
        net::DnsError::Kind kind;
        int left;
    };
    std::map<std::string, std::vector<std::string>, std::less<>> names;
    std::map<std::string, NameFailure, std::less<>> name_failures;
    Duration name_latency{};
};

}  // namespace tandem::inline v1::testing
