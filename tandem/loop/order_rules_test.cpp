#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

std::pair<UniqueFd, UniqueFd> socket_pair() {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    return {UniqueFd(pair[0]), UniqueFd(pair[1])};
}

/// Every backend there is; those that this machine lacks are left out.
std::vector<BackendChoice> backends() {
    std::vector<BackendChoice> found;
    const char* only = std::getenv("TANDEM_BACKEND");
    for (const auto choice : {BackendChoice::uring, BackendChoice::epoll}) {
        if (only && std::string(only) == "epoll" && choice == BackendChoice::uring) continue;
        try {
            EventLoopOptions options;
            options.backend = choice;
            EventLoop probe(options);
            found.push_back(choice);
        } catch (const BackendUnavailable&) {
        }
    }
    return found;
}

EventLoopOptions on(BackendChoice backend) {
    EventLoopOptions options;
    options.backend = backend;
    return options;
}

}  // namespace

TEST(SemL4, one_turn_runs_earlier_callbacks_then_posts_then_completions_then_timers) {
    for (const auto backend : backends()) {
        EventLoop loop(on(backend));
        auto [here, there] = socket_pair();
        Names order;
        loop.add_reader(here.get(), [&] { order.push_back("completion"); });
        loop.poll_once();
        EXPECT_EQ(::write(there.get(), "x", 1), 1);
        loop.call_later(0s, [&] { order.push_back("timer"); });
        std::thread([&] { loop.call_soon_threadsafe([&] { order.push_back("post"); }); }).join();
        // A busy turn does not look at the kernel; an idle one does.
        loop.call_soon([&] { order.push_back("soon"); });
        for (int i = 0; i < 5 && order.size() < 4; ++i) loop.poll_once();
        loop.remove_reader(here.get());
        ASSERT_EQ(order.size(), 4U);
        EXPECT_EQ(order[0], "soon");
        EXPECT_EQ(order[1], "post");
        EXPECT_TRUE(std::ranges::count(order, "timer") == 1 && std::ranges::count(order, "completion") == 1);
    }
}

TEST(SemL4, what_came_in_one_poll_keeps_the_order_post_completion_timer) {
    for (const auto backend : backends()) {
        EventLoop loop(on(backend));
        auto [here, there] = socket_pair();
        Names order;
        loop.add_reader(here.get(), [&] { order.push_back("completion"); });
        for (int i = 0; i < 3; ++i) loop.poll_once();
        // All three are there before the turn begins, and nothing is ready: it polls.
        loop.call_later(0s, [&] { order.push_back("timer"); });
        EXPECT_EQ(::write(there.get(), "x", 1), 1);
        loop.poll_once();
        loop.remove_reader(here.get());
        ASSERT_GE(order.size(), 2U);
        EXPECT_EQ(order[0], "completion");
        EXPECT_EQ(order[1], "timer");
    }
}

TEST(SemL3, an_echo_is_answered_within_five_turns_beside_a_callback_that_reschedules_itself) {
    for (const auto backend : backends()) {
        EventLoop loop(on(backend));
        auto [server, client] = socket_pair();
        std::uint64_t sent_at = 0;
        std::uint64_t worst = 0;
        int answers = 0;
        const auto ask = [&] {
            sent_at = loop.turns();
            EXPECT_EQ(::write(client.get(), "?", 1), 1);
        };
        loop.add_reader(server.get(), [&] {
            char byte;
            if (::read(server.get(), &byte, 1) != 1) return;
            worst = std::max(worst, loop.turns() - sent_at);
            if (++answers == 200)
                loop.stop();
            else
                ask();
        });
        std::function<void()> spin = [&] { loop.call_soon(spin); };
        loop.call_soon(spin);
        ask();
        loop.run_forever();
        EXPECT_EQ(answers, 200);
        EXPECT_LE(worst, 5U) << loop.backend_name();
    }
}

TEST(SemL3, an_always_readable_descriptor_starves_neither_timers_nor_posts) {
    for (const auto backend : backends()) {
        EventLoop loop(on(backend));
        auto [here, there] = socket_pair();
        EXPECT_EQ(::write(there.get(), "x", 1), 1);
        long reads = 0;
        bool posted = false;
        loop.add_reader(here.get(), [&] { ++reads; });
        const auto start = loop.time();
        Duration late{};
        loop.call_soon_threadsafe([&] { posted = true; });
        loop.call_later(10ms, [&] {
            late = loop.time() - start;
            loop.stop();
        });
        loop.run_forever();
        loop.remove_reader(here.get());
        EXPECT_TRUE(posted);
        EXPECT_GT(reads, 10);
        EXPECT_GE(late, 10ms);
        EXPECT_LT(late, 200ms);
    }
}

