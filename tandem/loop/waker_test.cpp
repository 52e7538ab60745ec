#include <tandem/loop/waker.hpp>

#include <tandem/loop/event_loop.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

TEST(SemL29, any_number_of_notifications_before_the_run_cause_one_run) {
    EventLoop loop;
    int runs = 0;
    const Waker waker = loop.make_waker([&] { ++runs; });
    loop.poll_once();
    EXPECT_EQ(runs, 0);
    for (int i = 0; i < 100; ++i) waker.notify();
    for (int i = 0; i < 3; ++i) loop.poll_once();
    EXPECT_EQ(runs, 1);
    waker.notify();
    loop.poll_once();
    EXPECT_EQ(runs, 2);
}

TEST(SemL29, a_notification_during_the_run_causes_one_more) {
    EventLoop loop;
    int runs = 0;
    Waker waker;
    waker = loop.make_waker([&] {
        if (++runs == 1) {
            waker.notify();
            waker.notify();
        }
    });
    waker.notify();
    for (int i = 0; i < 4; ++i) loop.poll_once();
    EXPECT_EQ(runs, 2);
}

TEST(SemL29, eight_threads_notify_a_sleeping_loop_and_the_last_change_is_seen) {
    EventLoop loop;
    std::atomic<int> changes = 0;
    int seen = 0;
    const Waker waker = loop.make_waker([&] {
        seen = changes;
        if (seen == 8 * 2'000) loop.stop();
    });
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < 2'000; ++i) {
                ++changes;
                waker.notify();
            }
        });
    }
    loop.call_later(20s, [&] { loop.stop(); });
    loop.run_forever();
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(seen, 8 * 2'000);
}

TEST(SemL29, its_callback_goes_with_it_or_with_the_loop) {
    auto kept = std::make_shared<int>(0);
    {
        EventLoop loop;
        {
            const Waker waker = loop.make_waker([kept] {});
            EXPECT_EQ(kept.use_count(), 2);
        }
        loop.poll_once();
        EXPECT_EQ(kept.use_count(), 1);
    }
    Waker outlives;
    {
        EventLoop loop;
        outlives = loop.make_waker([kept] {});
        outlives.notify();
    }
    EXPECT_EQ(kept.use_count(), 1);
    outlives.notify();
}

TEST(SemL29, notifying_while_the_loop_closes_is_safe_in_every_race) {
    for (int round = 0; round < 300; ++round) {
        auto loop = std::make_unique<EventLoop>();
        const Waker waker = loop->make_waker([] {});
        std::atomic<bool> go = false;
        std::thread other([&] {
            while (!go) std::this_thread::yield();
            for (int i = 0; i < 50; ++i) waker.notify();
        });
        go = true;
        if (round % 2 == 0) loop->poll_once();
        loop.reset();
        other.join();
    }
}

TEST(SemL31, a_waker_that_throws_is_reported_and_goes_on) {
    EventLoop loop;
    int reports = 0;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        ++reports;
        EXPECT_NE(context.handle.find("Waker"), std::string::npos) << context.handle;
        EXPECT_NE(context.source.line(), 0U);
    });
    const Waker waker = loop.make_waker([] { throw std::runtime_error("in a waker"); });
    for (int i = 0; i < 2; ++i) {
        waker.notify();
        loop.poll_once();
    }
    EXPECT_EQ(reports, 2);
}

TEST(SemL31, posts_that_throw_or_come_while_the_loop_closes_lose_nothing) {
    int reports = 0;
    int ran = 0;
    EventLoop loop;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        ++reports;
        EXPECT_NE(context.exception, nullptr);
    });
    loop.call_soon_threadsafe([] { throw std::runtime_error("a post"); });
    loop.call_soon_threadsafe([&] { ++ran; });
    loop.stop_threadsafe();
    loop.run_forever();
    EXPECT_EQ(reports, 1);
    EXPECT_EQ(ran, 1);
    loop.call_soon_threadsafe([&] { ++ran; });
    loop.close();
    EXPECT_EQ(ran, 1);
    EXPECT_EQ(loop.close_record().callbacks, 1U);
}

namespace {

std::atomic<const Waker*> waker_of_the_handler = nullptr;

void notify_in_handler(int) { waker_of_the_handler.load()->notify(); }

}  // namespace

TEST(SemLt10, a_signal_handler_wakes_a_sleeping_loop_through_a_waker) {
    EventLoop loop;
    bool woken = false;
    const Waker waker = loop.make_waker([&] {
        woken = true;
        loop.stop();
    });
    waker_of_the_handler = &waker;
    struct sigaction action{};
    struct sigaction before{};
    action.sa_handler = notify_in_handler;
    ::sigaction(SIGUSR2, &action, &before);
    const auto runner = ::pthread_self();
    std::thread sender([&] {
        std::this_thread::sleep_for(10ms);
        ::pthread_kill(runner, SIGUSR2);
    });
    loop.call_later(20s, [&] { loop.stop(); });
    loop.run_forever();
    sender.join();
    ::sigaction(SIGUSR2, &before, nullptr);
    EXPECT_TRUE(woken);
}

TEST(SemLt10, a_post_from_the_loops_own_thread_is_in_order_with_its_others) {
    EventLoop loop;
    std::vector<int> order;
    loop.call_soon([&] {
        for (int i = 0; i < 3; ++i) loop.call_soon_threadsafe([&, i] { order.push_back(i); });
    });
    for (int i = 0; i < 3; ++i) loop.poll_once();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}
