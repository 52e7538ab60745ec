#include <tandem/bridge/background_loop.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/forked_internal.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<int> value_after(Duration delay, int value) {
    co_await sleep(delay);
    co_return value;
}

// How long a process may take to end where nothing holds it up, on a machine that is busy.
constexpr double quick = 1.5;

void grace(const char* seconds) { ::setenv("TANDEM_EXIT_GRACE", seconds, 1); }

/// What `get()` throws once the process exits: 40 plus the reason, or 1.
int end_of_get() {
    try {
        value_after(1ms, 1).get();
        return 0;
    } catch (const LoopClosed& error) {
        return 40 + static_cast<int>(error.reason());
    }
}
constexpr int told_exited = 40 + static_cast<int>(LoopClosedReason::exited);

}  // namespace

#define NEEDS_THREADS_IN_CHILDREN() \
    if (!threads_in_children && threads_now() > 1) GTEST_SKIP() << "no threads in children here"

TEST(B13, a_background_loop_with_a_sleeping_task_never_blocks_exit) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] { static_cast<void>(value_after(1h, 1).start()); });
    EXPECT_EQ(end.status, 0);
    EXPECT_LT(end.seconds, quick);
    EXPECT_EQ(end.errors, "");
}

TEST(RB19, exit_with_work_that_will_not_end_takes_the_grace_and_no_longer) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto stuck_task = in_child([] {
        grace("0.2");
        static_cast<void>(shield(value_after(1h, 1)).start());
        value_after(1ms, 1).get();
    });
    EXPECT_EQ(stuck_task.status, 0);
    EXPECT_GE(stuck_task.seconds, 0.2);
    EXPECT_LT(stuck_task.seconds, 0.2 + quick);
    const auto stuck_thread = in_child([] {
        grace("0.2");
        background_loop().call_soon_threadsafe([] { std::this_thread::sleep_for(1h); });
        std::this_thread::sleep_for(10ms);
    });
    EXPECT_EQ(stuck_thread.status, 0);
    EXPECT_GE(stuck_thread.seconds, 0.2);
    EXPECT_LT(stuck_thread.seconds, 0.2 + quick);
    const auto stuck_job = in_child([] {
        grace("0.2");
        const auto job = []() -> Task<void> { co_await to_thread([] { std::this_thread::sleep_for(1h); }); };
        static_cast<void>(job().start());
        value_after(10ms, 1).get();
    });
    EXPECT_EQ(stuck_job.status, 0);
    EXPECT_GE(stuck_job.seconds, 0.2);
    EXPECT_LT(stuck_job.seconds, 0.2 + quick);
}

TEST(SemB43, after_the_grace_its_thread_touches_nothing_more) {
    NEEDS_THREADS_IN_CHILDREN();
    static std::atomic<int> steps = 0;
    const auto end = in_child([] {
        grace("0.05");
        // Registered before the loop's own handler, so called after it.
        std::atexit([] {
            const int at_exit = steps;
            std::this_thread::sleep_for(100ms);
            if (steps != at_exit) std::_Exit(9);
        });
        const auto restless = []() -> Task<void> {
            for (;;) {
                ++steps;
                co_await sleep(1ms);
            }
        };
        static_cast<void>(shield(restless()).start());
        value_after(5ms, 1).get();
    });
    EXPECT_EQ(end.status, 0);
}

TEST(SemB43, quick_exit_waits_for_nothing) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        grace("10");
        static_cast<void>(shield(value_after(1h, 1)).start());
        std::quick_exit(3);
    });
    EXPECT_EQ(end.status, 3);
    EXPECT_LT(end.seconds, quick);
}

