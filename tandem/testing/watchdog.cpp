#include <tandem/testing/watchdog.hpp>

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace tandem::inline v1::testing {

struct Watchdog::State {
    std::mutex mutex;
    std::condition_variable changed;
    bool over = false;
    std::thread thread;
};

Watchdog::Watchdog(std::chrono::seconds limit, std::function<void()> report)
    : state_(std::make_unique<State>()) {
    state_->thread = std::thread([state = state_.get(), limit, report = std::move(report)] {
        std::unique_lock lock(state->mutex);
        if (state->changed.wait_for(lock, limit, [state] { return state->over; })) return;
        std::fprintf(stderr, "watchdog: no end after %lld s\n", static_cast<long long>(limit.count()));
        if (report) report();
        std::fflush(stderr);
        std::_Exit(99);
    });
}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(state_->mutex);
        state_->over = true;
    }
    state_->changed.notify_one();
    state_->thread.join();
}

}  // namespace tandem::inline v1::testing
