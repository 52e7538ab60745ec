// Plain steps that wait on their own stacks: loops made with `Blocking::portal`.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/blocking.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/std_future.hpp>
#include <tandem/bridge/sync_iter.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

using tandem::testing::value_after;

Task<int> fails_after(Duration delay) {
    co_await sleep(delay);
    throw std::runtime_error("no");
}
// Plain code, as it is found: it knows of no loop.
int wait_plainly(Duration delay, int value) { return value_after(delay, value).get(); }

/// Runs it under a portal, in turned time, on each kind of backend.
void in_portals(const std::function<Task<void>()>& main) {
    for (const BackendChoice backend : {BackendChoice::automatic, BackendChoice::epoll, BackendChoice::sim}) {
        VirtualTime time;
        RunOptions options;
        options.backend = backend;
        if (backend != BackendChoice::sim) options.time = &time;
        options.blocking = Blocking::portal;
        run(main(), options);
    }
}

Duration since(TimePoint began) { return this_loop().time() - began; }

}  // namespace

TEST(SemT5, a_coroutines_plain_call_waits_and_its_loop_goes_on) {
    in_portals([]() -> Task<void> {
        EXPECT_EQ(caller_kind(), CallerKind::portal);
        EXPECT_TRUE(in_async_context());
        int ticks = 0;
        auto ticker = create_task([&ticks]() -> Task<void> {
            for (;;) {
                co_await sleep(10ms);
                ++ticks;
            }
        });
        const auto began = this_loop().time();
        EXPECT_EQ(wait_plainly(95ms, 7), 7);
        EXPECT_EQ(since(began), 95ms);
        EXPECT_EQ(ticks, 9);
        const int more = co_await value_after(1ms, 8);
        EXPECT_EQ(more, 8);
        ticker.cancel();
        co_await ticker.join();
    });
}

TEST(SemT5, a_callback_waits_and_timers_go_on) {
    in_portals([]() -> Task<void> {
        Lines lines;
        EventLoop& loop = this_loop();
        loop.call_soon([&lines] {
            EXPECT_EQ(caller_kind(), CallerKind::portal);
            lines.push_back("asks");
            lines.push_back("got " + std::to_string(wait_plainly(20ms, 3)));
        });
        loop.call_soon([&lines] { lines.push_back("next"); });
        loop.call_later(10ms, [&lines] { lines.push_back("timer"); });
        co_await sleep(30ms);
        EXPECT_EQ(lines, (Lines{"asks", "next", "timer", "got 3"}));
    });
}

TEST(SemFt6, three_parked_dispatchers_deep_and_resumed_in_any_order) {
    in_portals([]() -> Task<void> {
        const std::vector<std::vector<int>> orders{{1, 2, 3}, {3, 2, 1}, {2, 3, 1}};
        for (const auto& delays : orders) {
            std::vector<int> ended;
            const auto began = this_loop().time();
            for (const int delay : delays)
                this_loop().call_soon([&ended, delay] {
                    ended.push_back(wait_plainly(std::chrono::milliseconds(delay), delay));
                    ended.push_back(wait_plainly(std::chrono::milliseconds(3), delay + 3));
                });
            co_await sleep(10ms);
            EXPECT_EQ(since(began), 10ms);
            EXPECT_EQ(ended, (std::vector{1, 2, 3, 4, 5, 6}));
        }
    });
}

TEST(SemFt6, steps_are_not_atomic_there) {
    in_portals([]() -> Task<void> {
        int shared = 0;
        create_task([&shared]() -> Task<void> {
            co_await sleep(1ms);
            shared = 1;
        });
        const int before = shared;
        wait_plainly(2ms, 0);  // no co_await between the two looks
        const int after = shared;
        EXPECT_EQ(before, 0);
        EXPECT_EQ(after, 1);
        co_return;
    });
}

TEST(SemT5, without_the_portal_the_same_step_is_refused) {
    const auto main = []() -> Task<int> {
        EXPECT_EQ(caller_kind(), CallerKind::loop_thread);
        co_return wait_plainly(1ms, 1);
    };
    EXPECT_THROW(run(main()), WouldDeadlock);
}

TEST(SemT5, errors_come_back_as_they_were_thrown) {
    in_portals([]() -> Task<void> {
        std::string seen;
        try {
            fails_after(1ms).get();
        } catch (const std::runtime_error& error) {
            seen = error.what();
        }
        EXPECT_EQ(seen, "no");
        co_return;
    });
}

TEST(SemT5, every_blocking_wait_suspends_its_step_only) {
    in_portals([]() -> Task<void> {
        const auto began = this_loop().time();
        EXPECT_THROW(value_after(1h, 1).get(5ms), TimeoutError);
        std::stop_source stop;
        this_loop().call_later(5ms, [&stop] { stop.request_stop(); });
        EXPECT_THROW(value_after(1h, 1).get(stop.get_token()), TaskCancelled);
        auto pending = value_after(5ms, 2).start(on(this_loop()));
        EXPECT_FALSE(pending.wait(1ms));
        EXPECT_EQ(pending.get(), 2);
        EXPECT_EQ(sync_iter([]() -> AsyncGenerator<int> {
                      co_await sleep(5ms);
                      co_yield 4;
                  }())
                      .next(),
                  4);
        sleep(5ms).get();
        EXPECT_EQ(since(began), 25ms);
        co_return;
    });
}

