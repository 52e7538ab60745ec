// A function on a worker thread that waits for work of its own, by whatever call: its task's cancel reaches
// it, limits hold, and a thread that ends in it ends nobody else.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <chrono>
#include <stdexcept>
#include <string>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<int> slow() {
    co_await sleep(1h);
    co_return 1;
}

/// Whether a cancel of the task that awaits `fn` on a worker ends it within the time that a test has.
template <class F>
Task<bool> ends_by_cancel(F fn) {
    auto handle = create_task(to_thread(fn));
    co_await sleep(20ms);
    handle.cancel();
    co_await handle.join_only();
    co_return handle.cancelled();
}

}  // namespace

TEST(SemC100, waiting_for_a_pending_in_a_worker_throws_cancelled_with_its_task) {
    const auto pending = slow().start();
    EXPECT_TRUE(run(ends_by_cancel([pending] { pending.get(); })));
    EXPECT_TRUE(run(ends_by_cancel([pending] { pending.get(1h); })));
    EXPECT_TRUE(run(ends_by_cancel([pending] { pending.wait(1h); })));
    EXPECT_TRUE(run(ends_by_cancel([pending] { static_cast<void>(pending.exception()); })));
    EXPECT_FALSE(pending.done());  // only the waits ended
    pending.cancel_and_wait();
}

TEST(SemC100, a_worker_whose_task_is_cancelled_begins_no_wait_for_a_pending) {
    const auto pending = slow().start();
    const auto swallows = [pending] {
        for (int i = 0; i < 3; ++i) {
            try {
                pending.get(1h);
            } catch (const Cancelled&) {
            }
        }
        pending.get();
    };
    EXPECT_TRUE(run(ends_by_cancel(swallows)));
    pending.cancel_and_wait();
}

TEST(SemC27, a_destructor_on_a_worker_waits_for_its_pending_while_cancelled_unwinds) {
    struct WaitsForMore {
        ~WaitsForMore() {
            more.wait(10s);
            ended = more.done();
        }
        Pending<void> more;
        bool& ended;
    };
    const auto pending = slow().start();
    const auto soon = []() -> Task<void> { co_await sleep(60ms); };
    bool ended = false;
    const auto more = soon().start();
    EXPECT_TRUE(run(ends_by_cancel([&] {
        const WaitsForMore waits{more, ended};
        pending.get();
    })));
    EXPECT_TRUE(ended);
    pending.cancel_and_wait();
}

TEST(SemB21, a_limit_in_a_worker_ends_the_wait_and_not_the_work) {
    const auto pending = slow().start();
    const auto waits = [pending] {
        EXPECT_THROW(pending.get(5ms), TimeoutError);
        EXPECT_FALSE(pending.wait(0s));
        return pending.running();
    };
    EXPECT_TRUE(run(to_thread(waits)));
    pending.cancel_and_wait();
}

TEST(SemB21, the_least_of_all_durations_is_a_limit_that_has_passed) {
    const auto pending = slow().start();
    EXPECT_THROW(pending.get(Duration::min()), TimeoutError);
    EXPECT_FALSE(pending.wait(Deadline(TimePoint::min())));
    pending.cancel_and_wait();
}

ASYNC_TEST_REAL_TIME(SemC101, detached_on_timeout_the_work_goes_on_for_fibers_and_workers_too) {
    int ended = 0;
    const auto work = [&ended]() -> Task<int> {
        co_await sleep(20ms);
        ++ended;
        co_return 7;
    };
    const auto gives_up = [&work] {
        EXPECT_THROW(work().get({.deadline = 1ms, .detach_on_timeout = true}), TimeoutError);
        sleep(60ms).get();
        return work().get({.deadline = 10s, .detach_on_timeout = true});
    };
    const int on_fiber = co_await in_fiber(gives_up);
    EXPECT_EQ(on_fiber, 7);
    EXPECT_EQ(ended, 2);
    const int in_worker = co_await to_thread(gives_up);
    EXPECT_EQ(in_worker, 7);
    EXPECT_EQ(ended, 4);
}

ASYNC_TEST_REAL_TIME(SemC101, detached_on_timeout_a_cancel_before_it_still_ends_the_work) {
    bool ended = false;
    const auto work = [&ended]() -> Task<void> {
        co_await sleep(40ms);
        ended = true;
    };
    auto fiber = create_task(in_fiber([&work] { work().get({.deadline = 1h, .detach_on_timeout = true}); }));
    co_await sleep(5ms);
    fiber.cancel();
    co_await fiber.join_only();
    EXPECT_TRUE(fiber.cancelled());
    co_await sleep(60ms);
    EXPECT_FALSE(ended);
}

TEST(SemW3, a_thread_job_that_ends_its_thread_fails_and_the_pool_goes_on) {
    WorkerPool one(1);
    std::string text;
    const auto both = [](WorkerPool pool, std::string& said) -> Task<int> {
        auto ends = create_task(run_in_executor(pool, [] { ::pthread_exit(nullptr); }));
        auto next = create_task(run_in_executor(pool, [] { return 3; }));
        const int value = co_await next;
        const auto outcome = co_await ends.join();
        if (outcome.has_error()) said = outcome.error().what();
        co_return value;
    };
    EXPECT_EQ(run(both(one, text)), 3);
    EXPECT_NE(text.find("pthread_exit()"), std::string::npos) << text;
    EXPECT_TRUE(one.shut_down());
}
