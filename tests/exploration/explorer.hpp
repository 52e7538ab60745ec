#pragma once

#include "random_program.hpp"

#include <tandem/backend/backend.hpp>

#include <optional>
#include <string>

namespace exploration {

/// How a program is run.
struct Way {
    tandem::BackendChoice backend = tandem::BackendChoice::epoll;
    std::optional<std::uint64_t> order = std::nullopt;  // the seed that draws what nobody promises
    std::optional<int> cancel_at = std::nullopt;        // the event at which its main task is cancelled
};

/// What came of it.
struct Played {
    std::string outcome;
    std::string trace;
    int events = 0;
    std::string broken;  // the promises that did not hold, one per line
};

/// Runs it on a loop of its own with virtual time, and closes the loop.
Played run_program(const Node& program, const Way& way);

}  // namespace exploration
