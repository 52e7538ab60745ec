// Rows A12, A13, B10, B11, C1, C2, R-B18 and their like: loops that come and go, beside each other.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/forked_internal.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/interrupt_scope.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/run_blocking.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/sync/universal_queue.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/loop_thread.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <future>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::LoopThread;

using Clock = std::chrono::steady_clock;

template <class F>
double seconds_of(F work) {
    const auto start = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

Task<void> rest(Duration time) { co_await sleep(time); }
Task<std::thread::id> thread_of_loop() { co_return std::this_thread::get_id(); }

Task<int> ticks_in(Duration time) {
    int ticks = 0;
    const auto end = this_loop().time() + time;
    while (this_loop().time() < end) {
        co_await sleep(1ms);
        ++ticks;
    }
    co_return ticks;
}
Task<void> block(Duration time) {
    std::this_thread::sleep_for(time);
    co_return;
}

/// A loop on a thread of its own.
}  // namespace

TEST(A12, one_hundred_rounds_of_start_and_stop_leave_nothing_and_what_was_outstanding_is_told) {
    shutdown();
    thread_of_loop().get();
    shutdown();
    const auto threads = threads_now();
    const auto descriptors = descriptors_now();
    for (int i = 0; i < 100; ++i) {
        EXPECT_NE(thread_of_loop().get(), std::this_thread::get_id());
        auto outstanding = rest(1h).start();
        shutdown();
        EXPECT_THROW(outstanding.get(), LoopClosed);
    }
    EXPECT_LE(threads_now(), threads);
    EXPECT_EQ(descriptors_now(), descriptors);
}

TEST(A13, the_callers_loop_and_the_librarys_do_not_disturb_each_other) {
    auto library_blocks = block(100ms).start();
    EXPECT_GE(run(ticks_in(80ms)), 5);
    library_blocks.get();
    auto library_ticks = ticks_in(80ms).start();
    run(block(100ms));
    EXPECT_GE(library_ticks.get(), 5);
}

TEST(B10, blocking_callbacks_run_one_after_the_other_in_the_loops_thread_and_main_goes_on) {
    LoopThread worker;
    std::vector<int> order;
    std::promise<double> both;
    const auto start = Clock::now();
    const auto more_work = [&](int x) {
        std::this_thread::sleep_for(x * 50ms);
        order.push_back(x);
        if (order.size() == 2) both.set_value(std::chrono::duration<double>(Clock::now() - start).count());
    };
    const double handed_over = seconds_of([&] {
        worker.loop.call_soon_threadsafe(more_work, 6);
        worker.loop.call_soon_threadsafe(more_work, 3);
    });
    const double took = both.get_future().get();
    EXPECT_EQ(order, (std::vector<int>{6, 3}));
    EXPECT_LT(handed_over, 0.05);
    EXPECT_GE(took, 9.0 / 20);
    EXPECT_LT(took, 1.5 * 9.0 / 20 + 0.05);
}

TEST(B11, coroutines_in_the_loop_of_another_thread_wait_together_and_main_goes_on) {
    LoopThread worker;
    const auto do_some_work = [](int x) -> Task<int> {
        co_await sleep(x * 50ms);
        co_return x;
    };
    const auto start = Clock::now();
    std::vector<Pending<int>> work;
    const double submitted = seconds_of([&] {
        work.push_back(do_some_work(6).start(on(worker.loop)));
        work.push_back(do_some_work(4).start(on(worker.loop)));
    });
    EXPECT_EQ(work[0].get() + work[1].get(), 10);
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    EXPECT_LT(submitted, 0.05);
    EXPECT_GE(took, 6.0 / 20);
    EXPECT_LT(took, 1.5 * 6.0 / 20 + 0.05);
}

TEST(C1, a_hundred_tasks_wait_on_one_thread_and_computations_on_four_loops_use_four_cores) {
    const auto hundred_sleeps = []() -> Task<std::size_t> {
        std::vector<Task<void>> sleeps;
        for (int i = 0; i < 100; ++i) sleeps.push_back(rest(50ms));
        auto all = gather(std::move(sleeps));
        co_await std::move(all);
        co_return threads_now();
    };
    const auto threads = threads_now();
    std::size_t during = 0;
    const double slept = seconds_of([&] { during = run(hundred_sleeps()); });
    EXPECT_EQ(during, threads);
    EXPECT_GE(slept, 1.0 / 20);
    EXPECT_LT(slept, 1.5 / 20 + 0.05);

    const auto compute = []() -> Task<unsigned> {
        unsigned value = 1;
        for (int i = 0; i < 10'000'000; ++i) value = value * 1'664'525 + 1'013'904'223;
        co_return value;
    };
    std::set<unsigned> values;
    const double one = seconds_of([&] {
        for (int i = 0; i < 4; ++i) values.insert(run(compute()));
    });
    std::array<unsigned, 4> on_four{};
    const double four = seconds_of([&] {
        std::vector<std::thread> loops;
        for (auto& value : on_four) loops.emplace_back([&] { value = run(compute()); });
        for (auto& loop : loops) loop.join();
    });
    values.insert(on_four.begin(), on_four.end());
    EXPECT_EQ(values.size(), 1U);
    if (std::thread::hardware_concurrency() < 4) GTEST_SKIP() << "fewer than 4 cores to share the work";
    EXPECT_LT(four, 0.5 * one);
}

