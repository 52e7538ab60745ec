// What ends because something else ended, in every order that a seed draws (SIM-9: structured concurrency).
#include "scenarios.hpp"

#include <tandem/loop/event_loop.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/wait_handles.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <vector>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using testing::World;

struct Boom : std::runtime_error {
    Boom() : std::runtime_error("boom") {}
};

/// How many are alive, and in which order things happened.
struct Seen {
    int alive = 0;
    int broken = 0;
};

class Alive {
public:
    explicit Alive(Seen& seen) : seen_(seen) { ++seen_.alive; }
    ~Alive() { --seen_.alive; }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;

private:
    Seen& seen_;
};

Task<int> lasts(Seen& seen, Duration time, int value) {
    const Alive alive(seen);
    co_await sleep(time);
    co_return value;
}

Task<void> fails(Seen& seen, Duration after) {
    const Alive alive(seen);
    co_await sleep(after);
    throw Boom();
}

/// For ever, and with children of its own.
Task<void> never_ends(Seen& seen, int depth) {
    const Alive alive(seen);
    if (depth == 0) co_await sleep(1000h);
    TaskGroup group;
    for (int i = 0; i < 2; ++i) group.create_task(never_ends(seen, depth - 1));
    co_await group.join();
}

Task<void> fill(TaskGroup& group, Seen& seen, SimRandom& random) {
    for (int i = 0; i < 3; ++i) group.create_task(never_ends(seen, static_cast<int>(random.below(3))));
    group.create_task(fails(seen, 1ms * static_cast<int>(random.below(5))));
    for (int i = 0; i < 3; ++i) {
        group.create_task(never_ends(seen, 1));
        co_await sleep(1ms * static_cast<int>(random.below(3)));
    }
}

Task<void> a_group_with_one_that_fails(Seen& seen, SimRandom& random) {
    bool failed = false;
    try {
        co_await with_task_group(fill, std::ref(seen), std::ref(random));
    } catch (const ExceptionGroup& group) {
        failed = group.exceptions().size() == 1;
    }
    if (!failed || seen.alive != 0) ++seen.broken;
}

Task<void> a_race(Seen& seen, SimRandom& random) {
    const auto first = 1ms * static_cast<int>(1 + random.below(4));
    auto winner = co_await race(lasts(seen, 1000h, 1), lasts(seen, first, 2), lasts(seen, 500h, 3));
    if (winner.index != 1 || seen.alive != 0) ++seen.broken;
}

Task<void> a_wait(Seen& seen, SimRandom& random) {
    std::vector<TaskHandle<int>> handles;
    for (int i = 0; i < 4; ++i)
        handles.push_back(create_task(lasts(seen, i == 2 ? 3ms : 100h, static_cast<int>(random.below(9)))));
    const auto before = this_loop().time();
    auto ended = co_await wait(handles, {.return_when = FIRST_COMPLETED});
    if (this_loop().time() - before > 3ms || ended.done.size() != 1) ++seen.broken;
    for (auto& handle : handles) handle.cancel();
    for (auto& handle : handles) co_await handle.join();
    if (seen.alive != 0) ++seen.broken;
}

Task<void> take_as_they_come(Seen& seen, int& taken) {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 4; ++i) tasks.push_back(lasts(seen, 1ms * i, i));
    auto done = as_completed(std::move(tasks));
    while (auto handle = co_await done.next()) {
        if (handle->result() != taken++) ++seen.broken;
    }
}

Task<void> completed_under_a_limit(Seen& seen, SimRandom& random) {
    int taken = 0;
    co_await move_on_after(1ms * static_cast<int>(random.below(5)), take_as_they_come(seen, taken));
    co_await sleep(1ms);
    if (seen.alive != 0) ++seen.broken;
}

/// A child that is started in a scope that was cancelled already ends at its first wait.
Task<void> born_cancelled(Seen& seen, SimRandom& random) {
    TaskGroup group;
    group.create_task(never_ends(seen, 1));
    co_await sleep(1ms * static_cast<int>(random.below(2)));
    group.cancel();
    group.create_task(never_ends(seen, 2));
    co_await group.join();
    if (seen.alive != 0) ++seen.broken;
}

bool everything_ends_in_time(World& world) {
    Seen seen;
    auto host = world.host("host", "10.0.0.1");
    host.run([&]() -> Task<void> {
        auto& random = world.random();
        for (int i = 0; i < 6; ++i) {
            co_await a_group_with_one_that_fails(seen, random);
            co_await a_race(seen, random);
            co_await a_wait(seen, random);
            co_await completed_under_a_limit(seen, random);
            co_await born_cancelled(seen, random);
        }
    });
    return world.run_until_idle(1h).ok() && seen.broken == 0 && seen.alive == 0 && world.elapsed() < 1s;
}

TEST(SIM9, whoever_is_not_needed_any_more_ends_at_once_in_every_order) {
    exploration::hold(everything_ends_in_time);
}

/// Timers that are planned and called off at random come when they are due, the earlier ones first.
bool timers_come_in_time(World& world) {
    auto host = world.host("host", "10.0.0.1");
    int broken = 0;
    int came = 0;
    int called_off = 0;
    constexpr int planned = 120;
    host.run([&]() -> Task<void> {
        auto& random = world.random();
        auto& loop = this_loop();
        TimePoint last;
        std::vector<TimerHandle> timers;
        for (int i = 0; i < planned; ++i) {
            const auto due = loop.time() + 1ms * static_cast<int>(1 + random.below(100));
            timers.push_back(loop.call_at(due, [&, due] {
                ++came;
                if (loop.time() != due || due < last) ++broken;
                last = due;
            }));
            if (random.chance(0.4)) {
                auto& other = timers[random.below(timers.size())];
                if (!other.cancelled() && other.when() > loop.time()) {
                    other.cancel();
                    ++called_off;
                }
            }
            if (random.chance(0.2)) co_await sleep(1ms);
        }
        co_await sleep(1s);
    });
    return world.run_until_idle(1h).ok() && broken == 0 && came + called_off == planned;
}

TEST(SIM9, timers_come_when_they_are_due_though_others_are_called_off) {
    exploration::hold(timers_come_in_time);
}

}  // namespace
}  // namespace tandem
