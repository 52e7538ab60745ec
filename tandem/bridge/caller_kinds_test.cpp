// Who waits, and what becomes of it: the kinds of callers that are not met in get_test.cpp.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/run_on.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::value_after;

/// A loop that this thread has run, and nobody runs now.
struct OwnLoop {
    explicit OwnLoop(const EventLoopOptions& options = {}) : loop(options) { loop.poll_once(); }
    EventLoop loop;
};
Task<std::thread::id> thread_of_task() {
    co_await sleep(0s);
    co_return std::this_thread::get_id();
}

}  // namespace

TEST(SemT6, the_owner_of_a_loop_that_nobody_runs_drives_it) {
    OwnLoop own;
    EventLoop& loop = own.loop;
    EXPECT_EQ(caller_kind(), CallerKind::owner);
    EXPECT_EQ(thread_of_task().get(), std::this_thread::get_id());
    EXPECT_EQ(loop.state(), LoopState::stopped);
    auto others = value_after(1ms, 2).start(on(loop));
    EXPECT_EQ(value_after(3ms, 1).get(), 1);
    EXPECT_TRUE(others.done());
    loop.close();
    EXPECT_EQ(caller_kind(), CallerKind::plain);
    EXPECT_NE(thread_of_task().get(), std::this_thread::get_id());
}

TEST(SemT6, every_blocking_wait_for_a_pending_of_it_drives_it) {
    OwnLoop own;
    EventLoop& loop = own.loop;
    const auto fails = []() -> Task<int> {
        co_await sleep(1ms);
        throw std::runtime_error("no");
    };
    EXPECT_EQ(value_after(1ms, 1).start(on(loop)).get(), 1);
    EXPECT_TRUE(value_after(1ms, 1).start(on(loop)).wait());
    EXPECT_NE(fails().start(on(loop)).exception(), nullptr);
    EXPECT_TRUE(value_after(1h, 1).start(on(loop)).cancel_and_wait().cancelled());
    const auto slow = value_after(1h, 1).start(on(loop));
    EXPECT_THROW(static_cast<void>(slow.get(2ms)), TimeoutError);
    EXPECT_FALSE(slow.done());
    EXPECT_THROW(value_after(1h, 1).get(2ms), TimeoutError);
    EXPECT_THROW(static_cast<void>(value_after(1h, 1).start(on(loop)).get_or_cancel(2ms)), TimeoutError);
}

TEST(SemT6, limits_are_times_of_the_clock_of_the_loop_that_is_driven) {
    VirtualTime time;
    const OwnLoop own(EventLoopOptions{.time = &time});
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(value_after(10h, 1).get(), 1);
    EXPECT_THROW(value_after(10h, 1).get(1h), TimeoutError);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
}

TEST(SemT6, a_thread_that_comes_to_run_the_loop_is_let_in) {
    for (int round = 0; round < 20; ++round) {
        OwnLoop own;
        EventLoop& loop = own.loop;
        const auto here = std::this_thread::get_id();
        std::vector<std::thread::id> seen;
        std::atomic<bool> under_way = false;
        const auto watch = [](std::vector<std::thread::id>& ids, std::atomic<bool>& begun,
                              const std::thread::id& first) -> Task<int> {
            begun = true;
            while (ids.empty() || ids.back() == first) {
                ids.push_back(std::this_thread::get_id());
                co_await sleep(1ms);
            }
            co_return 1;
        };
        std::thread runner([&] {
            while (!under_way) std::this_thread::sleep_for(1ms);
            loop.run_forever();
        });
        EXPECT_EQ(watch(seen, under_way, here).start(on(loop)).get(), 1);
        loop.stop_threadsafe();
        runner.join();
        EXPECT_EQ(seen.front(), here);
        EXPECT_NE(seen.back(), here);
    }
}

TEST(SemT6, a_loop_that_another_thread_runs_or_will_run_first_is_not_touched) {
    EventLoop loop;
    EXPECT_EQ(caller_kind(), CallerKind::plain);
    std::thread runner([&loop] { loop.run_forever(); });
    EXPECT_EQ(caller_kind(), CallerKind::plain);
    const auto there = thread_of_task().start(on(loop)).get();
    EXPECT_EQ(there, runner.get_id());
    EXPECT_NE(thread_of_task().get(), there);
    loop.stop_threadsafe();
    runner.join();
    EXPECT_EQ(caller_kind(), CallerKind::plain);  // whoever ran it last would run it again
}

TEST(SemT6, what_leaves_the_loop_leaves_the_wait) {
    OwnLoop own;
    own.loop.call_soon([] { exit_with(3); });
    EXPECT_THROW(value_after(1h, 1).get(), SystemExit);
    EXPECT_EQ(value_after(1ms, 2).get(), 2);
}

TEST(SemT3, a_worker_gets_its_coroutines_value_from_the_task_that_awaits_it) {
    const auto who = []() -> Task<std::uint64_t> { co_return current_task()->id; };
    const auto main = [](auto identify) -> Task<bool> {
        const auto in_worker = [identify] { return identify().get(); };
        const auto id = co_await to_thread(in_worker);
        co_return id == current_task()->id;
    };
    EXPECT_TRUE(run(main(who)));
}

