#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace tandem::inline v1::testing {

/// Ends the process with a message if it is not destroyed in time.
///
/// Threads     one of its own.
class Watchdog {
public:
    /// `report` is called on the watchdog's thread just before the end, with the hanging threads as they are.
    explicit Watchdog(std::chrono::seconds limit, std::function<void()> report = {});
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace tandem::inline v1::testing
