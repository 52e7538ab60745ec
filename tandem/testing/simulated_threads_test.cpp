// Plain code of a simulated host: its threads are fibers of a loop with a seed, so that the bridge is
// explored order by order, and every order can be had again.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

constexpr int threads = 6;
constexpr int calls = 12;

using tandem::testing::value_after;

Task<int> fails_after(Duration delay) {
    co_await sleep(delay);
    throw std::runtime_error("no");
}

/// What the threads of one run share, and what they did.
struct Host {
    Mutex mutex;
    Queue<int> queue{2};
    int inside = 0;
    int put = 0;
    int taken = 0;
    std::vector<std::string> log;
};

/// One call over the bridge; what came of it.
std::string call(Host& host, int number, std::minstd_rand& random) {
    const auto delay = std::chrono::milliseconds(random() % 4);
    switch (random() % 7) {
        case 0:
            return "value " + std::to_string(value_after(delay, number).get());
        case 1:
            try {
                return std::to_string(fails_after(delay).get());
            } catch (const std::runtime_error& error) {
                return error.what();
            }
        case 2:
            try {
                return "in time " + std::to_string(value_after(delay, number).get(2ms));
            } catch (const TimeoutError&) {
                return "late";
            }
        case 3: {
            auto pending = value_after(delay, number).start(on(this_loop()));
            if (random() % 2 == 0) pending.cancel();
            pending.wait();
            return pending.cancelled() ? "cancelled" : "pending " + std::to_string(pending.get());
        }
        case 4: {
            const auto lock = host.mutex.lock().get();
            EXPECT_EQ(++host.inside, 1);
            sleep(delay).get();
            EXPECT_EQ(--host.inside, 0);
            return "locked";
        }
        case 5:
            if (random() % 2 == 0 && host.put < 1'000) {
                host.queue.put(number).get();
                ++host.put;
                return "put";
            }
            try {
                static_cast<void>(host.queue.get().get(2ms));
                ++host.taken;
                return "got";
            } catch (const TimeoutError&) {
                return "nothing";
            }
        default: {
            const auto nested = [number, delay] { return value_after(delay, number).get() + 1; };
            return "nested " + std::to_string(in_fiber(nested).get());
        }
    }
}

void plain_thread(Host& host, int number, std::uint64_t seed) {
    std::minstd_rand random(static_cast<std::uint32_t>(seed) * 31 + static_cast<std::uint32_t>(number));
    for (int i = 0; i < calls; ++i) {
        const std::string what = call(host, number, random);
        host.log.push_back(std::to_string(number) + ": " + what);
    }
}

Task<void> run_threads(Host& host, std::uint64_t seed) {
    TaskGroup group;
    for (int i = 0; i < threads; ++i) group.create_task(in_fiber(plain_thread, std::ref(host), i, seed));
    // Whoever finds no room in the queue waits until somebody takes.
    const auto takes = [](Host& from) -> Task<void> {
        for (;;) {
            co_await sleep(3ms);
            if (from.queue.try_get()) ++from.taken;
        }
    };
    auto taker = create_task(takes(host));
    co_await group.join();
    taker.cancel();
    co_await taker.join();
    while (host.queue.try_get()) ++host.taken;
}

std::vector<std::string> trace_of(std::uint64_t program, std::uint64_t order) {
    Host host;
    tandem::testing::run(run_threads(host, program), {.seed = order, .backend = BackendChoice::sim});
    EXPECT_EQ(host.log.size(), threads * calls) << "every call returns once";
    EXPECT_EQ(host.put, host.taken);
    return host.log;
}

}  // namespace

TEST(SemFt4, plain_threads_of_a_simulated_host_cross_the_bridge_in_many_orders) {
    std::size_t different = 0;
    for (std::uint64_t program = 1; program <= 20; ++program) {
        std::set<std::vector<std::string>> orders;
        for (std::uint64_t order = 1; order <= 20; ++order) orders.insert(trace_of(program, order));
        different += orders.size();
    }
    EXPECT_GT(different, 60U);
}

TEST(SemFt4, the_same_seed_gives_the_same_order_again) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(trace_of(seed, seed), trace_of(seed, seed));
}
