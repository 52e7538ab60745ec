#include "scenarios.hpp"

#include "stray_calls.hpp"

#include <tandem/testing/bars.hpp>

#include <gtest/gtest.h>

namespace exploration {

void hold(const tandem::testing::Scenario& scenario, const tandem::testing::WorldOptions& options,
          long usual_seeds) {
    const StrayCalls none_may_leak;
    const auto seeds = static_cast<std::size_t>(tandem::testing::bar(usual_seeds, 50'000));
    const auto failure = tandem::testing::explore(seeds, options, scenario);
    EXPECT_FALSE(failure) << failure->text;
}

}  // namespace exploration
