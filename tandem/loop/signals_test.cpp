#include <tandem/loop/signals.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

void (*disposition(int signal))(int) {
    struct sigaction now{};
    ::sigaction(signal, nullptr, &now);
    return now.sa_handler;
}

void raise_here(int signal) { ::kill(::getpid(), signal); }

}  // namespace

TEST(SemL38, signals_are_delivered_as_entries_in_the_order_of_their_arrival) {
    EventLoop loop;
    std::vector<std::string> order;
    for (const auto& [signal, name] : {std::pair{SIGUSR2, "usr2"}, {SIGHUP, "hup"}, {SIGUSR1, "usr1"}})
        add_signal_handler(loop, signal, [&, text = std::string(name)] { order.push_back(text); });
    raise_here(SIGHUP);
    raise_here(SIGHUP);
    raise_here(SIGUSR1);
    raise_here(SIGUSR2);
    EXPECT_TRUE(order.empty());
    for (int i = 0; i < 3; ++i) loop.poll_once();
    std::erase_if(order, [first = true](const std::string& name) mutable {
        return name == "hup" && !std::exchange(first, false);
    });
    EXPECT_EQ(order, (std::vector<std::string>{"hup", "usr1", "usr2"}));
}

TEST(SemL37, a_second_registration_replaces_the_first_also_on_another_loop) {
    EventLoop first;
    EventLoop second;
    int on_first = 0;
    int on_second = 0;
    add_signal_handler(first, SIGUSR1, [&] { ++on_first; });
    add_signal_handler(second, SIGUSR1, [&] { ++on_second; });
    raise_here(SIGUSR1);
    first.poll_once();
    second.poll_once();
    EXPECT_EQ(on_first, 0);
    EXPECT_EQ(on_second, 1);
    first.close();
    raise_here(SIGUSR1);
    second.poll_once();
    EXPECT_EQ(on_second, 2);
    EXPECT_TRUE(remove_signal_handler(SIGUSR1));
    EXPECT_FALSE(remove_signal_handler(SIGUSR1));
}

TEST(SemL37, what_cannot_be_handled_is_refused) {
    EventLoop loop;
    for (const int signal : {SIGKILL, SIGSTOP, SIGSEGV, 0, -1, 1'000})
        EXPECT_THROW(add_signal_handler(loop, signal, [] {}), std::invalid_argument) << signal;
    EXPECT_THROW(add_signal_handler(loop, SIGUSR1, nullptr), std::invalid_argument);
    loop.close();
    EXPECT_THROW(add_signal_handler(loop, SIGUSR1, [] {}), LoopClosed);
    EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

TEST(SemL39, remove_and_close_restore_the_previous_disposition_unless_somebody_else_took_it) {
    std::signal(SIGUSR1, SIG_IGN);
    {
        EventLoop loop;
        add_signal_handler(loop, SIGUSR1, [] {});
        EXPECT_NE(disposition(SIGUSR1), SIG_IGN);
    }
    EXPECT_EQ(disposition(SIGUSR1), SIG_IGN);
    {
        EventLoop loop;
        add_signal_handler(loop, SIGUSR1, [] {});
        std::signal(SIGUSR1, SIG_DFL);  // somebody else
    }
    EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

TEST(SemL39, a_handler_may_remove_and_replace_itself) {
    EventLoop loop;
    int first = 0;
    int second = 0;
    add_signal_handler(loop, SIGUSR1, [&] {
        ++first;
        EXPECT_TRUE(remove_signal_handler(SIGUSR1));
        add_signal_handler(loop, SIGUSR1, [&] { ++second; });
    });
    for (int i = 0; i < 2; ++i) {
        raise_here(SIGUSR1);
        loop.poll_once();
        loop.poll_once();
    }
    EXPECT_EQ(first, 1);
    EXPECT_EQ(second, 1);
}

TEST(SemL41, a_storm_of_signals_starves_no_timer_and_the_last_one_is_seen) {
    EventLoop loop;
    int seen = 0;
    bool timer = false;
    add_signal_handler(loop, SIGUSR1, [&] { ++seen; });
    loop.call_later(20ms, [&] { timer = true; });
    std::thread storm([] {
        for (int i = 0; i < 5'000; ++i) raise_here(SIGUSR1);
    });
    loop.call_later(200ms, [&] { loop.stop(); });
    loop.run_forever();
    storm.join();
    const int before = seen;
    raise_here(SIGUSR1);
    loop.poll_once();
    loop.poll_once();
    EXPECT_TRUE(timer);
    EXPECT_GT(before, 0);
    EXPECT_GT(seen, before);
}

TEST(SemL40, a_sleeping_loop_is_woken_by_a_signal_from_another_thread) {
    EventLoop loop;
    add_signal_handler(loop, SIGUSR1, [&] { loop.stop(); });
    std::thread sender([] {
        std::this_thread::sleep_for(10ms);
        raise_here(SIGUSR1);
    });
    const auto start = loop.time();
    loop.call_later(20s, [&] { loop.stop(); });
    loop.run_forever();
    sender.join();
    EXPECT_LT(loop.time() - start, 10s);
}
