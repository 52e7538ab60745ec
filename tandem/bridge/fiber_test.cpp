#include <tandem/base/errors.hpp>
#include <tandem/bridge/caller.hpp>
#include <tandem/bridge/dual.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

struct OwnError {
    int code;
};

Task<int> twice_later(int n) {
    co_await sleep(10ms);
    co_return 2 * n;
}

Task<int> fail_later(int code) {
    co_await sleep(1ms);
    throw OwnError{code};
}

Task<std::uint64_t> own_id() {
    co_await sleep(0s);
    co_return current_task()->id;
}

// Plain code: knows `.get()`, and nothing of where it is called.
int twice_twice(int n) { return twice_later(twice_later(n).get()).get(); }

Task<void> tick(int& count) {
    for (;;) {
        co_await sleep(1ms);
        ++count;
    }
}

ContextVar<int> depth("depth", 0);

Task<void> set_depth(int to) {
    depth.set(to);
    co_return;
}

}  // namespace

ASYNC_TEST(SemF1, plain_code_gives_its_value_while_the_loop_goes_on) {
    int ticks = 0;
    auto ticker = create_task(tick(ticks));
    const auto here = std::this_thread::get_id();

    const int four = co_await in_fiber(twice_twice, 1);
    const auto there = co_await in_fiber([] {
        sleep(1ms).get();
        return std::this_thread::get_id();
    });
    ticker.cancel();
    co_await ticker.join_only();

    EXPECT_EQ(four, 4);
    EXPECT_EQ(there, here);
    EXPECT_GE(ticks, 19);
}

ASYNC_TEST(SemF1, arguments_and_results_of_every_kind_go_through) {
    int number = 5;

    auto text = co_await in_fiber([](std::unique_ptr<int> n) { return std::make_unique<int>(*n + 1); },
                                  std::make_unique<int>(41));
    int& same = co_await in_fiber([](int& n) -> int& { return n; }, std::ref(number));
    co_await in_fiber([](int& n) { n = twice_later(n).get(); }, std::ref(number));

    EXPECT_EQ(*text, 42);
    EXPECT_EQ(&same, &number);
    EXPECT_EQ(number, 10);
}

ASYNC_TEST(SemF1, an_exception_is_the_same_object_on_both_sides) {
    const OwnError* thrown = nullptr;
    const OwnError* caught = nullptr;
    int inner = 0;
    auto body = [&] {
        try {
            fail_later(3).get();
        } catch (const OwnError& error) {
            inner = error.code;
        }
        try {
            throw OwnError{4};
        } catch (const OwnError& error) {
            thrown = &error;
            throw;
        }
    };

    try {
        co_await in_fiber(body);
    } catch (const OwnError& error) {
        caught = &error;
        EXPECT_EQ(error.code, 4);
    }

    EXPECT_EQ(inner, 3);
    EXPECT_NE(caught, nullptr);
    EXPECT_EQ(caught, thrown);
}

ASYNC_TEST(SemF1, between_two_waits_nothing_else_runs) {
    int ticks = 0;
    auto ticker = create_task(tick(ticks));
    std::vector<int> seen;
    auto body = [&] {
        for (int round = 0; round < 3; ++round) {
            sleep(5ms).get();
            const int before = ticks;
            const auto until = std::chrono::steady_clock::now() + 1ms;
            while (std::chrono::steady_clock::now() < until) {
            }
            seen.push_back(ticks - before);
        }
    };

    co_await in_fiber(body);
    ticker.cancel();
    co_await ticker.join_only();

    EXPECT_EQ(seen, std::vector<int>({0, 0, 0}));
    EXPECT_GE(ticks, 12);
}

ASYNC_TEST(SemT2, the_work_runs_in_the_fibers_own_task) {
    const auto outside = current_task()->id;
    std::uint64_t on_fiber = 0;
    std::uint64_t in_work = 0;
    auto body = [&] {
        on_fiber = current_task()->id;
        in_work = own_id().get();
    };

    co_await in_fiber(body);

    EXPECT_EQ(on_fiber, outside);
    EXPECT_EQ(in_work, outside);
}

ASYNC_TEST(SemT2, caller_kind_says_fiber_there_and_nowhere_else) {
    std::vector<CallerKind> kinds;
    auto ask = [&] { kinds.push_back(caller_kind()); };
    auto work = [](std::vector<CallerKind>& list) -> Task<void> {
        list.push_back(caller_kind());
        co_await sleep(0s);
        list.push_back(caller_kind());
    };
    auto body = [&] {
        ask();
        work(kinds).get();
        ask();
        // Its first step runs on this stack; the fiber is not its own.
        auto eager = create_task(work(kinds), {.eager_start = true});
        ask();
    };

    ask();
    co_await in_fiber(body);
    ask();
    co_await sleep(1ms);

    using enum CallerKind;
    EXPECT_EQ(kinds, std::vector<CallerKind>({loop_thread, fiber, loop_thread, loop_thread, fiber,
                                              loop_thread, fiber, loop_thread, loop_thread}));
}

