#pragma once

#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/instrument.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <ostream>
#include <type_traits>

namespace tandem::contracts {

/// What runs on this loop and in this process besides the code that asks.
struct Running {
    std::size_t tasks = all_tasks(this_loop()).size();
    std::size_t timers = this_loop().timers().live();
    std::size_t operations = this_loop().operations().in_use();
    std::ptrdiff_t threads = std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                                           std::filesystem::directory_iterator());
    bool operator==(const Running&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Running& running) {
        return out << running.tasks << " tasks, " << running.timers << " timers, " << running.operations
                   << " operations, " << running.threads << " threads";
    }
};

/// Counts what runs while it lives.
class CountEntries final : public Instrument {
public:
    CountEntries() { this_loop().set_instrument(this); }
    ~CountEntries() override { this_loop().set_instrument(nullptr); }
    CountEntries(const CountEntries&) = delete;
    CountEntries& operator=(const CountEntries&) = delete;
    void before_step(const EntryInfo&) override { ++count; }
    void before_callback(const EntryInfo&) override { ++count; }
    std::size_t count = 0;
};

/// That once `make()` has been awaited the same runs as before, and nothing is in line to run. `name` is
/// "room/file.hpp: function", which V2's list looks for.
template <class F>
Task<void> leaves_nothing(const char* name, F make) {
    for (int turn = 0; turn < 3; ++turn) co_await checkpoint();
    const Running before;
    if constexpr (std::is_void_v<AwaitResult<std::invoke_result_t<F&>>>)
        co_await make();
    else [[maybe_unused]]
        auto&& result = co_await make();
    const Running after;
    std::size_t entries = 0;
    {
        CountEntries counting;
        co_await checkpoint();
        entries = counting.count;
    }
    EXPECT_EQ(before, after) << name;
    EXPECT_LE(entries, 1U) << name;  // this very task
}

}  // namespace tandem::contracts
