// Tasks that meet, and that are cancelled while they wait, in every order that a seed draws: nothing is lost,
// nothing is there twice, and nobody waits for ever.
#include "scenarios.hpp"

#include <tandem/loop/event_loop.hpp>
#include <tandem/sync/barrier.hpp>
#include <tandem/sync/capacity_limiter.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/sync/condition.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <optional>
#include <vector>

namespace tandem {
namespace {

using namespace std::chrono_literals;
using exploration::hold;
using testing::World;

Duration some_time(SimRandom& random, std::uint64_t most_ms) {
    return 1ms * static_cast<int>(random.below(most_ms));
}

struct Permits {
    Semaphore semaphore{3};
    CapacityLimiter limiter{3};
    std::size_t inside = 0;
    std::size_t borrowed = 0;
    bool broken = false;
};

Task<void> use_permits(Permits& shared, SimRandom& random) {
    const auto count = 1 + random.below(3);
    const auto permit = co_await shared.semaphore.hold(count);
    shared.inside += count;
    if (shared.inside > 3) shared.broken = true;
    struct Leave {
        Permits& shared;
        std::size_t count;
        ~Leave() { shared.inside -= count; }
    } const leave{shared, count};
    co_await sleep(some_time(random, 4));
}

Task<void> use_place(Permits& shared, SimRandom& random) {
    const auto place = co_await shared.limiter.hold();
    if (++shared.borrowed > 3) shared.broken = true;
    struct Leave {
        Permits& shared;
        ~Leave() { --shared.borrowed; }
    } const leave{shared};
    co_await sleep(some_time(random, 4));
}

Task<void> use_both_impatiently(Permits& shared, SimRandom& random) {
    for (int i = 0; i < 4; ++i) {
        co_await move_on_after(some_time(random, 8), use_permits(shared, random));
        co_await move_on_after(some_time(random, 8), use_place(shared, random));
    }
    co_await use_permits(shared, random);
    co_await use_place(shared, random);
}

TEST(SIM9, permits_are_never_too_many_and_none_is_lost) {
    hold([](World& world) {
        auto host = world.host("host", "10.0.0.1");
        Permits shared;
        host.run([&]() -> Task<void> {
            TaskGroup group;
            for (int i = 0; i < 8; ++i) group.create_task(use_both_impatiently(shared, world.random()));
            co_await group.join();
        });
        const bool ok = world.run_until_idle(1h).ok();
        return ok && !shared.broken && shared.semaphore.value() == 3 && shared.limiter.available() == 3;
    });
}

struct Shelf {
    Mutex mutex;
    Condition filled{mutex};
    int items = 0;
    int taken = 0;
    bool inside = false;
    bool broken = false;
};

Task<void> take_one(Shelf& shelf) {
    const auto lock = co_await shelf.mutex.lock();
    while (shelf.items == 0) co_await shelf.filled.wait();
    if (shelf.inside) shelf.broken = true;
    --shelf.items;
    ++shelf.taken;
}

Task<void> put_one(Shelf& shelf, SimRandom& random) {
    const auto lock = co_await shelf.mutex.lock();
    if (shelf.inside) shelf.broken = true;
    shelf.inside = true;
    co_await sleep(some_time(random, 2));
    ++shelf.items;
    shelf.filled.notify();
    co_await sleep(
        some_time(random, 3));  // whoever was notified waits for the lock meanwhile, and may give up
    shelf.inside = false;
}

/// In each round two who may give up stand in line before one who does not; then one item comes.
Task<void> stand_in_line_and_put(Shelf& shelf, SimRandom& random, std::vector<TaskHandle<void>>& patient) {
    TaskGroup impatient;
    const auto give_up_soon = [&]() -> Task<void> {
        co_await move_on_after(1ms + some_time(random, 6), take_one(shelf));
    };
    for (int i = 0; i < 2; ++i) impatient.create_task(give_up_soon());
    co_await sleep(0ms);
    patient.push_back(create_task(take_one(shelf)));
    co_await sleep(some_time(random, 3));
    co_await put_one(shelf, random);
    co_await impatient.join();
    co_await sleep(1ms);
    if (shelf.items > 0 && shelf.filled.statistics().tasks_waiting > 0) shelf.broken = true;
}

TEST(SIM9, a_notification_reaches_somebody_though_whoever_got_it_was_cancelled) {
    hold([](World& world) {
        auto host = world.host("host", "10.0.0.1");
        Shelf shelf;
        host.run([&]() -> Task<void> {
            std::vector<TaskHandle<void>> patient;
            for (int i = 0; i < 6; ++i) co_await stand_in_line_and_put(shelf, world.random(), patient);
            for (std::size_t i = 0; i < patient.size(); ++i) co_await put_one(shelf, world.random());
            for (auto& each : patient) co_await each;
        });
        return world.run_until_idle(1h).ok() && !shelf.broken;
    });
}

struct Goods {
    Queue<int> queue{2};
    std::vector<int> got;
};

Task<void> get_impatiently(Goods& goods, SimRandom& random) {
    for (int i = 0; i < 5; ++i) {
        auto item = co_await move_on_after(some_time(random, 5), goods.queue.get());
        if (item) goods.got.push_back(*item);
    }
}

Task<void> put_all(Goods& goods, SimRandom& random, int from, int to) {
    for (int item = from; item < to;) {
        auto put = co_await move_on_after(some_time(random, 5), goods.queue.put(item));
        if (put) ++item;
    }
}

Task<void> get_the_rest(Goods& goods) {
    while (auto item = co_await goods.queue.next()) goods.got.push_back(*item);
}

TEST(SIM9, every_item_of_a_queue_comes_out_once_though_getters_and_putters_give_up) {
    hold([](World& world) {
        auto host = world.host("host", "10.0.0.1");
        Goods goods;
        host.run([&]() -> Task<void> {
            auto& random = world.random();
            auto rest = create_task(get_the_rest(goods));
            TaskGroup group;
            group.create_task(put_all(goods, random, 0, 10));
            group.create_task(put_all(goods, random, 10, 20));
            for (int i = 0; i < 3; ++i) group.create_task(get_impatiently(goods, random));
            co_await group.join();
            goods.queue.shutdown();
            co_await rest;
        });
        if (!world.run_until_idle(1h).ok()) return false;
        std::array<int, 20> times{};
        for (const int item : goods.got) ++times[static_cast<std::size_t>(item)];
        for (const int each : times) {
            if (each != 1) return false;
        }
        return true;
    });
}

TEST(SIM9, nobody_passes_a_barrier_twice_before_all_have_passed_it_once) {
    hold([](World& world) {
        auto host = world.host("host", "10.0.0.1");
        constexpr int parties = 4;
        constexpr int rounds = 6;
        Barrier barrier(parties);
        std::array<int, rounds + 1> arrived{};
        bool broken = false;
        host.run([&]() -> Task<void> {
            TaskGroup group;
            const auto party = [&]() -> Task<void> {
                for (std::size_t round = 0; round < rounds; ++round) {
                    if (world.random().chance(0.5)) co_await sleep(some_time(world.random(), 3));
                    ++arrived[round];
                    co_await barrier.wait();
                    if (arrived[round] != parties) broken = true;
                }
            };
            for (int i = 0; i < parties; ++i) group.create_task(party());
            co_await group.join();
        });
        return world.run_until_idle(1h).ok() && !broken;
    });
}

/// First come, first served, with those in between who gave up.
TEST(SIM9, waiters_of_a_mutex_get_it_in_the_order_of_their_coming) {
    hold([](World& world) {
        auto host = world.host("host", "10.0.0.1");
        Mutex mutex;
        std::vector<int> came;
        std::vector<int> served;
        host.run([&]() -> Task<void> {
            const auto stand = [&](int number) -> Task<void> {
                co_await sleep(some_time(world.random(), 20));
                if (mutex.locked()) came.push_back(number);
                const bool waited = mutex.locked();
                const auto lock = co_await mutex.lock();
                if (waited) served.push_back(number);
                co_await sleep(some_time(world.random(), 4));
            };
            TaskGroup group;
            for (int i = 0; i < 10; ++i) group.create_task(stand(i));
            const auto give_up = [&]() -> Task<void> {
                const auto lock = co_await mutex.lock();
                co_await sleep(1ms);
            };
            for (int i = 0; i < 10; ++i) co_await move_on_after(some_time(world.random(), 5), give_up());
            co_await group.join();
        });
        return world.run_until_idle(1h).ok() && came == served;
    });
}

}  // namespace
}  // namespace tandem
