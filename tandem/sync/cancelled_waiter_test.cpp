// What becomes of a task that is cancelled while it stands in a line, in every kind of line (sem:C24, C74).
#include <tandem/sync/barrier.hpp>
#include <tandem/sync/capacity_limiter.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/sync/condition.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/latch.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/checkpoints.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

/// One of each.
struct Things {
    Things() { static_cast<void>(lock.try_lock()); }
    Mutex lock;
    Mutex condition_lock;
    Semaphore permits{0};
    Event event;
    Condition condition{condition_lock};
    Barrier barrier{2};
    Latch latch{1};
    CapacityLimiter limiter{0};
    Queue<int> empty;
    Queue<int> full{1};
    Channel<int> channel{0};
};

/// Waits in the line called `what`; the lines are free for everybody else again once it has left.
Task<void> stand_in_line(Things& things, std::string what) {
    const std::string& line = what;
    if (line == "mutex") {
        co_await things.lock.acquire();
    } else if (line == "semaphore") {
        co_await things.permits.acquire();
    } else if (line == "event") {
        co_await things.event.wait();
    } else if (line == "condition") {
        auto guard = co_await things.condition_lock.lock();
        co_await things.condition.wait();
    } else if (line == "barrier") {
        co_await things.barrier.wait();
    } else if (line == "latch") {
        co_await things.latch.wait();
    } else if (line == "limiter") {
        co_await things.limiter.acquire();
    } else if (line == "get") {
        co_await things.empty.get();
    } else if (line == "put") {
        co_await things.full.put(2);
    } else if (line == "join") {
        co_await things.full.join();
    } else {
        co_await things.channel.receiver.receive();
    }
}

const std::vector<std::string> all_lines{"mutex",   "semaphore", "event", "condition", "barrier", "latch",
                                         "limiter", "get",       "put",   "join",      "receive"};

}  // namespace

ASYNC_TEST(SemC74, whoever_is_cancelled_leaves_its_line_and_ends_within_two_turns) {
    Things things;
    things.full.put_nowait(1);
    for (const auto& line : all_lines) {
        auto task = create_task(stand_in_line(things, line));
        co_await sleep(1ms);
        const bool waited = !task.done();
        task.cancel();
        co_await checkpoint();
        co_await checkpoint();
        EXPECT_TRUE(waited) << line;
        EXPECT_TRUE(task.cancelled()) << line;
    }

    EXPECT_EQ(things.lock.statistics().tasks_waiting, 0u);
    EXPECT_EQ(things.permits.statistics().tasks_waiting, 0u);
    EXPECT_EQ(things.event.statistics().tasks_waiting, 0u);
    EXPECT_EQ(things.condition.statistics().tasks_waiting, 0u);
    EXPECT_EQ(things.barrier.n_waiting(), 0u);
    EXPECT_EQ(things.limiter.statistics().tasks_waiting, 0u);
    EXPECT_EQ(things.empty.statistics().getters_waiting, 0u);
    EXPECT_EQ(things.full.statistics().putters_waiting, 0u);
    EXPECT_FALSE(things.condition_lock.locked());
}

ASYNC_TEST(SemCt6, every_line_is_a_checkpoint_that_changes_nothing_in_a_cancelled_scope) {
    Things things;
    things.full.put_nowait(1);
    things.lock.unlock();
    things.permits.release();
    things.event.set();
    things.limiter.set_total(1);
    things.empty.put_nowait(5);
    for (const auto& line : all_lines) {
        if (line == "condition") continue;  // takes its lock first, which is one
        const bool has_one =
            co_await tandem::testing::assert_checkpoints(stand_in_line, std::ref(things), line);
        EXPECT_TRUE(has_one) << line;
    }

    EXPECT_FALSE(things.lock.locked());
    EXPECT_EQ(things.permits.value(), 1u);
    EXPECT_EQ(things.limiter.borrowed(), 0u);
    EXPECT_EQ(things.empty.qsize(), 1u);
    EXPECT_EQ(things.full.qsize(), 1u);
    EXPECT_EQ(things.barrier.n_waiting(), 0u);
}

namespace {

/// What two waiters of each kind got when the first was served and then cancelled before it ran.
template <class Wait, class Serve>
Task<std::string> serve_then_cancel(Wait wait, Serve serve) {
    auto first = create_task(wait());
    auto second = create_task(wait());
    co_await sleep(1ms);
    serve();
    first.cancel();
    co_await sleep(1ms);
    const std::string ends = std::string(first.cancelled() ? "cancelled"
                                         : first.done()    ? "got it"
                                                           : "waits") +
                             ", " +
                             (second.cancelled() ? "cancelled"
                              : second.done()    ? "got it"
                                                 : "waits");
    second.cancel();
    co_await second.join();
    co_return ends;
}
Task<std::string> served_then_cancelled_in(std::string line) {
    Mutex mutex;
    Semaphore permits(0);
    CapacityLimiter limiter(0);
    Queue<int> queue;
    Condition condition(mutex);
    const auto lock = [&]() -> Task<void> { co_await mutex.acquire(); };
    const auto permit = [&]() -> Task<void> { co_await permits.acquire(); };
    const auto place = [&]() -> Task<void> { co_await limiter.acquire(); };
    const auto item = [&]() -> Task<void> { co_await queue.get(); };
    const auto notice = [&]() -> Task<void> {
        auto guard = co_await mutex.lock();
        co_await condition.wait();
    };
    std::string ends;
    if (line == "mutex") {
        static_cast<void>(mutex.try_lock());
        ends = co_await serve_then_cancel(lock, [&] { mutex.unlock(); });
    } else if (line == "semaphore") {
        ends = co_await serve_then_cancel(permit, [&] { permits.release(); });
    } else if (line == "limiter") {
        ends = co_await serve_then_cancel(place, [&] { limiter.set_total(1); });
    } else if (line == "queue") {
        ends = co_await serve_then_cancel(item, [&] { queue.put_nowait(1); });
    } else {
        ends = co_await serve_then_cancel(notice, [&] {
            static_cast<void>(mutex.try_lock());
            condition.notify();
            mutex.unlock();
        });
    }
    co_return ends;
}

}  // namespace

