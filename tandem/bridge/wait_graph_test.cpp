// Waits that would never end are refused, over threads, loops and pools. The corpus is in tests/deadlocks.
#include <tandem/bridge/wait_graph.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/run_on.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/bars.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::value_after;

/// A task that knows its own Pending, and the worker that waits for it.
class Self {
public:
    template <class F>
    std::string text_of(F wait) {
        const auto main = [](Self& self, F waits) -> Task<void> {
            const auto body = [](Self& me, F how) -> Task<void> {
                while (!me.pending_) co_await sleep(1ms);
                const auto in_worker = [&me, how] {
                    try {
                        how(*me.pending_);
                    } catch (const WouldDeadlock& error) {
                        me.text_ = error.what();
                        me.cycle_ = error.cycle();
                    }
                };
                co_await to_thread(in_worker);
            };
            auto task = create_task(body(self, std::move(waits)), {.name = "snake"});
            self.pending_ = std::make_unique<Pending<void>>(task.pending());
            co_await task;
        };
        run(main(*this, std::move(wait)));
        pending_.reset();
        return text_;
    }
    const std::vector<std::string>& cycle() const { return cycle_; }

private:
    std::unique_ptr<Pending<void>> pending_;
    std::string text_;
    std::vector<std::string> cycle_;
};

void get(const Pending<void>& pending) { pending.get(); }

