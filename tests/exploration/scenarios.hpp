#pragma once

#include <tandem/testing/explore.hpp>

namespace exploration {

/// Runs it under so many seeds, or as many as `TANDEM_BARS` asks for; what fails is told at its shortest.
/// Nobody in it may ask the real world.
void hold(const tandem::testing::Scenario& scenario, const tandem::testing::WorldOptions& options = {},
          long usual_seeds = 150);

}  // namespace exploration
