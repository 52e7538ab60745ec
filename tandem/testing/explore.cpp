#include <tandem/testing/explore.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/testing/world_internal.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace tandem::inline v1::testing {
namespace {

constexpr std::uint64_t twice_every = 50;

}  // namespace

/// One run of a scenario in a world of its own.
struct ScenarioRun {
    bool held = false;
    std::string text;  // what broke
    FaultPlan struck;
    std::uint64_t hash = 0;
    std::vector<std::string> history;

    static ScenarioRun of(const WorldOptions& options, const Scenario& scenario);
};

ScenarioRun ScenarioRun::of(const WorldOptions& options, const Scenario& scenario) {
    WorldOptions silent = options;
    silent.report_failures = false;
    World world(silent);
    ScenarioRun run;
    std::string what = "the scenario says that something did not hold";
    try {
        run.held = scenario(world);
    } catch (const std::exception&) {
        what = "the scenario threw " + describe(std::current_exception());
    }
    run.struck = world.fault_plan();
    run.hash = world.trace_hash();
    run.history = world.history();
    if (run.held) return run;
    run.text = world.state_->last_failure;
    if (run.text.empty()) run.text = world.state_->describe({what});
    return run;
}

namespace {

/// The first event that two runs do not share, of those that are kept.
std::string first_difference(const ScenarioRun& one, const ScenarioRun& other) {
    const auto& [a, b] = std::pair(one.history, other.history);
    const auto differ = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    const auto line = [](auto at, auto end) { return at == end ? std::string("nothing") : *at; };
    return "  once   " + line(differ.first, a.end()) + "\n  again  " + line(differ.second, b.end()) + "\n";
}

Failure not_deterministic(std::uint64_t seed, const ScenarioRun& once, const ScenarioRun& again) {
    Failure failure;
    failure.seed = seed;
    failure.plan = once.struck;
    failure.text = "two runs under one seed differ: something in them is not simulated\n" +
                   first_difference(once, again) + rerun_line(seed, nullptr);
    return failure;
}

/// Deletes what is not needed: halves, quarters, ... and in the end single entries, until none can go.
class Shrinker {
public:
    Shrinker(WorldOptions options, const Scenario& scenario, int most_runs)
        : options_(std::move(options)), scenario_(scenario), most_runs_(most_runs) {}

    /// Whether it fails under the plan; if so, that is the shortest up to now.
    bool fails(const FaultPlan& plan) {
        ++runs_;
        options_.plan = &plan;
        auto run = ScenarioRun::of(options_, scenario_);
        options_.plan = nullptr;
        if (run.held) return false;
        shortest_ = std::move(run);
        return true;
    }

    Failure shrink() {
        const auto before = plan().size();
        for (auto length = before; length > 0 && runs_ < most_runs_;) {
            const bool is_shorter = delete_pieces(length);
            if (length > 1)
                length = (length + 1) / 2;
            else if (!is_shorter)
                break;
            length = std::min(length, std::max<std::size_t>(plan().size(), 1));
        }
        Failure failure;
        failure.seed = *options_.seed;
        failure.plan = plan();
        failure.runs = runs_;
        failure.text = before == 0 ? ""
                                   : std::to_string(before) + " mishaps; of these it takes " +
                                         std::to_string(plan().size()) + " (" + std::to_string(runs_) +
                                         " runs): " + to_text(plan()) + "\n";
        failure.text += shortest_.text;
        return failure;
    }

private:
    const FaultPlan& plan() const { return shortest_.struck; }

    bool delete_pieces(std::size_t length) {
        bool is_shorter = false;
        for (std::size_t at = 0; at < plan().size() && runs_ < most_runs_;) {
            auto candidate = plan();
            const auto from = candidate.begin() + static_cast<std::ptrdiff_t>(at);
            const auto count = std::min(length, candidate.size() - at);
            candidate.erase(from, from + static_cast<std::ptrdiff_t>(count));
            if (fails(candidate))
                is_shorter = true;
            else
                at += count;
        }
        return is_shorter;
    }

    WorldOptions options_;
    const Scenario& scenario_;
    const int most_runs_;
    int runs_ = 0;
    ScenarioRun shortest_;
};

}  // namespace

std::optional<Failure> shrink(std::uint64_t seed, const FaultPlan& plan, const WorldOptions& options,
                              const Scenario& scenario, int most_runs) {
    WorldOptions seeded = options;
    seeded.seed = seed;
    Shrinker shrinker(seeded, scenario, most_runs);
    if (!shrinker.fails(plan)) return std::nullopt;
    return shrinker.shrink();
}

std::optional<Failure> explore(std::size_t count, const WorldOptions& options, const Scenario& scenario) {
    for (const auto seed : seeds(count)) {
        WorldOptions seeded = options;
        seeded.seed = seed;
        const auto once = ScenarioRun::of(seeded, scenario);
        if (!once.held) {
            if (auto shortest = shrink(seed, once.struck, options, scenario)) return shortest;
            Failure failure;
            failure.seed = seed;
            failure.plan = once.struck;
            failure.text =
                "it failed once, and not again under its own plan: something is not simulated\n" + once.text;
            return failure;
        }
        if (seed % twice_every != 0) continue;
        const auto again = ScenarioRun::of(seeded, scenario);
        if (again.hash != once.hash || !again.held) return not_deterministic(seed, once, again);
    }
    return std::nullopt;
}

}  // namespace tandem::inline v1::testing
