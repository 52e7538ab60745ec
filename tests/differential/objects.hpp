#pragma once

#include "scenario.hpp"
#include "world.hpp"

#include <memory>
#include <optional>
#include <string>

namespace tandem::differential {

/// A scenario's locks, events, queues, futures, context variables.
class Objects {
public:
    Objects(const Scenario& scenario, EventLoop& loop);
    ~Objects();

    /// What the step tells; nothing if it is none of these.
    std::optional<std::string> plain_step(const Words& words);
    static bool is_waiting_step(const std::string& word);
    Task<Done> waiting_step(Words words);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::differential