TEST(SemT5, a_std_future_and_another_loops_pending_are_waited_for) {
    RunOptions options;
    options.blocking = Blocking::portal;
    const auto main = []() -> Task<int> {
        std::promise<int> promise;
        auto future = promise.get_future();
        create_task([&promise]() -> Task<void> {
            co_await sleep(1ms);
            promise.set_value(1);
        });
        const int first = tandem::get(future);
        const int second = value_after(1ms, 2).start().get();
        co_return first + second;
    };
    EXPECT_EQ(run(main(), options), 3);
}

TEST(SemT5, a_cancel_reaches_what_the_step_waits_for_and_unwinds_the_step) {
    in_portals([]() -> Task<void> {
        Lines lines;
        const auto work = [](Lines& l) -> Task<void> {
            try {
                co_await sleep(1h);
            } catch (const Cancelled&) {
                l.push_back("work cancelled");
                throw;
            }
        };
        const auto main = [&](Lines& l) -> Task<void> {
            struct Cleanup {
                Lines& into;
                ~Cleanup() { into.push_back("cleanup got " + std::to_string(wait_plainly(2ms, 5))); }
            } const cleanup{l};
            try {
                work(l).get();
            } catch (const Cancelled&) {
                l.push_back("step cancelled");
                try {
                    wait_plainly(1ms, 1);
                } catch (const Cancelled&) {
                    l.push_back("again");
                }
                throw;
            }
            co_return;
        };
        auto handle = create_task(main(lines));
        co_await sleep(1ms);
        EXPECT_NE(handle.state().find("waiting for get()"), std::string::npos) << handle.state();
        handle.cancel();
        co_await handle.join();
        EXPECT_TRUE(handle.cancelled());
        EXPECT_EQ(lines, (Lines{"work cancelled", "step cancelled", "again", "cleanup got 5"}));
    });
}

TEST(SemT5, a_deadline_around_the_step_is_the_calls_too) {
    in_portals([]() -> Task<void> {
        const auto began = this_loop().time();
        const auto main = []() -> Task<int> { co_return wait_plainly(1h, 1); };
        const auto value = co_await move_on_after(7ms, main());
        EXPECT_FALSE(value);
        EXPECT_EQ(since(began), 7ms);
    });
}

TEST(SemT5, task_locals_go_down_and_the_steps_own_are_there_when_it_goes_on) {
    static ContextVar<std::string> who("who", "nobody");
    in_portals([]() -> Task<void> {
        const auto looks = []() -> Task<std::string> {
            co_await sleep(1ms);
            std::string seen = who.get();
            who.set("inside");
            co_return seen;
        };
        who.set("main");
        auto other = create_task([]() -> Task<std::string> {
            who.set("other");
            const std::string seen = value_after(2ms, 1).get() == 1 ? who.get() : "";
            co_return seen;
        });
        this_loop().call_soon([&looks] {
            who.set("callback");
            EXPECT_EQ(looks().get(), "callback");
            EXPECT_EQ(who.get(), "callback");
        });
        EXPECT_EQ(looks().get(), "main");
        EXPECT_EQ(who.get(), "main");
        const std::string others = co_await other;
        EXPECT_EQ(others, "other");
        EXPECT_EQ(who.get(), "main");
    });
    EXPECT_EQ(who.get(), "nobody");
}

TEST(SemT5, exceptions_being_handled_and_errno_stay_with_their_steps) {
    in_portals([]() -> Task<void> {
        Lines lines;
        for (const int delay : {3, 1, 2})
            this_loop().call_soon([&lines, delay] {
                try {
                    throw std::runtime_error(std::to_string(delay));
                } catch (const std::runtime_error&) {
                    errno = delay;
                    wait_plainly(std::chrono::milliseconds(delay), 0);
                    EXPECT_EQ(errno, delay);
                    try {
                        throw;
                    } catch (const std::runtime_error& error) {
                        lines.push_back(error.what());
                    }
                }
            });
        co_await sleep(5ms);
        EXPECT_EQ(lines, (Lines{"1", "2", "3"}));
    });
}

TEST(SemT5, a_wait_for_oneself_is_found) {
    in_portals([]() -> Task<void> {
        TaskHandle<void> own;
        const auto joins = [](TaskHandle<void>& handle) -> Task<void> { co_await handle; };
        const auto main = [&]() -> Task<void> {
            co_await sleep(1ms);
            EXPECT_THROW(joins(own).get(), WouldDeadlock);
        };
        own = create_task(main());
        co_await own;
    });
}

