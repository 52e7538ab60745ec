// Rules that need more than one room: time limits over mixed work, contexts everywhere, foreign loops, and
// what a test leaves behind.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/task/completion.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/watchdog.hpp>

#include <gtest/gtest.h>

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

/// A library that knows nothing of time limits: it waits in a pool, for a lock, for a thread, and for a
/// timer.
Task<int> mixed_work(Queue<int>& pool, Mutex& mutex, int stuck) {
    int passed = 0;
    if (stuck != 0) pool.put_nowait(1);
    co_await pool.get();
    ++passed;
    if (stuck == 1) static_cast<void>(mutex.try_lock());
    co_await mutex.acquire();
    mutex.unlock();
    ++passed;
    co_await to_thread([] { std::this_thread::sleep_for(1ms); });
    ++passed;
    co_await sleep(stuck == 3 ? 1h : 1ms);
    co_return passed;
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemC49, one_timeout_covers_a_pool_a_lock_a_thread_job_and_a_timer) {
    for (int stuck = 0; stuck < 5; ++stuck) {
        if (stuck == 2) continue;  // a thread job that runs is waited for (sem:C76)
        Queue<int> pool;
        Mutex mutex;
        std::string end;
        try {
            const int passed = co_await timeout(50ms, mixed_work(pool, mutex, stuck));
            end = std::to_string(passed);
        } catch (const TimeoutError&) {
            end = "timeout";
        }
        EXPECT_EQ(end, stuck == 4 ? "3" : "timeout") << stuck;
    }
}

ASYNC_TEST(SemC79, a_cancelled_completion_tells_its_library_and_waits_for_the_word) {
    auto [completion, complete] = make_completion<int>();
    bool told = false;
    completion.on_cancel([&told] { told = true; });
    int value = 0;
    const auto wait = [&value](Completion<int> awaited) -> Task<void> {
        value = co_await awaited;
        co_await checkpoint();
        value = -1;
    };
    auto task = create_task(wait(completion));
    co_await sleep(1ms);
    task.cancel();
    co_await sleep(1ms);
    const bool stayed = !task.done();
    complete(7);
    co_await task.join();

    EXPECT_TRUE(told);
    EXPECT_TRUE(stayed);
    EXPECT_EQ(value, 7);
    EXPECT_TRUE(task.cancelled());
}

namespace {

ContextVar<std::string> request("request", "none");

}  // namespace

ASYNC_TEST_REAL_TIME(SemKt9,
                     what_is_set_shows_in_children_callbacks_threads_and_nested_tasks_and_not_outside) {
    std::vector<std::string> seen;
    const auto program = [&seen]() -> Task<void> {
        request.set("outer");
        const auto child = [&seen]() -> Task<void> {
            seen.push_back("child " + request.get());
            request.set("inner");
            const auto nested = [&seen]() -> Task<void> {
                seen.push_back("nested " + request.get());
                co_return;
            };
            co_await create_task(nested());
        };
        co_await create_task(child());
        seen.push_back("after " + request.get());
        this_loop().call_soon([&seen] {
            seen.push_back("callback " + request.get());
            request.set("in the callback");
        });
        co_await sleep(1ms);
        seen.push_back("later " + request.get());
        const std::string in_thread = co_await to_thread([] {
            const std::string text = request.get();
            request.set("in the thread");
            return text;
        });
        seen.push_back("thread " + in_thread);
        seen.push_back("back " + request.get());
    };
    co_await create_task(program());

    EXPECT_EQ(seen, (std::vector<std::string>{"child outer", "nested inner", "after outer", "callback outer",
                                              "later outer", "thread outer", "back outer"}));
    EXPECT_EQ(request.get(), "none");
}

namespace {

/// A loop of somebody else, over epoll: "iterate once" never waits.
struct ForeignLoop {
    ForeignLoop()
        : epoll(::epoll_create1(EPOLL_CLOEXEC)), timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)) {
        epoll_event event{};
        event.events = EPOLLIN;
        ::epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
        const itimerspec every{{0, 2'000'000}, {0, 2'000'000}};
        ::timerfd_settime(timer, 0, &every, nullptr);
    }
    ForeignLoop(const ForeignLoop&) = delete;
    ForeignLoop& operator=(const ForeignLoop&) = delete;
    ~ForeignLoop() {
        ::close(timer);
        ::close(epoll);
    }
    void iterate_once() {
        epoll_event event{};
        if (::epoll_wait(epoll, &event, 1, 0) != 1) return;
        std::uint64_t times = 0;
        if (::read(timer, &times, sizeof times) == sizeof times) ++ticks;
    }
    int epoll;
    int timer;
    int ticks = 0;
};

Task<void> host(ForeignLoop& foreign) {
    for (;;) {
        co_await OperationWait(OpCode::poll_readable, foreign.epoll);
        foreign.iterate_once();
    }
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemL48, a_foreign_loop_runs_as_a_task_beside_others) {
    ForeignLoop foreign;
    auto hosting = create_task(host(foreign));
    // Beside each other: neither has to wait until the other has done all its work.
    int turns_of_both = 0;
    for (int tries = 0; turns_of_both < 5 && tries < 10'000; ++tries) {
        const int before = foreign.ticks;
        co_await sleep(1ms);
        turns_of_both += foreign.ticks > before ? 1 : 0;
    }
    hosting.cancel();
    co_await hosting.join();

    EXPECT_EQ(turns_of_both, 5);
    EXPECT_GE(foreign.ticks, 5);
    EXPECT_TRUE(hosting.cancelled());
}

TEST(SemL60, ctrl_c_ends_the_main_task_with_its_cleanup_and_run_throws_interrupted) {
    std::vector<std::string> lines;
    const auto main = [&lines]() -> Task<void> {
        try {
            std::raise(SIGINT);
            co_await sleep(1h);
        } catch (const Cancelled& cancelled) {
            lines.push_back("bye: " + cancelled.reason());
            throw;
        }
    };
    try {
        run(main());
    } catch (const Interrupted&) {
        lines.push_back("interrupted");
    }

    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0].substr(0, 5), "bye: ");
    EXPECT_EQ(lines[1], "interrupted");
}

TEST(SemJ4, a_test_that_hangs_ends_with_the_await_tree) {
    const auto hang = [] {
        EventLoop loop;
        const tandem::testing::Watchdog watchdog(std::chrono::seconds(1),
                                                 [&loop] { std::fputs(dump_tree(loop).c_str(), stderr); });
        const auto for_ever = []() -> Task<void> { co_await sleep(1h); };
        loop.create_task(for_ever(), {.name = "the one that hangs"});
        loop.run_forever();
    };
    EXPECT_EXIT(hang(), ::testing::ExitedWithCode(99),
                "no end after 1 s(.|\n)*the one that hangs pending, waiting for sleep");
}