ASYNC_TEST(SemT2, a_coroutine_below_a_fiber_has_no_fiber_of_its_own) {
    auto blocks = []() -> Task<int> { co_return twice_later(1).get(); };
    auto body = [&] { return blocks().get(); };
    bool refused = false;

    try {
        co_await in_fiber(body);
    } catch (const WouldDeadlock&) {
        refused = true;
    }

    EXPECT_TRUE(refused);
}

ASYNC_TEST(SemT2, a_pending_is_waited_for_by_the_fiber_alone) {
    int ticks = 0;
    auto ticker = create_task(tick(ticks));
    bool early = true;
    bool timed_out = false;
    int value = 0;
    auto body = [&] {
        auto later = create_task(twice_later(4)).pending();
        early = later.wait(2ms);
        try {
            static_cast<void>(later.get(2ms));
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        value = later.get();
        EXPECT_TRUE(later.done());
    };

    co_await in_fiber(body);
    ticker.cancel();
    co_await ticker.join_only();

    EXPECT_FALSE(early);
    EXPECT_TRUE(timed_out);
    EXPECT_EQ(value, 8);
    EXPECT_GE(ticks, 9);
}

ASYNC_TEST(SemT2, get_with_a_deadline_cancels_and_joins_the_work) {
    bool cancelled = false;
    bool timed_out = false;
    auto endless = [](bool& told) -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            told = true;
            throw;
        }
    };
    auto body = [&] {
        try {
            endless(cancelled).get(20ms);
        } catch (const TimeoutError&) {
            timed_out = true;
        }
        return twice_later(3).get(1h);
    };
    const auto start = this_loop().time();

    const int six = co_await in_fiber(body);

    EXPECT_TRUE(cancelled);
    EXPECT_TRUE(timed_out);
    EXPECT_EQ(six, 6);
    EXPECT_EQ(this_loop().time() - start, 30ms);
}

ASYNC_TEST(SemT2, a_dual_function_runs_its_coroutine_on_a_fiber) {
    std::string which;
    auto blocking = [&] {
        which = "blocking";
        return 1;
    };
    auto async = [](std::string& into) -> Task<int> {
        into = "coroutine";
        co_await sleep(1ms);
        co_return 2;
    };
    auto bound = [&] { return async(which); };
    const auto both = dual(blocking, bound);
    auto body = [&] { return both().get(); };

    const int on_fiber = co_await in_fiber(body);

    EXPECT_EQ(on_fiber, 2);
    EXPECT_EQ(which, "coroutine");
}

ASYNC_TEST(SemB51, a_fiber_and_its_task_have_one_context) {
    depth.set(1);
    std::vector<int> seen;
    auto body = [&] {
        seen.push_back(depth.get());
        set_depth(2).get();
        seen.push_back(depth.get());
        depth.set(3);
        sleep(1ms).get();
        seen.push_back(depth.get());
    };

    co_await in_fiber(body);

    EXPECT_EQ(seen, std::vector<int>({1, 2, 3}));
    EXPECT_EQ(depth.get(), 3);
}

ASYNC_TEST(SemBt5, locks_and_groups_are_used_in_plain_style) {
    Queue<int> queue(1);
    std::vector<int> got;
    auto produce = [&] {
        for (int i = 0; i < 5; ++i) queue.put(i).get();
    };
    auto consume = [&] {
        for (int i = 0; i < 5; ++i) got.push_back(queue.get().get());
    };
    auto both = [&] {
        with_task_group([&](TaskGroup& group) -> Task<void> {
            group.create_task(in_fiber(produce));
            group.create_task(in_fiber(consume));
            co_return;
        }).get();
    };

    co_await in_fiber(both);

    EXPECT_EQ(got, std::vector<int>({0, 1, 2, 3, 4}));
}

TEST(SemF1, plain_code_a_worker_and_a_task_may_all_start_fibers) {
    EXPECT_EQ(in_fiber(twice_twice, 1).get(), 4);
    EXPECT_EQ(to_thread([] { return in_fiber(twice_twice, 2).get(); }).get(), 8);
    EXPECT_EQ(run(in_fiber(twice_twice, 3)), 12);
    shutdown();
}

TEST(SemF18, without_the_library_of_hooks_the_option_throws) {
    std::string text;
    try {
        run(in_fiber({.hook_blocking_calls = true}, [] {}));
    } catch (const InvalidStateError& error) {
        text = error.what();
    }
    EXPECT_NE(text.find("libtandem_hooks.so"), std::string::npos);
}