TEST(SemB44, in_debug_mode_the_tasks_that_ran_at_exit_are_listed) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto leave_two = [] {
        static_cast<void>(value_after(1h, 1).start());
        static_cast<void>(value_after(1h, 2).start());
        value_after(1ms, 1).get();
    };
    const auto debug = in_child([&] {
        ::setenv("TANDEM_DEBUG", "1", 1);
        leave_two();
    });
    const auto count = [](const std::string& text, const std::string& wanted) {
        int found = 0;
        for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) ++found;
        return found;
    };
    EXPECT_EQ(count(debug.errors, "task was still pending when its loop closed, waiting at"), 2)
        << debug.errors;
    EXPECT_EQ(count(debug.errors, "background_exit_test.cpp:"), 4) << debug.errors;  // started, waiting
    EXPECT_EQ(in_child(leave_two).errors, "");
}

TEST(SemB45, a_thread_blocked_in_get_while_another_calls_exit_is_told) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        std::atexit([] { std::this_thread::sleep_for(5s); });  // called last: time for the thread to say so
        std::thread([] {
            try {
                value_after(1h, 1).get();
            } catch (const LoopClosed& error) {
                std::_Exit(40 + static_cast<int>(error.reason()));
            }
        }).detach();
        std::this_thread::sleep_for(20ms);
    });
    EXPECT_EQ(end.status, told_exited);
}

namespace {

/// Holds its loop up for longer than anybody waits.
Task<int> stuck(std::atomic<bool>& begun) {
    begun = true;
    std::this_thread::sleep_for(1h);
    co_return 1;
}

/// `wait` is called in a thread of its own for work of a loop that is stuck, then the process exits: 40 plus
/// the reason that it throws.
template <class F>
void exit_while_stuck(F wait) {
    grace("0.2");
    std::atexit([] { std::this_thread::sleep_for(5s); });  // called last: time for the thread to say so
    static std::atomic<bool> begun = false;
    std::thread([wait] {
        try {
            wait(begun);
        } catch (const LoopClosed& error) {
            std::_Exit(40 + static_cast<int>(error.reason()));
        }
    }).detach();
    while (!begun) std::this_thread::sleep_for(1ms);
    std::this_thread::sleep_for(20ms);
}

}  // namespace

TEST(SemB45, a_thread_that_waits_for_a_stuck_loop_is_told_when_the_grace_is_over) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto told = [](auto wait) {
        const auto end = in_child([wait] { exit_while_stuck(wait); });
        EXPECT_GE(end.seconds, 0.2);
        EXPECT_LT(end.seconds, 0.2 + quick);
        return end.status;
    };
    EXPECT_EQ(told([](auto& begun) { stuck(begun).get(); }), told_exited);
    EXPECT_EQ(told([](auto& begun) { stuck(begun).get(1h); }), told_exited);
    EXPECT_EQ(told([](auto& begun) { stuck(begun).start().get(); }), told_exited);
    // Behind the step that is stuck.
    EXPECT_EQ(told([](auto& begun) {
                  static_cast<void>(stuck(begun).start());
                  while (!begun) std::this_thread::yield();
                  value_after(1ms, 1).get();
              }),
              told_exited);
    // In a worker of another loop, and by a task of one.
    EXPECT_EQ(told([](auto& begun) {
                  const auto pending = stuck(begun).start();
                  const auto in_worker = [pending] { return pending.get(); };
                  run(to_thread(in_worker));
              }),
              told_exited);
    EXPECT_EQ(told([](auto& begun) {
                  const auto waits = [](Pending<int> pending) -> Task<int> { co_return co_await pending; };
                  run(waits(stuck(begun).start()));
              }),
              told_exited);
}

TEST(SemB45, who_comes_to_wait_for_a_stuck_loop_after_the_grace_is_told_at_once) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        grace("0.05");
        static std::atomic<bool> begun = false;
        static std::optional<Pending<int>> pending;
        // Registered before the loop's own handler, so called after it.
        std::atexit([] {
            try {
                pending->get();
            } catch (const LoopClosed& error) {
                std::_Exit(40 + static_cast<int>(error.reason()));
            }
        });
        pending = stuck(begun).start();
        while (!begun) std::this_thread::yield();
    });
    EXPECT_EQ(end.status, told_exited);
    EXPECT_LT(end.seconds, quick);
}