ASYNC_TEST(SemC24, what_was_granted_to_a_task_that_is_cancelled_before_it_runs_goes_to_the_next) {
    for (const char* line : {"mutex", "semaphore", "limiter", "queue", "condition"}) {
        const auto ends = co_await served_then_cancelled_in(line);
        EXPECT_EQ(ends, "cancelled, got it") << line;
    }
}

ASYNC_TEST(SemR6, an_undoable_grant_is_undone_and_its_task_throws_there) {
    Queue<int> queue;
    bool got = false;
    const auto getter = [&]() -> Task<void> {
        co_await queue.get();
        got = true;
    };
    auto task = create_task(getter());
    co_await sleep(1ms);
    queue.put_nowait(1);
    queue.put_nowait(2);
    task.cancel();
    co_await task.join();

    EXPECT_TRUE(task.cancelled());
    EXPECT_FALSE(got);
    EXPECT_EQ(queue.try_get(), 1);  // to the front
    EXPECT_EQ(queue.try_get(), 2);
}

namespace {

Task<void> get_under_limits(Queue<int>& queue, long long& sum, int& count, int wanted) {
    while (count < wanted) {
        try {
            const int item = co_await timeout(1ms, queue.get());
            sum += item;
            ++count;
        } catch (const TimeoutError&) {
        }
    }
}

}  // namespace

ASYNC_TEST(SemC46, a_hundred_thousand_gets_under_a_timeout_that_race_with_puts_lose_nothing) {
    constexpr int rounds = 100'000;
    Queue<int> queue;
    long long sum = 0;
    int count = 0;
    auto getter = create_task(get_under_limits(queue, sum, count, rounds));
    for (int i = 0; i < rounds; ++i) {
        // In the turn of the limit, just before it, or with the getter already served.
        if (i % 3 != 2) co_await sleep(i % 3 == 0 ? 1ms : 500us);
        queue.put_nowait(int(i));
    }
    co_await getter;

    EXPECT_EQ(count, rounds);
    EXPECT_EQ(sum, static_cast<long long>(rounds) * (rounds - 1) / 2);
}

ASYNC_TEST(SemG28, a_loser_that_was_served_gives_its_item_back) {
    Queue<int> queue;
    const auto getter = [&queue]() -> Task<int> { co_return co_await queue.get(); };
    const auto put_then_win = [&queue]() -> Task<int> {
        co_await sleep(1ms);
        queue.put_nowait(1);
        co_return 7;
    };
    const auto won = co_await race(getter(), put_then_win());

    EXPECT_EQ(won.index, 1u);
    EXPECT_EQ(queue.try_get(), 1);
}

ASYNC_TEST(SemLt7, tasks_that_play_ping_pong_through_queues_leave_a_sleeper_on_time) {
    Queue<int> there;
    Queue<int> back;
    const auto ping = [](Queue<int>& out, Queue<int>& in, long& hops) -> Task<void> {
        for (;;) {
            co_await out.put(1);
            co_await in.get();
            ++hops;
        }
    };
    long hops = 0;
    auto first = create_task(ping(there, back, hops));
    auto second = create_task(ping(back, there, hops));
    const auto start = this_loop().turns();
    // Virtual time stands still while anything can run: what must come in is a turn, thousands of times.
    for (int i = 0; i < 5000; ++i) co_await sleep(0s);
    const auto turns = this_loop().turns() - start;
    const long hopped = hops;
    first.cancel();
    second.cancel();
    co_await first.join();
    co_await second.join();

    EXPECT_GT(hopped, 1000);
    EXPECT_LE(turns, 5001u);
    EXPECT_GE(turns, 5000u);
}

ASYNC_TEST_REAL_TIME(SemLt7, a_ping_pong_through_queues_leaves_a_real_timer_on_time) {
    Queue<int> there;
    Queue<int> back;
    const auto ping = [](Queue<int>& out, Queue<int>& in) -> Task<void> {
        for (;;) {
            co_await out.put(1);
            co_await in.get();
        }
    };
    auto first = create_task(ping(there, back));
    auto second = create_task(ping(back, there));
    const auto start = this_loop().time();
    co_await sleep(10ms);
    const auto elapsed = this_loop().time() - start;
    first.cancel();
    second.cancel();
    co_await first.join();
    co_await second.join();

    EXPECT_GE(elapsed, 10ms);
    EXPECT_LT(elapsed, 500ms);  // a loop that starves it never ends
}
