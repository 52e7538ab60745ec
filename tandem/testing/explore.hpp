#pragma once

#include <tandem/testing/world.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace tandem::inline v1::testing {

/// Peoples the world that it is given, runs it, and says whether everything held. It is called many times and
/// keeps nothing: all that it counts is its own. What leaves it as an exception did not hold either.
using Scenario = std::function<bool(World& world)>;

/// How a scenario fails, at its shortest.
struct Failure {
    std::uint64_t seed = 0;
    FaultPlan plan;  ///< none of its entries can be left out
    int runs = 0;    ///< that it took to shorten it
    std::string
        text;  ///< what broke in that run: problems, await tree, the last events, and how to run it again
};

/// Runs a scenario under the seeds 1 to `count` (or the one in `TANDEM_SEED`, with the plan in `TANDEM_PLAN`)
/// and gives the first failure, shortened. Every 50th seed runs twice and must do the same twice (SIM-6).
///
///     bool every_page_comes(testing::World& world) {
///         auto server = world.host("api.example", "10.0.0.1");
///         auto laptop = world.host("laptop", "10.0.0.2");
///         int pages = 0;
///         server.serve(serve_pages);
///         laptop.run([&] { return fetch_pages(&pages); });
///         return world.run_until_idle(1h).ok() && pages == 20;
///     }
///
///     const auto failure = testing::explore(1'000, {.buggify = 0.02}, every_page_comes);
///     EXPECT_FALSE(failure) << failure->text;
///
/// Errors      none: what the scenario throws is its failure.
/// Threads     one, in which no loop runs.
std::optional<Failure> explore(std::size_t count, const WorldOptions& options, const Scenario& scenario);

/// Deletes entries of a plan under which the scenario fails for as long as it still fails, at most in
/// `most_runs` runs. Nothing if it does not fail under the plan.
std::optional<Failure> shrink(std::uint64_t seed, const FaultPlan& plan, const WorldOptions& options,
                              const Scenario& scenario, int most_runs = 1'000);

}  // namespace tandem::inline v1::testing
