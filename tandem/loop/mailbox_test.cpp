#include <tandem/loop/mailbox.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/testing/bars.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

/// Counts itself as run or, if it was only destroyed, as dropped.
struct Counters {
    std::atomic<long> accepted = 0;
    std::atomic<long> run = 0;
    std::atomic<long> dropped = 0;
    std::atomic<long> refused = 0;
};
class Parcel {
public:
    explicit Parcel(Counters& counters) : counters_(&counters) {}
    Parcel(Parcel&& other) noexcept : counters_(std::exchange(other.counters_, nullptr)) {}
    ~Parcel() {
        if (counters_) ++counters_->dropped;
    }
    void operator()() { ++std::exchange(counters_, nullptr)->run; }

private:
    Counters* counters_;
};

}  // namespace

TEST(SemL27, a_loop_sleeps_although_the_poster_that_woke_it_has_lost_its_cpu_before_it_could_go_on) {
    struct Item final : Runnable {
        void run() override {}
        void discard() noexcept override {}
    };
    Mailbox mailbox;
    ReadyQueue taken;
    Item first, second, third;
    ASSERT_TRUE(mailbox.about_to_sleep());
    ASSERT_EQ(mailbox.post(first), Mailbox::Posted::asleep);  // and that poster goes no further
    mailbox.awake();
    mailbox.collect(taken);

    const bool sleeps = mailbox.about_to_sleep();
    const auto next = mailbox.post(second);
    const auto after_it = mailbox.post(third);
    mailbox.woken();
    mailbox.woken();
    mailbox.wait_for_wakers();

    EXPECT_TRUE(sleeps);
    EXPECT_EQ(next, Mailbox::Posted::asleep);  // somebody else has to wake it
    EXPECT_EQ(after_it, Mailbox::Posted::awake);
}

TEST(SemL28, eight_threads_post_against_stop_and_close_and_accepted_is_run_plus_dropped) {
    const long posts_per_thread = tandem::testing::bar(30'000, 1'000'000);
    for (int round = 0; round < 6; ++round) {
        Counters counters;
        auto loop = std::make_unique<EventLoop>();
        std::vector<std::thread> posters;
        for (int t = 0; t < 8; ++t) {
            posters.emplace_back([&] {
                for (long i = 0; i < posts_per_thread; ++i) {
                    try {
                        loop->call_soon_threadsafe(Parcel(counters));
                        ++counters.accepted;
                    } catch (const LoopClosed&) {
                        ++counters.refused;
                        if (counters.refused > 1'000) return;
                    }
                    if (i % 64 == 0) std::this_thread::yield();
                }
            });
        }
        for (int runs = 0; runs < 5; ++runs) {
            loop->call_later(1ms * round, [&] { loop->stop(); });
            loop->run_forever();
        }
        loop->close();
        for (auto& poster : posters) poster.join();
        // Refused parcels were destroyed by their poster and count as dropped as well.
        EXPECT_GE(counters.dropped, counters.refused);
        EXPECT_EQ(counters.accepted, counters.run + counters.dropped - counters.refused);
    }
}

TEST(SemL28, posts_that_meet_a_sleeping_loop_while_it_closes_find_its_wake_up_in_place) {
    // The loop sleeps, a post wakes it, and what that post does is to close it: the poster is still at
    // waking.
    for (int round = 0; round < 2'000; ++round) {
        EventLoop loop;
        std::atomic<bool> running = false;
        std::thread runner([&] {
            loop.call_soon([&] { running = true; });
            loop.run_forever();
            loop.close();
        });
        while (!running) std::this_thread::yield();
        std::thread other([&] {
            try {
                for (int i = 0; i < 50; ++i) loop.call_soon_threadsafe([] {});
            } catch (const LoopClosed&) {
            }
        });
        loop.stop_threadsafe();
        other.join();
        runner.join();
        ASSERT_TRUE(loop.is_closed());
    }
}

TEST(SemL27, each_threads_posts_keep_their_order_and_wake_a_sleeping_loop) {
    constexpr int threads = 4;
    constexpr int posts = 20'000;
    EventLoop loop;
    std::vector<int> last(threads, -1);
    int disorder = 0;
    int seen = 0;
    std::vector<std::thread> posters;
    for (int t = 0; t < threads; ++t) {
        posters.emplace_back([&, t] {
            for (int i = 0; i < posts; ++i) {
                loop.call_soon_threadsafe([&, t, i] {
                    auto& before = last[static_cast<std::size_t>(t)];
                    disorder += before + 1 != i;
                    before = i;
                    if (++seen == threads * posts) loop.stop();
                });
                if (i % 1'000 == 0) std::this_thread::sleep_for(100us);
            }
        });
    }
    loop.run_forever();
    for (auto& poster : posters) poster.join();
    EXPECT_EQ(disorder, 0);
    EXPECT_EQ(seen, threads * posts);
}

TEST(SemL27, a_thousand_single_posts_each_reach_a_loop_that_sleeps) {
    EventLoop loop;
    std::atomic<int> answered = 0;
    std::thread runner([&] { loop.run_forever(); });
    const auto limit = std::chrono::steady_clock::now() + 30s;
    int sent = 0;
    while (sent < 1'000 && std::chrono::steady_clock::now() < limit) {
        loop.call_soon_threadsafe([&] { ++answered; });
        ++sent;
        while (answered < sent && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    }
    EXPECT_EQ(answered, 1'000);
    loop.stop_threadsafe();
    runner.join();
}

TEST(SemL30, cancelling_from_another_thread_is_safe_in_every_race) {
    EventLoop loop;
    std::thread runner([&] { loop.run_forever(); });
    for (int i = 0; i < 2'000; ++i) {
        std::atomic<int> runs = 0;
        std::atomic<bool> made = false;
        TimerHandle handle;
        loop.call_soon_threadsafe([&] {
            handle = loop.call_later(i % 3 == 0 ? 0ms : 1h, [&] { ++runs; });
            made = true;
        });
        while (!made) std::this_thread::yield();
        handle.cancel();
        std::atomic<bool> after = false;
        loop.call_soon_threadsafe([&] { after = true; });
        while (!after) std::this_thread::yield();
        // The handle's last reference may only go once the loop has let go of its own.
        ASSERT_LE(runs, 1);
        ASSERT_TRUE(handle.cancelled() || runs == 1 || i % 3 == 0);
        std::atomic<bool> cleaned = false;
        loop.call_soon_threadsafe([&] {
            handle = TimerHandle();
            cleaned = true;
        });
        while (!cleaned) std::this_thread::yield();
    }
    loop.stop_threadsafe();
    runner.join();
}

TEST(SemL27, posts_wait_for_the_first_run_and_for_the_next_one) {
    EventLoop loop;
    std::vector<int> order;
    loop.call_soon_threadsafe([&] { order.push_back(1); });
    loop.stop_threadsafe();
    loop.run_forever();
    loop.call_soon_threadsafe([&] { order.push_back(2); });
    EXPECT_EQ(order, std::vector<int>{1});
    loop.stop_threadsafe();
    loop.run_forever();
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
}