TEST(SemT3, a_worker_whose_task_is_cancelled_gets_cancelled_in_get) {
    std::atomic<bool> cancelled = false;
    const auto main = [](std::atomic<bool>& seen) -> Task<bool> {
        std::atomic<bool> begun = false;
        const auto in_worker = [&seen, &begun] {
            const auto waits = [](std::atomic<bool>& at_it) -> Task<int> {
                at_it = true;
                co_return co_await value_after(1h, 1);
            };
            try {
                waits(begun).get();
            } catch (const Cancelled&) {
                seen = true;
                throw;
            }
        };
        auto job = create_task(to_thread(in_worker));
        while (!begun) co_await sleep(1ms);
        job.cancel();
        co_await job.join();
        co_return job.cancelled();
    };
    EXPECT_TRUE(run(main(cancelled)));
    EXPECT_TRUE(cancelled);
}

TEST(SemB1, the_kinds_of_callers_are_told_apart) {
    EXPECT_EQ(caller_kind(), CallerKind::plain);
    std::vector<CallerKind> kinds;
    const auto main = [](std::vector<CallerKind>& seen) -> Task<void> {
        seen.push_back(caller_kind());
        this_loop().call_soon([&seen] { seen.push_back(caller_kind()); });
        const CallerKind in_worker = co_await to_thread(caller_kind);
        seen.push_back(in_worker);
        const auto nested = [&seen] {
            const auto inner = [](std::vector<CallerKind>& s) -> Task<void> {
                s.push_back(caller_kind());
                co_return;
            };
            run(inner(seen));
            const OwnLoop own;
            seen.push_back(caller_kind());
        };
        co_await to_thread(nested);
    };
    run(main(kinds));
    EXPECT_EQ(kinds, (std::vector{CallerKind::loop_thread, CallerKind::loop_thread, CallerKind::worker,
                                  CallerKind::loop_thread, CallerKind::worker}));
    EXPECT_EQ(caller_kind(), CallerKind::plain);
}

TEST(SemB4, after_a_refusal_the_caller_goes_on_as_if_nothing_had_been) {
    const auto main = []() -> Task<int> {
        auto later = value_after(5ms, 7).start(on(this_loop()));
        int refused = 0;
        for (int i = 0; i < 100; ++i) {
            try {
                static_cast<void>(later.get());
            } catch (const WouldDeadlock&) {
                ++refused;
            }
        }
        if (refused != 100 || later.done() || all_tasks(this_loop()).size() > 2) co_return -1;
        co_return co_await later;
    };
    EXPECT_EQ(run(main()), 7);
}

TEST(SemT8, in_a_forked_child_a_loop_of_the_parents_is_refused_and_get_starts_one_of_its_own) {
    OwnLoop own;
    EventLoop& mine = own.loop;
    EXPECT_EQ(value_after(1ms, 1).get(), 1);
    const pid_t child = ::fork();
    if (child == 0) {
        int status = 0;
        try {
            value_after(0s, 1).start(on(mine));
            status = 1;
        } catch (const LoopClosed& error) {
            if (error.reason() != LoopClosedReason::forked) status = 2;
        }
        if (caller_kind() != CallerKind::plain) status = 3;
        if (value_after(1ms, 4).get() != 4) status = 4;
        ::_exit(status);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(value_after(1ms, 1).get(), 1);
}

// Between two awaits of a task nothing else runs, whatever the plain code in between calls.
TEST(RB17, no_step_of_another_task_comes_between_two_awaits) {
    const auto main = []() -> Task<int> {
        int steps = 0;
        bool over = false;
        const auto count = [](int& s, bool& o) -> Task<void> {
            while (!o) {
                ++s;
                co_await sleep(0s);
            }
        };
        auto counter = create_task(count(steps, over));
        co_await sleep(0s);
        int seen = 0;
        const auto refused = [&](auto call) {
            const int before = steps;
            try {
                call();
            } catch (const WouldDeadlock&) {
                ++seen;
            }
            if (steps != before) seen = -1000;
        };
        refused([] { value_after(1ms, 1).get(); });
        refused([] { value_after(1ms, 1).get(1s); });
        refused([] { static_cast<void>(value_after(1ms, 1).start().get()); });
        refused([] { run(value_after(1ms, 1)); });
        refused([] { this_loop().run_until_complete(value_after(1ms, 1)); });
        refused([] { this_loop().run_forever(); });
        refused([] { this_loop().poll_once(); });
        refused([] {
            EventLoop second;
            second.run_until_complete(value_after(1ms, 1));
        });
        over = true;
        co_await counter;
        co_return seen;
    };
    EXPECT_EQ(run(main()), 8);
}

TEST(RB17, run_under_a_running_loop_is_told_the_ways_that_are_legal) {
    const auto main = []() -> Task<std::string> {
        std::string text;
        try {
            run(value_after(1ms, 1));
        } catch (const WouldDeadlock& error) {
            text = error.what();
        }
        int legal = co_await value_after(1ms, 1);
        const auto in_worker = [] { return run(value_after(1ms, 2)) + value_after(1ms, 4).get(); };
        legal += co_await to_thread(in_worker);
        co_return text + std::to_string(legal);
    };
    const std::string text = run(main());
    for (const char* part : {"co_await", "running event loop", "7"})
        EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(SemB3, a_callback_that_waits_in_vain_runs_nothing_else_underneath) {
    EventLoop loop;
    std::string order;
    loop.call_soon([&] {
        order += '1';
        try {
            value_after(0s, 1).get();
        } catch (const WouldDeadlock&) {
            order += 'x';
        }
        order += '2';
    });
    loop.call_soon([&] { order += '3'; });
    loop.run_until_complete(value_after(1ms, 0));
    EXPECT_EQ(order, "1x23");
}
