// Bt3 and Bt6: callers of every kind at once, cancels and ends in the middle.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/bars.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<long> echo(long value) { co_return value; }
Task<long> echo_later(long value) {
    co_await sleep(0s);
    co_return value;
}
Task<long> echo_after(long value) {
    co_await sleep(20us);
    co_return value;
}

struct Tally {
    std::atomic<long> made = 0;
    std::atomic<long> answered = 0;
    std::atomic<long> wrong = 0;
};

/// One call in a way drawn at random, on a loop that may end at any time.
void call_once(EventLoop& loop, std::minstd_rand& random, long value, Tally& tally) {
    ++tally.made;
    long answer = value;
    try {
        switch (random() % 7) {
            case 0:
                answer = echo(value).get();
                break;
            case 1:
                answer = echo_later(value).get();
                break;
            case 2:
                answer = echo_later(value).start(on(loop)).get();
                break;
            case 3: {
                auto pending = echo_after(value).start(on(loop));
                pending.cancel();
                answer = pending.get();
                break;
            }
            case 4: {
                auto told = std::make_shared<std::promise<long>>();
                echo_later(value).start(on(loop)).on_done([told](const Pending<long>& done) {
                    told->set_value(done.exception() ? -1 : done.get());
                });
                const long heard = told->get_future().get();
                if (heard != -1) answer = heard;
                break;
            }
            case 5:
                answer = to_future(echo_after(value), on(loop)).get();
                break;
            default:
                answer = echo_after(value).get(10s);
        }
    } catch (const TaskCancelled&) {
    } catch (const LoopClosed&) {
    }
    if (answer != value) ++tally.wrong;
    ++tally.answered;
}

}  // namespace

TEST(SemBt6, eight_threads_call_in_every_way_while_a_loop_stops_and_runs_again) {
    constexpr int threads = 8;
    const long each = tandem::testing::bar(10'000, 10'000'000) / threads;
    Tally tally;
    EventLoop loop;
    loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
    std::atomic<bool> over = false;
    std::thread runner([&] {
        while (!over) {
            const auto stops = loop.call_later(3ms, [&loop] { loop.stop(); });
            loop.run_forever();
        }
        loop.close();
    });
    std::vector<std::thread> callers;
    for (int t = 0; t < threads; ++t) {
        callers.emplace_back([&, t] {
            std::minstd_rand random(static_cast<unsigned>(t) + 1);
            for (long i = 0; i < each; ++i) call_once(loop, random, t * each + i, tally);
        });
    }
    for (auto& caller : callers) caller.join();
    over = true;
    runner.join();
    EXPECT_EQ(tally.made, each * threads);
    EXPECT_EQ(tally.answered, tally.made);
    EXPECT_EQ(tally.wrong, 0);
}

TEST(SemBt3, a_worker_call_runs_in_the_awaiting_task_and_keeps_its_identity) {
    const auto main = []() -> Task<bool> {
        const std::uint64_t mine = current_task()->id;
        const auto asks = [] {
            const auto who = []() -> Task<std::uint64_t> { co_return current_task()->id; };
            return who().get();
        };
        const std::uint64_t theirs = co_await to_thread(asks);
        co_return mine == theirs;
    };
    EXPECT_TRUE(run(main()));
}

TEST(SemBt3, while_the_main_task_ends_a_worker_call_gets_cancelled_and_after_the_loop_loop_closed) {
    std::promise<std::string> first;
    std::promise<std::string> second;
    std::promise<void> loop_gone;
    auto gone = loop_gone.get_future().share();
    const auto job = [&, gone] {
        const auto sleeps = []() -> Task<void> { co_await sleep(1h); };
        try {
            sleeps().get();
            first.set_value("returned");
        } catch (const Cancelled&) {
            first.set_value("Cancelled");
        } catch (const LoopClosed&) {
            first.set_value("LoopClosed");
        }
        gone.wait();
        try {
            echo(1).get();
            second.set_value("returned");
        } catch (const Cancelled&) {
            second.set_value("Cancelled");
        } catch (const LoopClosed&) {
            second.set_value("LoopClosed");
        }
    };
    {
        EventLoopOptions options;
        options.close_grace = 20ms;
        EventLoop loop(options);
        loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
        const auto awaits = [&job]() -> Task<void> { co_await to_thread(job); };
        auto handle = loop.create_task(awaits());
        loop.run_until_complete(echo_after(1));
        std::this_thread::sleep_for(10ms);
        handle.cancel();
        for (int i = 0; i < 10; ++i) loop.poll_once(1ms);
    }
    loop_gone.set_value();
    EXPECT_EQ(first.get_future().get(), "Cancelled");
    EXPECT_NE(second.get_future().get(), "returned");
}

TEST(SemBt3, get_on_the_loops_own_thread_is_refused_and_check_cancelled_throws_in_the_job) {
    const auto main = []() -> Task<bool> {
        bool refused = false;
        try {
            static_cast<void>(echo(1).get());
        } catch (const WouldDeadlock&) {
            refused = true;
        }
        co_return refused;
    };
    EXPECT_TRUE(run(main()));
    std::atomic<bool> noticed = false;
    const auto job = [&noticed] {
        try {
            for (;;) {
                check_cancelled();
                std::this_thread::sleep_for(1ms);
            }
        } catch (const Cancelled&) {
            noticed = true;
            throw;
        }
    };
    const auto limited = [&job]() -> Task<void> { co_await timeout(20ms, to_thread(job)); };
    EXPECT_THROW(run(limited()), TimeoutError);
    EXPECT_TRUE(noticed);
}
