#include <tandem/loop/event_loop.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/clock.hpp>

#include <gtest/gtest.h>

#include <poll.h>

#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Ints = std::vector<int>;
using Lines = std::vector<std::string>;

/// Every test of a loop runs on both backends.
class Loops : public ::testing::TestWithParam<BackendChoice> {
protected:
    EventLoopOptions options() {
        EventLoopOptions made;
        made.backend = GetParam();
        return made;
    }
    void SetUp() override {
        const char* only = std::getenv("TANDEM_BACKEND");
        if (only && std::string(only) == "epoll" && GetParam() == BackendChoice::uring) GTEST_SKIP();
        try {
            EventLoop probe(options());
        } catch (const BackendUnavailable& error) {
            GTEST_SKIP() << error.what();
        }
    }
};

#define ON_BOTH(suite)             \
    class suite : public Loops {}; \
    INSTANTIATE_TEST_SUITE_P(Backend, suite, ::testing::Values(BackendChoice::uring, BackendChoice::epoll))
#define ON_EACH(suite)             \
    class suite : public Loops {}; \
    INSTANTIATE_TEST_SUITE_P(      \
        Backend, suite, ::testing::Values(BackendChoice::uring, BackendChoice::epoll, BackendChoice::sim))

ON_EACH(SemL1);
ON_EACH(SemL2);
ON_EACH(SemL11);
ON_EACH(SemL12);
ON_EACH(SemL13);
ON_EACH(SemL16);
ON_EACH(SemL18);
ON_EACH(SemL19);
ON_EACH(SemL20);
ON_EACH(SemL23);
ON_EACH(SemL24);
ON_EACH(SemL32);
ON_EACH(SemL33);
ON_BOTH(SemL46);  // a foreign loop has real time

/// Says when it is destroyed.
struct Token {
    Token(Lines& l, std::string n) : lines(&l), name(std::move(n)) {}
    Token(Token&& other) noexcept : lines(std::exchange(other.lines, nullptr)), name(std::move(other.name)) {}
    ~Token() {
        if (lines) lines->push_back(name + " gone");
    }
    Lines* lines;
    std::string name;
};

}  // namespace

TEST_P(SemL1, callbacks_run_in_the_order_of_the_calls_and_cancelled_ones_never) {
    EventLoop loop(options());
    Ints order;
    Lines lines;
    loop.call_soon([&](int i) { order.push_back(i); }, 1);
    auto second = loop.call_soon([&, token = Token(lines, "second")] { order.push_back(2); });
    loop.call_soon([&] {
        order.push_back(3);
        loop.stop();
    });
    second.cancel();
    EXPECT_EQ(lines, Lines{"second gone"});
    second.cancel();
    EXPECT_TRUE(second.cancelled());
    loop.run_forever();
    EXPECT_EQ(order, (Ints{1, 3}));
}

TEST_P(SemL1, a_handle_cancelled_by_an_earlier_callback_of_the_same_batch_does_not_run) {
    EventLoop loop(options());
    Ints order;
    Handle later;
    loop.call_soon([&] {
        order.push_back(1);
        later.cancel();
    });
    later = loop.call_soon([&] { order.push_back(2); });
    loop.call_soon([&] { loop.stop(); });
    loop.run_forever();
    EXPECT_EQ(order, Ints{1});
}

TEST_P(SemL1, a_null_callable_is_refused_at_the_call) {
    EventLoop loop(options());
    EXPECT_THROW(loop.call_soon(std::function<void()>()), std::invalid_argument);
    EXPECT_THROW(loop.call_later(1s, static_cast<void (*)()>(nullptr)), std::invalid_argument);
}

TEST_P(SemL1, arguments_are_kept_by_value_and_may_be_move_only) {
    EventLoop loop(options());
    int seen = 0;
    {
        auto box = std::make_unique<int>(7);
        loop.call_soon([&](std::unique_ptr<int> kept) { seen = *kept; }, std::move(box));
        loop.call_soon([&] { loop.stop(); });
    }
    loop.run_forever();
    EXPECT_EQ(seen, 7);
}

TEST_P(SemL2, one_turn_runs_foreign_posts_before_timers_and_what_it_adds_in_the_next) {
    EventLoop loop(options());
    Lines order;
    loop.call_later(0s, [&] { order.push_back("timer"); });
    loop.call_soon_threadsafe([&] {
        order.push_back("post");
        loop.call_soon([&] { order.push_back("added"); });
    });
    loop.call_soon([&] { order.push_back("soon"); });
    loop.poll_once();
    EXPECT_EQ(order, (Lines{"soon", "post", "timer"}));
    loop.poll_once();
    EXPECT_EQ(order.back(), "added");
}

TEST_P(SemL11, equal_deadlines_run_in_the_order_of_registration) {
    EventLoop loop(options());
    Ints order;
    const auto now = loop.time();
    for (int i = 0; i < 5; ++i) loop.call_at(now, [&, i] { order.push_back(i); });
    loop.poll_once();
    EXPECT_EQ(order, (Ints{0, 1, 2, 3, 4}));
}

