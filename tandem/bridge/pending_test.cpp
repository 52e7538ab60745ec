#include <tandem/bridge/pending.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/loop_thread.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::LoopThread;

const std::string long_text = "a text long enough to live on the heap";

using tandem::testing::value_after;

Task<std::string> text_after(Duration delay) {
    co_await sleep(delay);
    co_return long_text;
}

EventLoopOptions quick_close() {
    EventLoopOptions options;
    options.close_grace = 20ms;
    return options;
}

template <class T>
std::optional<LoopClosedReason> closed_reason(const Pending<T>& pending) {
    try {
        pending.get(5s);
    } catch (const LoopClosed& closed) {
        return closed.reason();
    } catch (...) {
    }
    return std::nullopt;
}

void be_silent(EventLoop& loop) {
    loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
}

}  // namespace

TEST(SemB20, many_threads_read_one_result_and_a_temporary_moves_it_out) {
    auto pending = text_after(2ms).start();
    std::atomic<int> right = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([pending, &right] { right += pending.get() == long_text; });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(right, 8);
    EXPECT_TRUE(pending.done() && !pending.running() && !pending.cancelled());
    EXPECT_EQ(pending.exception(), nullptr);
    EXPECT_EQ(std::move(pending).get(), long_text);
}

TEST(SemB20, who_asks_for_a_result_that_was_moved_out_is_told_so) {
    const auto told = [](const auto& ask) -> std::string {
        try {
            ask();
        } catch (const InvalidStateError& error) {
            return error.what();
        }
        return "nothing";
    };
    auto pending = text_after(0ms).start();
    const auto other = pending;
    EXPECT_EQ(std::move(pending).get(), long_text);

    for (const auto& said : {told([&] { static_cast<void>(other.get()); }),
                             told([&] { static_cast<void>(Pending(other).get()); }),
                             told([&] { static_cast<void>(other.outcome()); })}) {
        EXPECT_NE(said.find("text_after"), std::string::npos) << said;
        EXPECT_NE(said.find("was moved out of its Pending already"), std::string::npos) << said;
    }
    EXPECT_TRUE(other.done());
    EXPECT_EQ(other.exception(), nullptr);
}

TEST(SemB21, get_or_cancel_returns_a_value_that_came_after_all) {
    const auto stubborn = []() -> Task<int> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
        }
        co_return 5;
    };
    EXPECT_EQ(stubborn().start().get_or_cancel(10ms), 5);
    EXPECT_THROW(value_after(1h, 1).start().get_or_cancel(10ms), TimeoutError);
}

TEST(SemB22, cancel_is_a_request_and_the_state_is_what_really_happened) {
    auto cancelled = value_after(1h, 1).start();
    EXPECT_TRUE(cancelled.cancel("enough"));
    EXPECT_TRUE(cancelled.cancel_and_wait(5s).cancelled());
    EXPECT_TRUE(cancelled.cancelled());
    EXPECT_FALSE(cancelled.cancel());
    EXPECT_THROW(cancelled.get(), TaskCancelled);

    const auto slow_to_end = []() -> Task<int> { co_return co_await shield(value_after(100ms, 2)); };
    auto slow = slow_to_end().start();
    std::this_thread::sleep_for(5ms);
    EXPECT_THROW(slow.cancel_and_wait(5ms), TimeoutError);
    EXPECT_EQ(slow.get(), 2);
}