bool holds(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST(SemB32, each_hop_is_told_with_its_thread_or_task_its_wait_its_place_and_its_age) {
    Self self;
    const std::string text = self.text_of(get);
    for (const char* part :
         {"Pending::get() at", "wait_graph_test.cpp:", "thread worker-1 -> snake -> thread worker-1",
          "task snake", "thread job", " s", "co_await f()", "in_fiber", "to_thread"})
        EXPECT_TRUE(holds(text, part)) << part << " is not in: " << text;
    EXPECT_EQ(self.cycle().size(), 3U);
}

TEST(CreepD3, a_worker_that_waits_for_its_own_task_is_told_the_cycle_and_the_ways_out) {
    const std::string text =
        Self().text_of([](const Pending<void>& pending) { static_cast<void>(pending.wait()); });
    for (const char* part : {"Pending::wait() at", "closes a cycle", "co_await f()", "co_await in_fiber(fn)",
                             "co_await to_thread(fn)"})
        EXPECT_TRUE(holds(text, part)) << part << " is not in: " << text;
}

TEST(SemT7, a_worker_that_would_wait_for_its_own_task_is_refused_and_the_task_goes_on) {
    EXPECT_NE(Self().text_of(get), "");
    // Its own cancel ends the wait first (sem:C100).
    EXPECT_THROW(Self().text_of([](const Pending<void>& pending) { pending.cancel_and_wait(); }),
                 TaskCancelled);
    EXPECT_NE(Self().text_of([](const Pending<void>& pending) { static_cast<void>(pending.exception()); }),
              "");
}

TEST(SemT7, a_limit_ends_such_a_wait_by_itself) {
    EXPECT_EQ(Self().text_of([](const Pending<void>& pending) { EXPECT_FALSE(pending.wait(20ms)); }), "");
    EXPECT_EQ(
        Self().text_of([](const Pending<void>& pending) { EXPECT_THROW(pending.get(20ms), TimeoutError); }),
        "");
}

namespace {

/// Two tasks, each with a thread that waits for the other one's end: which of them closes the cycle is up to
/// the machine.
struct Two {
    std::unique_ptr<Pending<int>> ends[2];
    std::string refused[2];
    std::atomic<int> refusals = 0;

    static Task<int> wait_for_other(Two& two, int me) {
        while (!two.ends[1 - me]) co_await sleep(1ms);
        const auto wait = [&two, me] {
            try {
                return two.ends[1 - me]->get() + 10;
            } catch (const WouldDeadlock& error) {
                two.refused[me] = error.what();
                ++two.refusals;
                return 1;
            }
        };
        co_return co_await to_thread(wait);
    }
};

}  // namespace

TEST(SemB31, nobody_but_the_one_that_closes_the_cycle_hears_of_it) {
    for (int round = 0; round < 10; ++round) {
        Two two;
        const auto main = [&two]() -> Task<int> {
            auto one = create_task(Two::wait_for_other(two, 0), {.name = "one"});
            auto other = create_task(Two::wait_for_other(two, 1), {.name = "two"});
            two.ends[0] = std::make_unique<Pending<int>>(one.pending());
            two.ends[1] = std::make_unique<Pending<int>>(other.pending());
            const int first = co_await one;
            const int second = co_await other;
            co_return first + second;
        };
        // 1 of the one that was refused, and 11 of the one that got that.
        EXPECT_EQ(run(main()), 12);
        ASSERT_EQ(two.refusals, 1);
        const std::string text = two.refused[0] + two.refused[1];
        EXPECT_TRUE(holds(text, "one")) << text;
        EXPECT_TRUE(holds(text, "two")) << text;
    }
}

namespace {

/// `callers` tasks, each with a thread in `options`' pool that gets a coroutine that needs another thread of
/// it.
int answered(int callers, const ToThreadOptions& options, std::string* text = nullptr) {
    struct Count {
        std::atomic<int> inside = 0;
        std::atomic<int> good = 0;
        std::atomic<int> refused = 0;
    } count;
    const auto main = [](int n, ToThreadOptions how, Count& c, std::string* told) -> Task<void> {
        const auto caller = [](ToThreadOptions o, Count& counts, int all, std::string* into) -> Task<void> {
            const auto inner = [](ToThreadOptions same) -> Task<int> {
                const auto one = [] { return 1; };
                co_return co_await to_thread(same, one);
            };
            const auto outer = [&counts, all, o, inner, into] {
                ++counts.inside;
                while (counts.inside < all) std::this_thread::sleep_for(100us);
                try {
                    counts.good += inner(o).get();
                } catch (const WouldDeadlock& error) {
                    if (++counts.refused == 1 && into) *into = error.what();
                }
            };
            co_await to_thread(o, outer);
        };
        co_await with_task_group(
            [](TaskGroup& group, auto make, ToThreadOptions o, Count& counts, int all,
               std::string* into) -> Task<void> {
                for (int i = 0; i < all; ++i) group.create_task(make(o, counts, all, into));
                co_return;
            },
            caller, how, std::ref(c), n, told);
    };
    run(main(callers, options, count, text));
    EXPECT_EQ(count.good + count.refused, callers);
    return count.good;
}

}  // namespace

TEST(SemB33, all_threads_of_a_pool_that_wait_for_what_is_queued_behind_them_are_a_cycle) {
    WorkerPool two(2);
    std::string text;
    EXPECT_EQ(answered(2, ToThreadOptions().pool(two), &text), 1);
    EXPECT_TRUE(holds(text, "queued")) << text;
    EXPECT_TRUE(holds(text, "in_fiber")) << text;
    EXPECT_LE(two.threads(), 2U);
}

TEST(SemB33, a_free_thread_in_the_pool_makes_it_none) {
    WorkerPool three(3);
    std::string text;
    EXPECT_EQ(answered(2, ToThreadOptions().pool(three), &text), 2) << text;
}

TEST(SemB33, all_slots_taken_by_workers_that_wait_for_one_are_a_cycle) {
    std::string text;
    EXPECT_EQ(answered(3, ToThreadOptions().limiter(std::make_shared<SlotLine>(3)), &text), 2);
    EXPECT_TRUE(holds(text, "slot")) << text;
}

TEST(SemB34, a_child_that_awaits_its_parent_is_refused_whichever_begins_to_wait_first) {
    const auto main = [](Duration child_waits) -> Task<std::string> {
        const auto parent = [](Duration pause, TaskHandle<std::string>& self) -> Task<std::string> {
            const auto child = [](Duration first, TaskHandle<std::string>& p) -> Task<std::string> {
                co_await sleep(first);
                std::string text = "nothing";
                try {
                    co_await p;
                } catch (const WouldDeadlock& error) {
                    text = error.what();
                }
                co_return text;
            };
            TaskGroup group;
            auto made = group.create_task(child(pause, self));
            co_await sleep(5ms);
            co_await group.join();
            co_return made.take_result();
        };
        TaskHandle<std::string> self;
        self = create_task(parent(child_waits, self));
        co_return co_await self;
    };
    for (const auto wait : {1ms, 10ms}) {
        const std::string text = run(main(wait));
        EXPECT_TRUE(holds(text, "wait for each other")) << text;
    }
}

TEST(SemB35, legal_calls_of_all_kinds_raise_no_alarm) {
    static const int rounds = static_cast<int>(tandem::testing::bar(2'880, 1'000'000) / (8 * 6));
    std::atomic<int> alarms = 0;
    std::atomic<int> calls = 0;
    EventLoop second;
    std::thread runner([&second] { second.run_forever(); });
    const auto busy = [](EventLoop& other, std::atomic<int>& bad, std::atomic<int>& done) -> Task<void> {
        for (int i = 0; i < rounds; ++i) {
            try {
                auto shared = value_after(i % 5 == 0 ? 200us : 0us, i).start(on(other));
                const auto in_worker = [&shared, &other, i] {
                    int sum = value_after(0s, 1).get() + shared.get();
                    sum += value_after(i % 7 == 0 ? 300us : 0us, 1).start(on(other)).get();
                    return sum + run(value_after(0s, 1));
                };
                int sum = co_await to_thread(in_worker);
                sum += co_await shared;
                sum += co_await run_on(other, value_after(0s, 1));
                if (sum != 2 * i + 4) ++bad;
                done += 6;
            } catch (const WouldDeadlock&) {
                ++bad;
            }
        }
    };
    const auto main = [](auto body, EventLoop& other, std::atomic<int>& bad,
                         std::atomic<int>& done) -> Task<void> {
        co_await gather(body(other, bad, done), body(other, bad, done), body(other, bad, done),
                        body(other, bad, done));
    };
    std::thread more([&] { main(busy, second, alarms, calls).get(); });
    run(main(busy, second, alarms, calls));
    more.join();
    second.stop_threadsafe();
    runner.join();
    EXPECT_EQ(alarms, 0);
    EXPECT_EQ(calls, 8 * rounds * 6);
}

TEST(SemB30, plain_threads_are_waited_for_by_nobody_and_leave_no_trace_in_the_graph) {
    std::vector<std::thread> threads;
    std::atomic<int> most = 0;
    const auto look = [](std::atomic<int>& seen) -> Task<int> {
        co_await sleep(10ms);
        seen = std::max(seen.load(), OutsideWaits::count.load());
        co_return 1;
    };
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { look(most).get(); });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(most, 0);
}

TEST(SemB30, a_worker_that_waits_is_in_the_graph_as_long_as_it_waits) {
    const auto main = []() -> Task<std::pair<int, int>> {
        auto slow = value_after(20ms, 1).start(on_background());
        const auto wait = [&slow] { slow.get(); };
        auto job = create_task(to_thread(wait));
        co_await sleep(10ms);
        const int during = OutsideWaits::count;
        co_await job;
        co_return std::pair(during, OutsideWaits::count.load());
    };
    const auto [during, after] = run(main());
    EXPECT_EQ(during, 1);
    EXPECT_EQ(after, 0);
}

TEST(RB5, a_direct_wait_is_refused_at_once_with_task_loop_stacks_and_fixes) {
    const auto main = []() -> Task<std::string> {
        std::string text;
        try {
            value_after(1ms, 1).get();
        } catch (const WouldDeadlock& error) {
            text = error.what();
        }
        co_return text;
    };
    const std::string text = run(main());
    for (const char* part : {"get() at", "wait_graph_test.cpp", "event loop", "value_after", "Task-",
                             "co_await", "in_fiber", "to_thread"})
        EXPECT_TRUE(holds(text, part)) << part << " is not in: " << text;
}

TEST(RB5, a_wait_through_a_worker_is_refused) { EXPECT_NE(Self().text_of(get), ""); }

TEST(RB5, a_pool_of_two_with_two_that_wait_for_it_is_refused) {
    WorkerPool two(2);
    EXPECT_EQ(answered(2, ToThreadOptions().pool(two)), 1);
}
