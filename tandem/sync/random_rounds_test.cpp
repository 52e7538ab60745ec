// Nothing is lost however waits, hand-overs and cancellations meet (sem:S4): seeded rounds, as many as a
// second takes or, with TANDEM_BARS=full, the million that the rule asks for.
#include <tandem/sync/capacity_limiter.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/sync/condition.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/bars.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

const int rounds = static_cast<int>(tandem::testing::bar(100'000, 1'000'000));
constexpr std::uint32_t seed = 20261122;

/// Eight workers that are cancelled and replaced at random while `step` goes on.
template <class MakeWorker, class Step>
Task<void> storm(MakeWorker make, Step step) {
    std::minstd_rand random(seed);
    std::vector<TaskHandle<void>> workers(8);
    for (int round = 0; round < rounds; ++round) {
        TaskHandle<void>& worker = workers[random() % workers.size()];
        if (!worker || worker.done())
            worker = create_task(make());
        else if (random() % 3 == 0)
            worker.cancel();
        step(random());
        if (random() % 2) co_await checkpoint();
    }
    for (auto& worker : workers) {
        if (worker) worker.cancel();
    }
    for (auto& worker : workers) {
        while (worker && !worker.done()) co_await checkpoint();
    }
}

Task<void> hold(Mutex& mutex, int& inside, int& broken) {
    auto guard = co_await mutex.lock();
    broken += ++inside != 1;
    struct Leave {
        explicit Leave(int& i) : number(i) {}
        ~Leave() { --number; }
        int& number;
    } leave(inside);
    co_await checkpoint();
}

Task<void> permits(Semaphore& semaphore, std::size_t count) {
    auto held = co_await semaphore.hold(count);
    co_await checkpoint();
}

Task<void> borrow(CapacityLimiter& limiter, int& inside, int& broken) {
    auto place = co_await limiter.hold();
    broken += ++inside > 3;
    struct Leave {
        explicit Leave(int& i) : number(i) {}
        ~Leave() { --number; }
        int& number;
    } leave(inside);
    co_await checkpoint();
}

Task<void> take(Queue<int>& queue, std::vector<int>& items) {
    const int item = co_await queue.get();
    items.push_back(item);
}

Task<void> receive(Receiver<int>& receiver, std::vector<int>& items) {
    const auto item = co_await receiver.receive();
    if (item) items.push_back(*item);
}

Task<void> wait_for_notice(Condition& condition, int& notices, int& unlocked) {
    auto guard = co_await condition.mutex().lock();
    try {
        co_await condition.wait();
        ++notices;
    } catch (const Cancelled&) {
        unlocked += !condition.mutex().locked();
        throw;
    }
}

bool each_once(std::vector<int> items, int count) {
    std::sort(items.begin(), items.end());
    std::vector<int> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    return items == all;
}

}  // namespace

ASYNC_TEST(SemS4, random_rounds_never_lose_or_double_a_lock) {
    Mutex mutex;
    int inside = 0;
    int broken = 0;
    co_await storm([&] { return hold(mutex, inside, broken); }, [](std::uint64_t) {});

    EXPECT_EQ(broken, 0) << "seed " << seed;
    EXPECT_FALSE(mutex.locked()) << "seed " << seed;
}

ASYNC_TEST(SemS4, random_rounds_keep_every_permit) {
    Semaphore semaphore(3);
    std::size_t count = 0;
    const auto make = [&] { return permits(semaphore, 1 + ++count % 3); };
    co_await storm(make, [](std::uint64_t) {});

    EXPECT_EQ(semaphore.value(), 3u) << "seed " << seed;
    EXPECT_EQ(semaphore.statistics().tasks_waiting, 0u) << "seed " << seed;
}

ASYNC_TEST(SemS4, random_rounds_keep_every_place_of_a_limiter) {
    CapacityLimiter limiter(3);
    int inside = 0;
    int broken = 0;
    co_await storm([&] { return borrow(limiter, inside, broken); }, [](std::uint64_t) {});

    EXPECT_EQ(broken, 0) << "seed " << seed;
    EXPECT_EQ(limiter.available(), 3u) << "seed " << seed;
}

ASYNC_TEST(SemS4, random_rounds_keep_every_item) {
    Queue<int> queue(4);
    std::vector<int> items;
    int put = 0;
    const auto step = [&](std::uint64_t random) {
        if (random % 3) put += queue.try_put(int(put));
    };
    co_await storm([&] { return take(queue, items); }, step);
    while (auto rest = queue.try_get()) items.push_back(*rest);

    EXPECT_TRUE(each_once(items, put)) << "seed " << seed;
    EXPECT_GT(put, rounds / 20);
}

ASYNC_TEST(SemS4, random_rounds_of_hand_shakes_keep_every_item) {
    auto channel = Channel<int>(0);
    std::vector<int> items;
    int sent = 0;
    const auto step = [&](std::uint64_t) { sent += channel.sender.try_send(int(sent)); };
    co_await storm([&] { return receive(channel.receiver, items); }, step);
    while (auto rest = channel.receiver.try_receive()) items.push_back(*rest);

    EXPECT_TRUE(each_once(items, sent)) << "seed " << seed;
    EXPECT_GT(sent, rounds / 20);
}

ASYNC_TEST(SemS4, random_rounds_waste_no_notification_and_never_return_unlocked) {
    Mutex mutex;
    Condition condition(mutex);
    int notices = 0;
    int given = 0;
    int unlocked = 0;
    const auto step = [&](std::uint64_t random) {
        if (random % 4 || !mutex.try_lock()) return;
        given += condition.statistics().tasks_waiting > 0;
        condition.notify();
        mutex.unlock();
    };
    co_await storm([&] { return wait_for_notice(condition, notices, unlocked); }, step);

    EXPECT_EQ(unlocked, 0) << "seed " << seed;
    EXPECT_LE(notices, given) << "seed " << seed;
    EXPECT_GT(notices, rounds / 50);
    EXPECT_FALSE(mutex.locked());
}