TEST(SemL6, a_million_callbacks_that_each_schedule_the_next_use_constant_stack) {
    EventLoop loop;
    int left = 1'000'000;
    const char* lowest = nullptr;
    const char* highest = nullptr;
    std::function<void()> next = [&] {
        // A local's address would be one of AddressSanitizer's own stack.
        const auto* const at = static_cast<const char*>(__builtin_frame_address(0));
        if (!lowest || at < lowest) lowest = at;
        if (!highest || at > highest) highest = at;
        if (--left == 0)
            loop.stop();
        else
            loop.call_soon(next);
    };
    loop.call_soon(next);
    loop.run_forever();
    EXPECT_EQ(left, 0);
    EXPECT_LT(highest - lowest, 4096);
}

TEST(SemL15, a_million_cancelled_far_timers_leave_fewer_than_250_entries) {
    EventLoop loop;
    std::vector<TimerHandle> batch;
    for (int round = 0; round < 1'000; ++round) {
        for (int i = 0; i < 1'000; ++i) batch.push_back(loop.call_later(1h, [] {}));
        for (auto& handle : batch) handle.cancel();
        batch.clear();
        ASSERT_LT(loop.timers().live(), 250U);
    }
    EXPECT_EQ(loop.timers().live(), 0U);
    EXPECT_EQ(loop.next_deadline(), TimePoint::max());
}

TEST(SemL15, forty_cancelled_timers_of_a_hundred_hinder_none_of_the_others) {
    EventLoop loop;
    int fired = 0;
    std::vector<TimerHandle> handles;
    for (int i = 0; i < 100; ++i) handles.push_back(loop.call_later(1ms * (i % 7), [&] { ++fired; }));
    for (std::size_t i = 0; i < 40; ++i) handles[i * 2].cancel();
    loop.call_later(8ms, [&] { loop.stop(); });
    loop.run_forever();
    EXPECT_EQ(fired, 60);
}

TEST(SemLt5, timers_compare_by_deadline_and_then_by_registration_and_cancelling_twice_is_harmless) {
    EventLoop loop;
    std::vector<int> order;
    const auto when = loop.time() + 2ms;
    auto first = loop.call_at(when, [&] { order.push_back(1); });
    loop.call_at(when, [&] { order.push_back(2); });
    loop.call_at(when - 1ms, [&] { order.push_back(0); });
    auto gone = loop.call_at(when, [&] { order.push_back(9); });
    gone.cancel();
    gone.cancel();
    loop.call_at(when, [&] { loop.stop(); });
    loop.run_forever();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(first.when(), when);
    EXPECT_EQ(gone.when(), when);
    EXPECT_TRUE(gone.cancelled());
}

TEST(SemLt6, a_timer_of_a_fraction_of_a_millisecond_is_not_early_and_a_century_is_accepted) {
    for (const auto backend : backends()) {
        EventLoop loop(on(backend));
        for (int i = 0; i < 20; ++i) {
            const auto start = loop.time();
            Duration took{};
            loop.call_later(1'400us, [&] {
                took = loop.time() - start;
                loop.stop();
            });
            loop.run_forever();
            ASSERT_GE(took, 1'400us) << loop.backend_name();
        }
        bool fired = false;
        auto century = loop.call_later(std::chrono::hours(24 * 365 * 100), [&] { fired = true; });
        loop.poll_once(1ms);
        EXPECT_FALSE(fired);
        century.cancel();
    }
}

TEST(SemLt6, a_wait_without_limit_wakes_at_once_on_a_post) {
    for (const auto backend : backends()) {
        EventLoop loop(on(backend));
        std::atomic<std::int64_t> posted_at = 0;
        std::int64_t seen_at = 0;
        const auto now = [&] { return loop.time().time_since_epoch().count(); };
        std::thread poster([&] {
            std::this_thread::sleep_for(5ms);
            posted_at = now();
            loop.call_soon_threadsafe([&] {
                seen_at = now();
                loop.stop();
            });
        });
        loop.run_forever();
        poster.join();
        EXPECT_LT(Duration(seen_at - posted_at), 500ms);
    }
}

TEST(SemLt11, a_hundred_thousand_posts_of_one_turn_delay_a_ready_descriptor_by_one_batch) {
    for (const auto backend : backends()) {
        EventLoop loop(on(backend));
        auto [here, there] = socket_pair();
        int ran = 0;
        int ran_before_the_read = -1;
        loop.add_reader(here.get(), [&] {
            ran_before_the_read = ran;
            loop.remove_reader(here.get());
        });
        std::thread([&] {
            for (int i = 0; i < 100'000; ++i) {
                loop.call_soon_threadsafe([&] {
                    ++ran;
                    loop.call_soon([&] { ++ran; });
                });
            }
        }).join();
        EXPECT_EQ(::write(there.get(), "x", 1), 1);
        for (int i = 0; i < 6; ++i) loop.poll_once();
        EXPECT_EQ(ran, 200'000);
        EXPECT_NE(ran_before_the_read, -1);
    }
}
