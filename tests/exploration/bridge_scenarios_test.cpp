// Plain code on fibers of a simulated machine: every `.get()` returns once, with what it waited for (SIM-9:
// the bridge).
#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/bars.hpp>
#include <tandem/testing/explore.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <chrono>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using testing::World;

struct Shared {
    Mutex mutex;
    int inside = 0;
    int calls = 0;
    int broken = 0;
};

using tandem::testing::value_after;

/// A call over the bridge, of a kind that the seed draws.
void call(Shared& shared, SimRandom& random, int number) {
    const auto time = 1ms * static_cast<int>(random.below(5));
    switch (random.below(5)) {
        case 0:
            if (value_after(time, number).get() != number) ++shared.broken;
            break;
        case 1:
            try {
                if (value_after(time, number).get(2ms) != number) ++shared.broken;
            } catch (const TimeoutError&) {
                if (time < 2ms) ++shared.broken;
            }
            break;
        case 2: {
            const auto lock = shared.mutex.lock().get();
            if (++shared.inside != 1) ++shared.broken;
            sleep(time).get();
            --shared.inside;
            break;
        }
        case 3: {
            auto pending = value_after(time, number).start(on(this_loop()));
            if (random.chance(0.3)) pending.cancel();
            pending.wait();
            if (!pending.cancelled() && pending.get() != number) ++shared.broken;
            break;
        }
        default: {
            const auto nested = [number, time] { return value_after(time, number).get(); };
            if (in_fiber(nested).get() != number) ++shared.broken;
        }
    }
    ++shared.calls;
}

void plain_thread(Shared& shared, SimRandom& random, int number) {
    for (int i = 0; i < 8; ++i) call(shared, random, number * 100 + i);
}

/// Coroutines that wait for the same work, and give up waiting for it now and then.
Task<void> wait_for_pendings(Shared& shared, SimRandom& random) {
    for (int i = 0; i < 8; ++i) {
        const auto time = 1ms * static_cast<int>(random.below(6));
        auto pending = value_after(time, i).start(on(this_loop()));
        const auto one_wait = [](Pending<int>& of) -> Task<int> { co_return co_await of; };
        auto early = co_await move_on_after(1ms * static_cast<int>(random.below(6)), one_wait(pending));
        if (early && *early != i) ++shared.broken;
        if (!early) {
            const int value = co_await pending;
            if (value != i) ++shared.broken;
        }
        ++shared.calls;
    }
}

bool every_get_returns_once(World& world) {
    auto host = world.host("host", "10.0.0.1");
    Shared shared;
    host.run([&]() -> Task<void> {
        auto& random = world.random();
        TaskGroup group;
        for (int i = 0; i < 4; ++i)
            group.create_task(in_fiber(plain_thread, std::ref(shared), std::ref(random), i));
        for (int i = 0; i < 2; ++i) group.create_task(wait_for_pendings(shared, random));
        co_await group.join();
    });
    return world.run_until_idle(1h).ok() && shared.broken == 0 && shared.calls == 6 * 8;
}

TEST(SIM9, every_get_of_plain_code_returns_once_and_with_its_own_value) {
    // Without StrayCalls: a wait across the bridge notes the real time for what it would say if it closed a
    // cycle.
    const auto seeds = static_cast<std::size_t>(testing::bar(150, 50'000));
    const auto failure = testing::explore(seeds, {}, every_get_returns_once);
    EXPECT_FALSE(failure) << failure->text;
}

}  // namespace
}  // namespace tandem