TEST_P(SemL12, past_deadlines_run_in_their_numeric_order_and_nan_is_refused) {
    EventLoop loop(options());
    Ints order;
    loop.call_later(0s, [&] { order.push_back(3); });
    loop.call_later(-5s, [&] { order.push_back(2); });
    loop.call_later(std::chrono::duration<double>(-1e300), [&] { order.push_back(1); });
    loop.poll_once();
    EXPECT_EQ(order, (Ints{1, 2, 3}));
    EXPECT_THROW(
        loop.call_later(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()), [] {}),
        std::invalid_argument);
}

TEST_P(SemL12, an_infinite_delay_never_fires_can_be_cancelled_and_is_dropped_by_close) {
    Lines lines;
    TimerHandle kept;
    constexpr auto forever = std::chrono::duration<double>(std::numeric_limits<double>::infinity());
    {
        EventLoop loop(options());
        kept = loop.call_later(forever, [token = Token(lines, "kept")] {});
        auto cancelled = loop.call_later(forever, [token = Token(lines, "cancelled")] {});
        cancelled.cancel();
        EXPECT_EQ(lines, Lines{"cancelled gone"});
        EXPECT_EQ(kept.when(), TimePoint::max());
        loop.poll_once(1ms);
        EXPECT_EQ(loop.next_deadline(), TimePoint::max());
    }
    EXPECT_EQ(lines, (Lines{"cancelled gone", "kept gone"}));
    kept.cancel();
    EXPECT_TRUE(kept.cancelled());
}

TEST_P(SemL13, timers_are_never_early_and_a_sleeping_loop_does_not_spin) {
    EventLoop loop(options());
    int early = 0;
    int left = 100;
    std::function<void(TimePoint)> next = [&](TimePoint due) {
        if (loop.time() < due) ++early;
        if (--left == 0) {
            loop.stop();
            return;
        }
        const auto when = loop.time() + 1'500us;
        loop.call_at(when, next, when);
    };
    loop.call_soon(next, loop.time());
    const auto turns = loop.turns();
    loop.run_forever();
    EXPECT_EQ(early, 0);
    EXPECT_LE(loop.turns() - turns, 310U);
}

TEST_P(SemL16, a_timer_handle_tells_its_time_before_and_after_it_fired) {
    EventLoop loop(options());
    const auto when = loop.time() + 1ms;
    auto handle = loop.call_at(when, [&] { loop.stop(); });
    EXPECT_EQ(handle.when(), when);
    loop.run_forever();
    EXPECT_EQ(handle.when(), when);
    handle.cancel();
    EXPECT_FALSE(handle.cancelled());
}

TEST_P(SemL18, a_loop_runs_in_one_thread_at_a_time) {
    EventLoop loop(options());
    loop.call_soon([&] {
        std::thread([&] { EXPECT_THROW(loop.run_forever(), InvalidStateError); }).join();
        EXPECT_THROW(loop.poll_once(), WouldDeadlock);
        EXPECT_THROW(loop.close(), InvalidStateError);
        loop.stop();
    });
    loop.run_forever();
    // Another thread may go on with it afterwards.
    int ran = 0;
    loop.call_soon([&] {
        ++ran;
        loop.stop();
    });
    std::thread([&] { loop.run_forever(); }).join();
    EXPECT_EQ(ran, 1);
}

TEST_P(SemL19, stop_finishes_the_batch_and_keeps_what_it_scheduled) {
    EventLoop loop(options());
    Ints order;
    loop.call_soon([&] { order.push_back(1); });
    loop.call_soon([&] { loop.stop(); });
    loop.call_soon([&] {
        order.push_back(2);
        loop.call_soon([&] {
            order.push_back(3);
            loop.stop();
        });
    });
    loop.run_forever();
    EXPECT_EQ(order, (Ints{1, 2}));
    loop.run_forever();
    EXPECT_EQ(order, (Ints{1, 2, 3}));
}

TEST_P(SemL20, stop_before_run_forever_means_one_batch) {
    EventLoop loop(options());
    Ints order;
    loop.call_soon([&] {
        order.push_back(1);
        loop.call_soon([&] { order.push_back(2); });
    });
    loop.stop();
    loop.run_forever();
    EXPECT_EQ(order, Ints{1});
}

TEST_P(SemL23, close_destroys_what_is_queued_in_order_and_is_idempotent) {
    Lines lines;
    EventLoop loop(options());
    loop.call_soon([token = Token(lines, "first")] {});
    loop.call_later(1h, [token = Token(lines, "timer")] {});
    loop.call_soon([token = Token(lines, "second")] {});
    loop.call_soon_threadsafe([token = Token(lines, "post")] {});
    loop.close();
    loop.close();
    EXPECT_TRUE(loop.is_closed());
    EXPECT_EQ(lines, (Lines{"first gone", "second gone", "post gone", "timer gone"}));
}