TEST(SemB45, a_loop_that_comes_loose_after_its_callers_were_told_does_no_harm) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        grace("0.05");
        std::atexit([] { std::this_thread::sleep_for(300ms); });
        static std::atomic<bool> begun = false;
        static std::atomic<bool> told = false;
        std::atexit([] {
            for (int i = 0; i < 1'000 && !told; ++i) std::this_thread::sleep_for(1ms);
            if (!told) std::_Exit(9);
        });
        const auto held_up = []() -> Task<std::string> {
            begun = true;
            std::this_thread::sleep_for(200ms);
            co_return std::string(1000, 'x');
        };
        std::thread([held_up] {
            try {
                held_up().get();
            } catch (const LoopClosed&) {
                told = true;
            }
        }).detach();
        while (!begun) std::this_thread::yield();
    });
    EXPECT_EQ(end.status, 0) << end.errors;
    EXPECT_EQ(end.errors, "");
}

TEST(SemBt8, get_in_the_destructor_of_a_static_object_and_in_an_atexit_handler) {
    NEEDS_THREADS_IN_CHILDREN();
    struct Late {
        ~Late() { std::_Exit(end_of_get()); }
    };
    EXPECT_EQ(in_child([] {
                  static Late made_before;
                  value_after(1ms, 1).get();
              }).status,
              told_exited);
    EXPECT_EQ(in_child([] {
                  value_after(1ms, 1).get();
                  static Late made_after;  // goes before the loop does
              }).status,
              0);
    EXPECT_EQ(in_child([] {
                  std::atexit([] { std::_Exit(end_of_get()); });
                  value_after(1ms, 1).get();
              }).status,
              told_exited);
    EXPECT_EQ(in_child([] {
                  value_after(1ms, 1).get();
                  std::atexit([] { std::_Exit(end_of_get()); });
              }).status,
              0);
}

TEST(SemBt8, a_thread_that_outlives_main_is_told) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        std::atexit([] { std::this_thread::sleep_for(5s); });
        static std::atomic<bool> exiting = false;
        std::thread([] {
            value_after(1ms, 1).get();
            while (!exiting) std::this_thread::sleep_for(1ms);
            int told = 0;
            while (told == 0) told = end_of_get();
            std::_Exit(told);
        }).detach();
        value_after(20ms, 1).get();
        exiting = true;
    });
    EXPECT_EQ(end.status, told_exited);
}

TEST(SemBt8, work_that_submits_more_work_when_it_is_cancelled_delays_no_exit) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        struct Again {
            static Task<void> forever() {
                try {
                    co_await sleep(1h);
                } catch (const Cancelled&) {
                    try {
                        static_cast<void>(forever().start());
                    } catch (const LoopClosed&) {
                    }
                    static_cast<void>(create_task(forever()));
                }
            }
        };
        static_cast<void>(Again::forever().start());
        value_after(1ms, 1).get();
    });
    EXPECT_EQ(end.status, 0);
    EXPECT_LT(end.seconds, quick);
}

TEST(SemBt9, a_task_that_ends_the_loops_thread_fails_who_waits_and_the_next_call_starts_another) {
    if (!threads_in_children) GTEST_SKIP() << "ThreadSanitizer takes pthread_exit() for a leak";
    shutdown();
    auto waiting = value_after(1h, 1).start();
    background_loop().call_soon_threadsafe([] { ::pthread_exit(nullptr); });
    try {
        waiting.get();
        ADD_FAILURE() << "a value";
    } catch (const LoopClosed& error) {
        EXPECT_EQ(error.reason(), LoopClosedReason::failed);
    }
    EXPECT_EQ(value_after(1ms, 2).get(), 2);
    shutdown();
}
