#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/testing/bars.hpp>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
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

namespace {

/// A 10 ms timer, planned anew whenever it comes, beside something that never ends. How late it is does not
/// depend on how busy the machine is: counted are the turns from the one that saw it due to the one that it
/// came in.
class LateTimer {
public:
    LateTimer(EventLoop& loop, int wanted) : loop_(loop), left_(wanted) { plan(); }
    /// Called in every turn of the load.
    void turn() {
        if (!seen_due_ && !is_over() && loop_.time() >= due_) seen_due_ = loop_.turns();
    }
    bool is_over() const { return left_ == 0; }
    std::uint64_t worst() const { return worst_; }

private:
    void plan() {
        due_ = loop_.time() + 10ms;
        loop_.call_at(due_, [this] {
            EXPECT_GE(loop_.time(), due_);
            if (seen_due_) worst_ = std::max(worst_, loop_.turns() - *seen_due_);
            seen_due_.reset();
            if (--left_ > 0) plan();
        });
    }
    EventLoop& loop_;
    int left_;
    TimePoint due_;
    std::optional<std::uint64_t> seen_due_;
    std::uint64_t worst_ = 0;
};

/// Asks again as soon as it was answered; in turns of the loop.
class Echo {
public:
    explicit Echo(EventLoop& loop) : loop_(loop), ends_(socket_pair()) {
        loop.add_reader(ends_.first.get(), [this] { answer(); });
        ask();
    }
    ~Echo() { loop_.remove_reader(ends_.first.get()); }
    Echo(const Echo&) = delete;
    Echo& operator=(const Echo&) = delete;
    int answers() const { return answers_; }
    std::uint64_t worst() const { return worst_; }

private:
    void ask() {
        sent_at_ = loop_.turns();
        EXPECT_EQ(::write(ends_.second.get(), "?", 1), 1);
    }
    void answer() {
        char byte;
        if (::read(ends_.first.get(), &byte, 1) != 1) return;
        worst_ = std::max(worst_, loop_.turns() - sent_at_);
        ++answers_;
        ask();
    }
    EventLoop& loop_;
    std::pair<UniqueFd, UniqueFd> ends_;
    std::uint64_t sent_at_ = 0;
    std::uint64_t worst_ = 0;
    int answers_ = 0;
};

}  // namespace

TEST(SemL3, a_callback_that_reschedules_itself_a_million_times_delays_no_timer_and_no_echo) {
    for (const auto backend : backends()) {
        EventLoop loop(on(backend));
        LateTimer timer(loop, 5);
        Echo echo(loop);
        const long wanted = tandem::testing::bar(50'000, 1'000'000);
        long spins = 0;
        std::function<void()> spin = [&] {
            timer.turn();
            if (++spins >= wanted && timer.is_over() && echo.answers() >= 300)
                loop.stop();
            else
                loop.call_soon(spin);
        };
        loop.call_soon(spin);
        loop.run_forever();
        EXPECT_LE(timer.worst(), 1U) << loop.backend_name();
        EXPECT_LE(echo.worst(), 5U) << loop.backend_name();
    }
}

TEST(SemL3, an_always_readable_descriptor_delays_no_timer_no_echo_and_no_post) {
    for (const auto backend : backends()) {
        EventLoop loop(on(backend));
        auto [here, there] = socket_pair();
        EXPECT_EQ(::write(there.get(), "x", 1), 1);
        LateTimer timer(loop, 3);
        Echo echo(loop);
        bool posted = false;
        loop.add_reader(here.get(), [&] {
            timer.turn();
            if (timer.is_over() && posted && echo.answers() >= 100) loop.stop();
        });
        loop.call_soon_threadsafe([&] { posted = true; });
        loop.run_forever();
        loop.remove_reader(here.get());
        EXPECT_LE(timer.worst(), 1U) << loop.backend_name();
        EXPECT_LE(echo.worst(), 5U) << loop.backend_name();
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