TEST(C2, each_job_runs_on_the_thread_of_the_loop_it_was_given_to) {
    const auto threads = threads_now();
    {
        std::array<LoopThread, 4> workers;
        for (int round = 0; round < 25; ++round) {
            for (auto& worker : workers) {
                std::promise<std::thread::id> called;
                worker.loop.call_soon_threadsafe([&] { called.set_value(std::this_thread::get_id()); });
                EXPECT_EQ(called.get_future().get(), worker.id());
                EXPECT_EQ(thread_of_loop().start(on(worker.loop)).get(), worker.id());
            }
        }
    }
    EXPECT_EQ(threads_now(), threads);
}

TEST(SemBt12, worker_threads_pop_what_a_master_pushes_and_ctrl_c_ends_both_consumers) {
    std::atomic<int> done = 0;
    {
        UniversalQueue<int> jobs;
        LoopThread loop;
        std::thread master([&] {
            for (int i = 0; i < 100; ++i) jobs.put_blocking(i);
            jobs.shutdown();
        });
        const auto work = [&](int) -> Task<void> {
            co_await sleep(1ms);
            ++done;
        };
        std::vector<Pending<void>> started;
        while (auto job = jobs.next_blocking()) started.push_back(work(*job).start(on(loop.loop)));
        for (const auto& each : started) each.get();
        master.join();
    }
    EXPECT_EQ(done, 100);

    const auto consumers = in_child([] {
        UniversalQueue<int> jobs;
        const auto consume = [](UniversalQueue<int>& queue) -> Task<void> {
            const auto pops = [](UniversalQueue<int>& q) -> Task<void> {
                for (;;) {
                    const int job = co_await q.get();
                    std::fprintf(stderr, "%d ", job);
                }
            };
            const auto bye = []() -> Task<void> {
                std::fputs("bye ", stderr);
                co_return;
            };
            co_await with_finally(pops(queue), bye());
        };
        const auto main = [](UniversalQueue<int>& queue, auto consumer) -> Task<void> {
            for (int i = 0; i < 3; ++i) queue.put_blocking(i);
            this_loop().call_later(20ms, [] { std::raise(SIGINT); });
            auto both = gather(consumer(queue), consumer(queue));
            co_await std::move(both);
        };
        try {
            run(main(jobs, consume));
        } catch (const Interrupted&) {
            std::fputs("interrupted", stderr);
        }
    });
    EXPECT_EQ(consumers.errors, "0 1 2 bye bye interrupted");
}

TEST(SemBt13, one_loop_and_three_loops_in_three_threads_give_the_same_results) {
    const auto request = [](int number) -> Task<int> {
        co_await sleep(1ms);
        co_return number* number;
    };
    const auto requests = [request](int from, int count) -> Task<std::vector<int>> {
        std::vector<Task<int>> all;
        for (int i = 0; i < count; ++i) all.push_back(request(from + i));
        auto together = gather(std::move(all));
        auto results = co_await std::move(together);
        co_return results;
    };
    const auto by_one = run(requests(0, 240));
    std::vector<int> by_threads(240);
    std::vector<int> by_loops;
    std::array<std::vector<int>, 3> parts;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            for (int i = t * 80; i < t * 80 + 80; ++i)
                by_threads[static_cast<std::size_t>(i)] = run_blocking(request(i));
            parts[static_cast<std::size_t>(t)] = run(requests(t * 80, 80));
        });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& part : parts) by_loops.insert(by_loops.end(), part.begin(), part.end());
    EXPECT_EQ(by_one.size(), 240U);
    EXPECT_EQ(by_threads, by_one);
    EXPECT_EQ(by_loops, by_one);
}

namespace {

using Item = std::pair<int, int>;  // producer, number
constexpr int per_producer = 500;

Task<void> produce(UniversalQueue<Item>& queue, int producer) {
    for (int i = 0; i < per_producer; ++i) co_await queue.put(Item(producer, i));
}
void produce_in_plain_code(UniversalQueue<Item>& queue, int producer) {
    for (int i = 0; i < per_producer; ++i) queue.put_blocking(Item(producer, i));
}
Task<void> consume(UniversalQueue<Item>& queue, std::vector<Item>& items) {
    while (auto item = co_await queue.next()) items.push_back(*item);
}
void consume_in_plain_code(UniversalQueue<Item>& queue, std::vector<Item>& items) {
    while (auto item = queue.next_blocking()) items.push_back(*item);
}
Task<std::optional<Item>> next_item(UniversalQueue<Item>& queue) { co_return co_await queue.next(); }
Task<void> produce_on_fiber(UniversalQueue<Item>& queue, int producer) {
    const auto plain = [&queue, producer] {
        const auto put = [&queue](Item item) -> Task<void> { co_await queue.put(item); };
        for (int i = 0; i < per_producer; ++i) put(Item(producer, i)).get();
    };
    co_await in_fiber(plain);
}
Task<void> consume_on_fiber(UniversalQueue<Item>& queue, std::vector<Item>& items) {
    const auto plain = [&queue, &items] {
        while (auto item = next_item(queue).get()) items.push_back(*item);
    };
    co_await in_fiber(plain);
}

}  // namespace