TEST(SemT5, fibers_and_workers_under_a_portal_are_what_they_are) {
    in_portals([]() -> Task<void> {
        const auto on_fiber = [] {
            EXPECT_EQ(caller_kind(), CallerKind::fiber);
            return wait_plainly(1ms, 1);
        };
        const int first = co_await in_fiber(on_fiber);
        const auto in_worker = [] {
            EXPECT_EQ(caller_kind(), CallerKind::worker);
            return wait_plainly(1ms, 2);
        };
        const int second = co_await to_thread(in_worker);
        EXPECT_EQ(first + second, 3);
        wait_plainly(1ms, 0);
        EXPECT_EQ(in_fiber(on_fiber).get(), 1);
    });
}

TEST(SemT5, a_task_that_starts_eagerly_in_a_step_waits_there_too) {
    in_portals([]() -> Task<void> {
        TaskOptions eager;
        eager.eager_start = true;
        const auto inner = []() -> Task<int> { co_return wait_plainly(3ms, 1) + 1; };
        auto handle = create_task(inner(), eager);
        EXPECT_EQ(current_task()->id + 1, handle.id());
        const int value = co_await handle;
        EXPECT_EQ(value, 2);
    });
}

TEST(SemT5, leaving_the_run_ends_steps_that_wait) {
    Lines lines;
    const auto waits = [](Lines& l) {
        try {
            wait_plainly(1h, 0);
        } catch (const TaskCancelled&) {
            l.push_back("callback told");
        }
    };
    RunOptions options;
    options.blocking = Blocking::portal;
    const auto main = [&]() -> Task<void> {
        this_loop().call_soon([&] { waits(lines); });
        create_task([&lines]() -> Task<void> {
            try {
                wait_plainly(1h, 0);
            } catch (const Cancelled&) {
                lines.push_back("step told");
                throw;
            }
            co_return;
        });
        co_await sleep(1ms);
    };
    run(main(), options);
    std::sort(lines.begin(), lines.end());
    EXPECT_EQ(lines, (Lines{"callback told", "step told"}));
}

namespace {

/// Whether the loop told of a step that waits for ever. What stands on its stack is left there, and so is the
/// stack.
bool told_of_the_step_left_behind() {
    Lines told;
    {
        EventLoop loop(EventLoopOptions{.close_grace = 5ms, .blocking = Blocking::portal});
        loop.set_exception_handler(
            [&told](EventLoop&, const ErrorContext& context) { told.push_back(context.message); });
        loop.call_soon([] {
            const auto stubborn = []() -> Task<void> {
                for (;;) {
                    try {
                        co_await sleep(1h);
                    } catch (const Cancelled&) {  // asked in vain
                    }
                }
            };
            stubborn().get();
        });
        loop.call_later(1ms, [&loop] { loop.stop(); });
        loop.run_forever();
        loop.close();
    }
    return std::any_of(told.begin(), told.end(), [](const std::string& text) {
        return text.find("1 step(s) of a loop made with Blocking::portal") != std::string::npos;
    });
}

}  // namespace

TEST(SemT5, what_never_ends_is_told_when_the_loop_closes) {
    const auto child = ::fork();  // where nobody looks for leaks
    if (child == 0) ::_exit(told_of_the_step_left_behind() ? 0 : 1);
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(SemT5, a_loop_with_waiting_steps_stays_with_its_thread) {
    EventLoop loop(EventLoopOptions{.blocking = Blocking::portal});
    int got = 0;
    loop.call_soon([&got] { got = wait_plainly(5ms, 4); });
    loop.poll_once();
    std::thread other([&loop] { EXPECT_THROW(loop.poll_once(), WrongThread); });
    other.join();
    while (got == 0) loop.poll_once(10ms);
    EXPECT_EQ(got, 4);
    std::thread later([&loop] { loop.poll_once(); });
    later.join();
}

TEST(SemT5, a_stop_leaves_the_step_waiting_until_the_next_run) {
    EventLoop loop(EventLoopOptions{.blocking = Blocking::portal});
    int got = 0;
    loop.call_soon([&got, &loop] {
        loop.call_soon([&loop] { loop.stop(); });
        got = wait_plainly(2ms, 4);
        loop.stop();
    });
    loop.run_forever();
    EXPECT_EQ(got, 0);
    loop.run_forever();
    EXPECT_EQ(got, 4);
}

TEST(SemT5, a_thousand_steps_wait_at_once) {
    in_portals([]() -> Task<void> {
        int sum = 0;
        {
            TaskGroup group;
            for (int i = 0; i < 1000; ++i)
                group.create_task([](int& s, int n) -> Task<void> {
                    s += wait_plainly(std::chrono::milliseconds(n % 7), 1);
                    s += wait_plainly(std::chrono::milliseconds(n % 5), 1);
                    co_return;
                }(sum, i));
            co_await group.join();
        }
        EXPECT_EQ(sum, 2000);
    });
}