TEST(SemB22, cancel_at_once_after_start_ends_it_in_whatever_state_it_is) {
    LoopThread mine;
    int cancelled = 0;
    for (int i = 0; i < 2'000; ++i) {
        auto pending = value_after(i % 2 ? 0ms : 1h, i).start(on(mine.loop));
        pending.cancel();
        cancelled += pending.cancel_and_wait().cancelled();
    }
    EXPECT_GE(cancelled, 1'000);
}

TEST(SemB23, dropping_the_last_pending_neither_cancels_nor_waits) {
    LoopThread mine;
    std::promise<void> finished;
    const auto body = [](std::promise<void>& done) -> Task<void> {
        co_await sleep(10ms);
        done.set_value();
    };
    {
        auto dropped = body(finished).start(on(mine.loop));
    }
    EXPECT_EQ(finished.get_future().wait_for(10s), std::future_status::ready);
}

TEST(SemB24, work_for_a_loop_that_never_ran_waits_for_its_first_run) {
    EventLoop loop;
    auto pending = value_after(1ms, 3).start(on(loop));
    EXPECT_FALSE(pending.wait(5ms));
    EXPECT_EQ(loop.run_until_complete(value_after(10ms, 1)), 1);
    EXPECT_EQ(pending.get(), 3);
}

TEST(SemB24, submission_to_a_closed_loop_is_refused_at_the_call_and_frees_the_arguments) {
    auto shared = std::make_shared<int>(1);
    const auto body = [](std::shared_ptr<int> kept) -> Task<int> { co_return *kept; };
    EventLoop loop;
    loop.close();
    EXPECT_THROW(body(shared).start(on(loop)), LoopClosed);
    EXPECT_EQ(shared.use_count(), 1);
}

TEST(SemB24, closing_completes_every_pending_with_loop_closed_or_with_what_the_drain_brought) {
    std::optional<Pending<int>> not_started;
    std::optional<Pending<int>> cancelled;
    std::optional<Pending<int>> finished;
    std::optional<Pending<int>> outlived;
    {
        EventLoop loop(quick_close());
        be_silent(loop);
        cancelled = value_after(1h, 1).start(on(loop));
        finished = shield(value_after(2ms, 2)).start(on(loop));
        outlived = shield(value_after(1h, 3)).start(on(loop));
        loop.poll_once();
        loop.poll_once();
        not_started = value_after(1h, 4).start(on(loop));
    }
    EXPECT_EQ(closed_reason(*not_started), LoopClosedReason::closed);
    EXPECT_EQ(closed_reason(*cancelled), LoopClosedReason::closed);
    EXPECT_EQ(closed_reason(*outlived), LoopClosedReason::closed);
    EXPECT_EQ(finished->get(5s), 2);
    EXPECT_FALSE(cancelled->cancel());
    EXPECT_FALSE(outlived->cancel());
}

TEST(SemB25, every_wait_returns_once_under_random_submits_cancels_and_ends) {
    // Threads submit to loops that stop, run again and close under them.
    constexpr int loops = 60;
    std::atomic<int> submitted = 0;
    std::atomic<int> ended = 0;
    for (int round = 0; round < loops; ++round) {
        auto loop = std::make_unique<EventLoop>(quick_close());
        be_silent(*loop);
        std::thread runner([&] {
            for (int runs = 0; runs < 3; ++runs) {
                loop->call_later(2ms, [&] { loop->stop(); });
                loop->run_forever();
            }
            loop->close();
        });
        std::vector<std::thread> users;
        for (unsigned t = 0; t < 8; ++t) {
            users.emplace_back([&, t] {
                std::minstd_rand random(t + static_cast<unsigned>(round) * 8 + 1);
                try {
                    for (;;) {
                        auto pending = value_after(Duration(random() % 500'000), 1).start(on(*loop));
                        ++submitted;
                        if (random() % 3 == 0) pending.cancel();
                        if (random() % 4 == 0) pending.on_done([](const Pending<int>&) {});
                        try {
                            pending.get();
                        } catch (const std::exception&) {
                        }
                        ++ended;
                    }
                } catch (const LoopClosed&) {
                }
            });
        }
        for (auto& user : users) user.join();
        runner.join();
    }
    EXPECT_EQ(submitted, ended);
    EXPECT_GT(submitted, loops * 8);
}

TEST(SemB27, awaiting_a_pending_of_another_loop_and_cancelling_the_awaiter_leaves_the_work_alone) {
    LoopThread mine;
    auto work = text_after(30ms).start(on(mine.loop));
    const auto waits = [](Pending<std::string> pending) -> Task<std::string> { co_return co_await pending; };
    const auto main = [](Pending<std::string> pending, auto fn) -> Task<std::string> {
        auto first = create_task(fn(pending));
        auto second = create_task(fn(pending));
        co_await sleep(1ms);
        first.cancel();
        auto end = co_await first.join();
        EXPECT_TRUE(end.cancelled());
        EXPECT_FALSE(pending.done());
        co_return co_await second;
    };
    EXPECT_EQ(run(main(work, waits)), long_text);
    EXPECT_EQ(work.get(), long_text);
}

TEST(SemB27, ten_thousand_races_of_a_pendings_end_with_its_awaiters_cancel) {
    LoopThread mine;
    const auto waits = [](Pending<int> pending) -> Task<int> { co_return co_await pending; };
    const auto main = [](EventLoop& other, auto fn) -> Task<int> {
        int ends = 0;
        for (int i = 0; i < 10'000; ++i) {
            auto work = value_after(0ms, i).start(on(other));
            auto waiter = create_task(fn(work));
            for (int turns = i % 4; turns > 0; --turns) co_await sleep(0s);
            waiter.cancel();
            auto end = co_await waiter.join();
            if (end.cancelled() || (end.has_value() && end.value() == i)) ++ends;
        }
        co_return ends;
    };
    EXPECT_EQ(run(main(mine.loop, waits)), 10'000);
}

TEST(SemB28, submissions_of_one_thread_start_in_their_order) {
    LoopThread mine;
    std::vector<int> order;
    const auto notes = [](std::vector<int>& out, int i) -> Task<void> {
        out.push_back(i);
        co_return;
    };
    std::vector<Pending<void>> all;
    for (int i = 0; i < 1'000; ++i) all.push_back(notes(order, i).start(on(mine.loop)));
    for (auto& pending : all) pending.get();
    for (int i = 0; i < 1'000; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(SemK29, a_pending_of_a_handle_leaves_the_handle_its_value) {
    EventLoop loop;
    auto handle = loop.create_task(text_after(1ms));
    auto early = handle.pending();
    EXPECT_EQ(loop.run_until_complete(handle), long_text);
    auto late = handle.pending();
    EXPECT_EQ(early.get(), long_text);
    EXPECT_EQ(late.get(), long_text);
    EXPECT_EQ(handle.result(), long_text);
}

TEST(SemB5, to_future_gives_values_moves_only_ones_and_errors) {
    const auto box = []() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(4); };
    const auto fails = []() -> Task<void> {
        co_await sleep(1ms);
        throw std::domain_error("future");
    };
    EXPECT_EQ(to_future(text_after(1ms)).get(), long_text);
    EXPECT_EQ(*to_future(box()).get(), 4);
    EXPECT_THROW(to_future(fails()).get(), std::domain_error);
}

TEST(SemR10, two_loops_that_cancel_each_others_tasks_both_acknowledge) {
    LoopThread left;
    LoopThread right;
    for (int i = 0; i < 200; ++i) {
        auto on_left = value_after(1h, 1).start(on(left.loop));
        auto on_right = value_after(1h, 2).start(on(right.loop));
        left.loop.call_soon_threadsafe([on_right] { on_right.cancel(); });
        right.loop.call_soon_threadsafe([on_left] { on_left.cancel(); });
        ASSERT_TRUE(on_left.wait(10s));
        ASSERT_TRUE(on_right.wait(10s));
        EXPECT_TRUE(on_left.cancelled() && on_right.cancelled());
    }
}

TEST(SemB26, callbacks_registered_while_it_ends_run_exactly_once_each) {
    LoopThread mine;
    for (int round = 0; round < 300; ++round) {
        std::atomic<int> calls = 0;
        auto pending = value_after(0ms, 1).start(on(mine.loop));
        std::vector<std::thread> threads;
        for (int t = 0; t < 3; ++t) {
            threads.emplace_back([&] {
                for (int i = 0; i < 10; ++i) pending.on_done([&](const Pending<int>&) { ++calls; });
            });
        }
        for (auto& thread : threads) thread.join();
        pending.get();
        // Those registered in time run on the loop's thread, right after get() may return.
        const auto limit = std::chrono::steady_clock::now() + 10s;
        while (calls < 30 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
        ASSERT_EQ(calls, 30);
    }
}