TEST(RB18, threads_loops_and_fibers_share_one_queue_every_item_once_and_in_its_producers_order) {
    UniversalQueue<Item> queue(32);
    std::array<std::vector<Item>, 12> got;
    std::vector<std::thread> producers;
    std::vector<std::thread> consumers;
    for (int i = 0; i < 4; ++i) {
        producers.emplace_back([&, i] { run(produce(queue, i)); });
        producers.emplace_back([&, i] { produce_in_plain_code(queue, 4 + i); });
        producers.emplace_back([&, i] { run(produce_on_fiber(queue, 8 + i)); });
        const auto place = static_cast<std::size_t>(i);
        consumers.emplace_back([&, place] { run(consume(queue, got[place])); });
        consumers.emplace_back([&, place] { consume_in_plain_code(queue, got[4 + place]); });
        consumers.emplace_back([&, place] { run(consume_on_fiber(queue, got[8 + place])); });
    }
    for (auto& producer : producers) producer.join();
    queue.shutdown();
    for (auto& consumer : consumers) consumer.join();
    std::set<Item> all;
    for (const auto& items : got) {
        std::map<int, int> last;
        for (const auto& [producer, number] : items) {
            const auto [place, first] = last.try_emplace(producer, -1);
            EXPECT_GT(number, place->second);
            place->second = number;
            EXPECT_TRUE(all.emplace(producer, number).second);
        }
    }
    EXPECT_EQ(all.size(), 12U * per_producer);
}

TEST(SemB68, a_pending_is_waited_for_by_every_kind_of_caller_at_once) {
    auto shared = ticks_in(30ms).start();
    const auto await_it = [](Pending<int> pending) -> Task<int> { co_return co_await pending.awaiter(); };
    const auto on_fiber = [](Pending<int> pending) -> Task<int> {
        const auto plain = [&pending] { return pending.get(); };
        co_return co_await in_fiber(plain);
    };
    std::array<int, 4> got{};
    std::vector<std::thread> threads;
    threads.emplace_back([&] { got[0] = run(await_it(shared)); });
    threads.emplace_back([&] { got[1] = run(on_fiber(shared)); });
    threads.emplace_back([&] { got[2] = to_thread([&] { return shared.get(); }).get(); });
    got[3] = shared.get();
    for (auto& thread : threads) thread.join();
    for (const int ticks : got) EXPECT_EQ(ticks, got[3]);
    EXPECT_GT(got[3], 0);
}

TEST(SemB7, a_coroutine_that_never_suspends_costs_run_no_change_of_threads) {
    std::thread([] {
        const auto threads = threads_now();
        for (int i = 0; i < 100; ++i) {
            EXPECT_EQ(run(thread_of_loop()), std::this_thread::get_id());
            EXPECT_EQ(run_blocking(thread_of_loop()), std::this_thread::get_id());
        }
        EXPECT_EQ(threads_now(), threads);
    }).join();
}

TEST(SemB7, run_blocking_keeps_one_loop_for_each_thread_and_its_end_takes_it_along) {
    const auto loop_of = []() -> Task<EventLoop*> { co_return &this_loop(); };
    const auto descriptors = descriptors_now();
    std::thread([&] {
        EventLoop* const mine = run_blocking(loop_of());
        const auto made = descriptors_now();
        for (int i = 0; i < 1'000; ++i) EXPECT_EQ(run_blocking(loop_of()), mine);
        EXPECT_EQ(descriptors_now(), made);
        std::thread([&] { EXPECT_NE(run_blocking(loop_of()), mine); }).join();
        EXPECT_EQ(descriptors_now(), made);
        const auto child = in_child([&] { ::_exit(run_blocking(loop_of()) != mine ? 0 : 9); });
        EXPECT_EQ(child.status, 0);
        EXPECT_EQ(in_child([] {}).status, 0);  // which exits with what it inherited
    }).join();
    EXPECT_EQ(descriptors_now(), descriptors);
}

TEST(SemB7, under_a_running_loop_run_blocking_is_refused) {
    const auto refused = []() -> Task<bool> {
        bool thrown = false;
        try {
            run_blocking(thread_of_loop());
        } catch (const WouldDeadlock&) {
            thrown = true;
        }
        co_return thrown;
    };
    EXPECT_TRUE(run(refused()));
}
