#include <tandem/bridge/get.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

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

struct Counted {
    explicit Counted(std::atomic<int>& l) : live(&l) { ++l; }
    Counted(const Counted& other) : live(other.live) { ++*live; }
    ~Counted() { --*live; }
    std::atomic<int>* live;
};
Task<int> takes(Counted, std::atomic<bool>& ran) {
    ran = true;
    co_return 1;
}

}  // namespace

TEST(SemT1, sixteen_threads_get_their_own_results_from_one_loop) {
    constexpr int threads = 16;
    constexpr int calls = 300;
    std::atomic<int> wrong = 0;
    std::vector<std::thread> callers;
    for (int t = 0; t < threads; ++t) {
        callers.emplace_back([&wrong, t] {
            for (int i = 0; i < calls; ++i) {
                const int expected = t * calls + i;
                if (value_after(i % 10 == 0 ? 1ms : 0ms, expected).get() != expected) ++wrong;
            }
        });
    }
    for (auto& caller : callers) caller.join();
    EXPECT_EQ(wrong, 0);
}

TEST(SemT1, a_move_only_result_and_void_and_a_reference_come_out_of_get) {
    static int target = 0;
    const auto box = []() -> Task<std::unique_ptr<int>> {
        co_await sleep(1ms);
        co_return std::make_unique<int>(4);
    };
    const auto nothing = []() -> Task<void> { co_return; };
    const auto reference = []() -> Task<int&> { co_return target; };
    EXPECT_EQ(*box().get(), 4);
    nothing().get();
    EXPECT_EQ(&reference().get(), &target);
}

TEST(SemT4, get_in_a_coroutine_throws_before_anything_is_started_and_frees_the_arguments) {
    std::atomic<int> live = 0;
    std::atomic<bool> ran = false;
    const auto body = [](std::atomic<int>& l, std::atomic<bool>& r) -> Task<std::string> {
        std::string text;
        try {
            takes(Counted(l), r).get();
        } catch (const WouldDeadlock& error) {
            text = error.what();
        }
        co_return text;
    };
    const std::string text = run(body(live, ran));
    EXPECT_EQ(live, 0);
    EXPECT_FALSE(ran);
    for (const char* part : {"would block the event loop", "get_test.cpp", "takes", "co_await f()",
                             "in_fiber", "to_thread", "Task-"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " is missing in: " << text;
}

TEST(SemT4, get_in_a_callback_throws_also_for_work_of_another_loop_and_with_a_deadline) {
    EventLoop loop;
    int thrown = 0;
    loop.call_soon([&] {
        EXPECT_EQ(caller_kind(), CallerKind::loop_thread);
        try {
            value_after(1ms, 1).get();
        } catch (const WouldDeadlock&) {
            ++thrown;
        }
        try {
            value_after(1ms, 1).get(5s);
        } catch (const WouldDeadlock&) {
            ++thrown;
        }
        auto pending = value_after(1ms, 1).start();
        try {
            pending.get();
        } catch (const WouldDeadlock&) {
            ++thrown;
        }
        loop.stop();
    });
    loop.run_forever();
    EXPECT_EQ(thrown, 3);
    EXPECT_EQ(caller_kind(), CallerKind::owner);
}

TEST(SemB2, a_done_pending_is_returned_on_a_loops_thread_too) {
    auto pending = value_after(1ms, 6).start();
    pending.wait();
    const auto body = [](Pending<int> done) -> Task<int> { co_return done.get(); };
    EXPECT_EQ(run(body(pending)), 6);
}

TEST(SemC101, get_with_a_deadline_cancels_the_work_and_waits_for_its_cleanup) {
    std::atomic<bool> cleaned = false;
    const auto body = [](std::atomic<bool>& flag) -> Task<int> {
        const auto cleanup = [](std::atomic<bool>& f) -> Task<void> {
            co_await sleep(20ms);
            f = true;
        };
        co_return co_await with_finally(value_after(1h, 1), cleanup(flag));
    };
    EXPECT_THROW(body(cleaned).get(20ms), TimeoutError);
    EXPECT_TRUE(cleaned);
    EXPECT_EQ(value_after(1ms, 2).get(10s), 2);
}

TEST(SemK3, get_on_a_used_task_says_so) {
    auto task = value_after(0ms, 1);
    EXPECT_EQ(std::move(task).get(), 1);
    EXPECT_THROW(std::move(task).get(), InvalidStateError);
}

TEST(SemB29, an_error_keeps_its_type_through_get_from_many_threads) {
    struct Own : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    const auto fails = []() -> Task<int> {
        co_await sleep(2ms);
        throw Own("own");
    };
    auto pending = fails().start();
    std::atomic<int> caught = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i) {
        threads.emplace_back([pending, &caught] {
            try {
                pending.get();
            } catch (const Own&) {
                ++caught;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(caught, 16);
}
