// Plain code that waits for what tasks wait for.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/forked_internal.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/interrupt_scope.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/universal_queue.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

using namespace tandem;
using namespace std::chrono_literals;

TEST(SemS8, plain_code_waits_with_get_and_gives_the_guard_back_on_its_own_thread) {
    Mutex mutex;
    Queue<int> queue(1);
    {
        auto guard = mutex.lock().get();
        EXPECT_TRUE(mutex.locked());
        EXPECT_THROW(mutex.acquire().get(20ms), TimeoutError);
    }
    mutex.acquire().get();
    queue.put(5).get();
    EXPECT_EQ(queue.get().get(), 5);
    EXPECT_TRUE(mutex.locked());
}

TEST(SemS24, plain_code_may_use_the_tasks_calls_with_get) {
    UniversalQueue<int> queue(1);
    queue.put(4).get();
    EXPECT_EQ(queue.get().get(), 4);
    EXPECT_THROW(static_cast<void>(queue.get().get(20ms)), TimeoutError);
    std::thread later([&] {
        std::this_thread::sleep_for(5ms);
        queue.put_blocking(9);
    });
    EXPECT_EQ(queue.get().get(), 9);
    later.join();
}

TEST(SemT2, a_queues_blocking_calls_on_a_fiber_suspend_it_alone) {
    UniversalQueue<int> queue(1);
    const auto consumer = [&queue] {
        int sum = 0;
        while (const auto item = queue.next_blocking()) sum += *item;
        return sum;
    };
    const auto producer = [&queue] {
        for (int i = 1; i <= 100; ++i) queue.put_blocking(i);
        queue.shutdown();
    };
    const auto main = [&]() -> Task<int> {
        auto made = create_task(in_fiber(producer));
        const int sum = co_await in_fiber(consumer);
        co_await made;
        co_return sum;
    };
    EXPECT_EQ(run(main()), 5050);
}

TEST(SemT2, a_queues_limit_and_a_cancel_reach_a_blocking_call_on_a_fiber) {
    UniversalQueue<int> queue(1);
    const auto waits = [&queue] {
        EXPECT_THROW(static_cast<void>(queue.get_blocking(5ms)), TimeoutError);
        queue.put_blocking(1);
        EXPECT_THROW(queue.put_blocking(2, 5ms), TimeoutError);
        EXPECT_EQ(queue.get_blocking(), 1);
        static_cast<void>(queue.get_blocking());
    };
    const auto main = [&]() -> Task<bool> {
        auto waiting = create_task(in_fiber(waits));
        co_await sleep(30ms);
        waiting.cancel();
        const auto end = co_await waiting.join();
        co_return end.cancelled();
    };
    EXPECT_TRUE(run(main()));
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.statistics().getters_waiting, 0U);
}

TEST(SemT3, a_queues_blocking_call_in_a_worker_ends_when_the_task_that_awaits_its_job_is_cancelled) {
    UniversalQueue<int> queue;
    const auto waits = [&queue] { static_cast<void>(queue.get_blocking()); };
    const auto main = [&]() -> Task<bool> {
        auto waiting = create_task(to_thread(waits));
        co_await sleep(10ms);
        waiting.cancel();
        const auto end = co_await waiting.join();
        co_return end.cancelled();
    };
    EXPECT_TRUE(run(main()));
}

TEST(SemT6, the_owner_of_an_idle_loop_drives_it_while_it_waits_for_an_item) {
    UniversalQueue<int> queue;
    EventLoop loop;
    const auto puts = [](UniversalQueue<int>& into) -> Task<void> {
        co_await sleep(5ms);
        co_await into.put(7);
    };
    auto putting = loop.create_task(puts(queue));
    loop.poll_once();
    EXPECT_EQ(queue.get_blocking(5s), 7);
    loop.run_until_complete(std::move(putting));
}

TEST(SemT4, a_queues_blocking_call_that_would_stop_its_loop_is_refused) {
    UniversalQueue<int> queue;
    const auto main = [&]() -> Task<void> {
        EXPECT_THROW(static_cast<void>(queue.get_blocking()), WouldDeadlock);
        co_return;
    };
    run(main());
}

TEST(SemB63, ctrl_c_ends_a_queues_blocking_call) {
    if (!threads_in_children && threads_now() > 1) GTEST_SKIP() << "no threads in children here";
    const auto end = in_child([] {
        UniversalQueue<int> queue(1);
        queue.put_nowait(1);
        const InterruptScope ctrl_c;
        for (const bool puts : {true, false}) {
            std::thread([] {
                std::this_thread::sleep_for(30ms);
                ::kill(::getpid(), SIGINT);
            }).detach();
            try {
                if (puts) queue.put_blocking(2);
                for (;;) static_cast<void>(queue.get_blocking());
            } catch (const Interrupted&) {
                std::fputs("interrupted ", stderr);
            }
        }
    });
    EXPECT_EQ(end.errors, "interrupted interrupted ");
    EXPECT_EQ(end.status, 0);
}