TEST_P(SemL24, after_close_every_scheduling_call_throws_and_frees_its_arguments_here) {
    Lines lines;
    EventLoop loop(options());
    loop.close();
    EXPECT_THROW(loop.call_soon([token = Token(lines, "soon")] {}), LoopClosed);
    EXPECT_THROW(loop.call_later(1s, [token = Token(lines, "later")] {}), LoopClosed);
    EXPECT_THROW(loop.call_soon_threadsafe([token = Token(lines, "post")] {}), LoopClosed);
    EXPECT_THROW(loop.add_reader(0, [] {}), LoopClosed);
    EXPECT_THROW(loop.run_forever(), LoopClosed);
    EXPECT_THROW(loop.poll_once(), LoopClosed);
    EXPECT_EQ(lines, (Lines{"soon gone", "later gone", "post gone"}));
}

TEST_P(SemL32, an_exception_goes_to_the_handler_and_the_next_entry_runs) {
    EventLoop loop(options());
    Lines reports;
    Ints order;
    loop.set_exception_handler([&](EventLoop& from, const ErrorContext& context) {
        EXPECT_EQ(&from, &loop);
        reports.push_back(describe(context.exception));
    });
    loop.call_soon([] { throw std::runtime_error("soon"); });
    loop.call_soon([&] { order.push_back(1); });
    loop.call_later(1ms, [] { throw 7; });
    loop.call_soon_threadsafe([] { throw std::runtime_error("post"); });
    loop.call_later(2ms, [&] { loop.stop(); });
    loop.run_forever();
    EXPECT_EQ(order, Ints{1});
    EXPECT_EQ(reports,
              (Lines{"std::runtime_error: soon", "std::runtime_error: post", "an exception of type int"}));
}

TEST_P(SemL33, a_handler_that_throws_falls_back_to_stderr_with_both_errors) {
    EventLoop loop(options());
    loop.set_exception_handler([](EventLoop&, const ErrorContext&) { throw std::logic_error("handler"); });
    loop.call_soon([] { throw std::runtime_error("callback"); });
    loop.call_soon([&] { loop.stop(); });
    ::testing::internal::CaptureStderr();
    loop.run_forever();
    const auto text = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(text.find("unhandled error in exception handler"), std::string::npos) << text;
    EXPECT_NE(text.find("callback"), std::string::npos) << text;
    EXPECT_NE(text.find("handler"), std::string::npos) << text;
}

TEST_P(SemL46, a_foreign_loop_drives_this_one_by_its_descriptor_and_deadline) {
    EventLoop loop(options());
    Ints order;
    EXPECT_EQ(loop.next_deadline(), TimePoint::max());
    loop.call_soon([&] { order.push_back(1); });
    EXPECT_LE(loop.next_deadline(), loop.time());
    loop.poll_once();
    const auto due = loop.time() + 5ms;
    loop.call_at(due, [&] { order.push_back(2); });
    EXPECT_EQ(loop.next_deadline(), due);
    pollfd watched{loop.pollable_fd(), POLLIN, 0};
    std::thread poster([&] {
        std::this_thread::sleep_for(1ms);
        loop.call_soon_threadsafe([&] { order.push_back(3); });
    });
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (order.size() < 3 && std::chrono::steady_clock::now() < limit) {
        ::poll(&watched, 1, 2);
        loop.poll_once();
    }
    poster.join();
    EXPECT_EQ(order.size(), 3U);
}

TEST(SemL25, an_unclosed_loop_closes_itself_and_gives_its_descriptors_back) {
    for (int i = 0; i < 1'000; ++i) {
        EventLoop loop;
        loop.call_later(1h, [] {});
        loop.poll_once();
    }
    EXPECT_EQ(this_loop_or_null(), nullptr);
}

TEST(SemL51, loops_in_four_threads_are_each_their_own) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([] {
            EventLoop loop;
            int ticks = 0;
            std::function<void()> tick = [&] {
                EXPECT_EQ(&this_loop(), &loop);
                if (++ticks == 100) loop.stop();
                loop.call_later(100us, tick);
            };
            loop.call_soon(tick);
            loop.run_forever();
            EXPECT_EQ(ticks, 100);
        });
    }
    for (auto& thread : threads) thread.join();
}

TEST(SemL14, virtual_time_jumps_and_never_moves_inside_a_turn) {
    VirtualTime time;
    EventLoopOptions options;
    options.time = &time;
    EventLoop loop(options);
    const auto start = loop.time();
    std::vector<Duration> seen;
    loop.call_later(10h, [&] { seen.push_back(loop.time() - start); });
    loop.call_later(1h, [&] { seen.push_back(loop.time() - start); });
    loop.call_later(10h, [&] { loop.stop(); });
    loop.run_forever();
    EXPECT_EQ(seen, (std::vector<Duration>{1h, 10h}));
}

TEST(SemL14, a_turn_after_a_long_pause_knows_what_time_it_is_though_no_timer_asks) {
    VirtualTime time;
    EventLoopOptions options;
    options.time = &time;
    EventLoop loop(options);
    loop.poll_once();
    time.jump_to(time.now() + 1h);  // whoever drives the loop had other things to do
    TimePoint seen;
    loop.call_soon([&] { seen = loop.turn_time(); });
    loop.poll_once();
    EXPECT_EQ(seen, time.now());
}
