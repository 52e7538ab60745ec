// The contract of a foreign loop that drives ours by three things: a pollable descriptor, the next deadline,
// one step without waiting (sem:L46, R-B23). The host is written by hand, once over poll(2), once over epoll.
#include <tandem/base/errors.hpp>
#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/signals.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <deque>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

enum class HostKind { poll, epoll };
struct Setting {
    HostKind host;
    BackendChoice backend;
};

/// A loop as other libraries have one: its own callbacks, its own wait, and a guest.
class Host {
public:
    Host(HostKind kind, EventLoop& guest) : kind_(kind), guest_(guest), guest_fd_(guest.pollable_fd()) {
        if (kind_ == HostKind::poll) return;
        epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
        epoll_event event{};
        event.events = EPOLLIN;
        EXPECT_EQ(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, guest_fd_, &event), 0);
    }
    void post(std::function<void()> fn) { own_.push_back(std::move(fn)); }
    void stop() { stopped_ = true; }
    int turns() const { return turns_; }

    void run(Duration limit = 10s) {
        const auto end = guest_.time() + limit;
        while (!stopped_ && guest_.time() < end) {
            ++turns_;
            wait(std::min(guest_.next_deadline(), end));
            guest_.poll_once();
            for (auto left = own_.size(); left > 0; --left) {
                const auto fn = std::move(own_.front());
                own_.pop_front();
                fn();
            }
        }
        EXPECT_TRUE(stopped_) << "the host was not stopped in time";
    }

private:
    void wait(TimePoint until) {
        const auto now = guest_.time();
        int milliseconds = 0;
        if (own_.empty() && until > now)
            milliseconds =
                static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(until - now).count());
        if (kind_ == HostKind::epoll) {
            epoll_event event{};
            ::epoll_wait(epoll_.get(), &event, 1, milliseconds);
        } else {
            pollfd watched{guest_fd_, POLLIN, 0};
            ::poll(&watched, 1, milliseconds);
        }
    }

    HostKind kind_;
    EventLoop& guest_;
    int guest_fd_;
    UniqueFd epoll_;
    std::deque<std::function<void()>> own_;
    bool stopped_ = false;
    int turns_ = 0;
};

class Hosts : public ::testing::TestWithParam<Setting> {
protected:
    void SetUp() override {
        const char* only = std::getenv("TANDEM_BACKEND");
        if (only && std::string(only) == "epoll" && GetParam().backend == BackendChoice::uring) GTEST_SKIP();
        EventLoopOptions options;
        options.backend = GetParam().backend;
        try {
            guest = std::make_unique<EventLoop>(options);
        } catch (const BackendUnavailable& error) {
            GTEST_SKIP() << error.what();
        }
        host = std::make_unique<Host>(GetParam().host, *guest);
    }
    std::unique_ptr<EventLoop> guest;
    std::unique_ptr<Host> host;
};

class RB23 : public Hosts {};
constexpr Setting settings[] = {{HostKind::poll, BackendChoice::uring},
                                {HostKind::poll, BackendChoice::epoll},
                                {HostKind::epoll, BackendChoice::uring},
                                {HostKind::epoll, BackendChoice::epoll}};
const auto name_of = [](const ::testing::TestParamInfo<Setting>& info) {
    return std::string(info.param.host == HostKind::poll ? "poll" : "epoll") + "_drives_" +
           (info.param.backend == BackendChoice::uring ? "uring" : "epoll");
};
INSTANTIATE_TEST_SUITE_P(Host, RB23, ::testing::ValuesIn(settings), name_of);

}  // namespace

TEST_P(RB23, the_descriptor_is_readable_when_a_step_has_work_and_only_then) {
    const int fd = guest->pollable_fd();
    const auto readable = [fd] {
        pollfd watched{fd, POLLIN, 0};
        return ::poll(&watched, 1, 0) == 1;
    };
    for (int i = 0; i < 3; ++i) guest->poll_once();
    EXPECT_FALSE(readable());
    guest->call_soon([] {});
    EXPECT_TRUE(readable());
    for (int i = 0; i < 3; ++i) guest->poll_once();
    EXPECT_FALSE(readable());
    std::thread([&] { guest->call_soon_threadsafe([] {}); }).join();
    EXPECT_TRUE(readable());
    for (int i = 0; i < 3; ++i) guest->poll_once();
    EXPECT_FALSE(readable());
}

TEST_P(RB23, a_loop_that_was_driven_by_a_host_can_run_by_itself_again) {
    host->post([&] { host->stop(); });
    host->run();
    int turns = 0;
    guest->call_later(20ms, [&] { guest->stop(); });
    const auto before = guest->turns();
    guest->run_forever();
    turns = static_cast<int>(guest->turns() - before);
    EXPECT_LE(turns, 5);  // it slept
    std::thread poster([&] {
        std::this_thread::sleep_for(5ms);
        guest->stop_threadsafe();
    });
    guest->run_forever();
    poster.join();
}

TEST_P(RB23, callbacks_of_host_and_guest_take_turns) {
    std::string order;
    int left = 5;
    std::function<void()> of_guest = [&] {
        order += 'g';
        if (--left > 0)
            guest->call_soon(of_guest);
        else
            host->stop();
    };
    std::function<void()> of_host = [&] {
        order += 'h';
        host->post(of_host);
    };
    host->post(of_host);
    guest->call_soon(of_guest);
    host->run();
    EXPECT_EQ(order.substr(0, 8), "ghghghgh");
}

TEST_P(RB23, timers_fire_on_time_and_in_order) {
    std::vector<int> order;
    const auto start = guest->time();
    guest->call_later(20ms, [&] {
        order.push_back(2);
        host->stop();
    });
    guest->call_later(5ms, [&] { order.push_back(1); });
    host->run();
    const auto took = guest->time() - start;
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
    EXPECT_GE(took, 20ms);
    EXPECT_LT(took, 500ms);
}

TEST_P(RB23, nobody_waits_busily) {
    guest->call_later(100ms, [&] { host->stop(); });
    host->run();
    EXPECT_LE(host->turns(), 10);
}

TEST_P(RB23, a_post_from_a_thread_wakes_the_host_each_time) {
    std::atomic<int> answered = 0;
    std::thread poster([&] {
        for (int sent = 1; sent <= 300; ++sent) {
            guest->call_soon_threadsafe([&] { ++answered; });
            while (answered < sent) std::this_thread::yield();
        }
        guest->call_soon_threadsafe([&] { host->stop(); });
    });
    host->run(20s);
    if (answered < 300) answered = 1'000;  // lets the poster go
    poster.join();
    EXPECT_EQ(answered, 300);
}

TEST_P(RB23, a_waker_wakes_the_host) {
    const Waker waker = guest->make_waker([&] { host->stop(); });
    std::thread other([&] {
        std::this_thread::sleep_for(5ms);
        waker.notify();
    });
    host->run();
    other.join();
}

TEST_P(RB23, what_the_host_schedules_between_steps_runs_at_once) {
    bool ran = false;
    host->post([&] {
        guest->call_soon([&] {
            ran = true;
            host->stop();
        });
    });
    const auto start = guest->time();
    host->run();
    EXPECT_TRUE(ran);
    EXPECT_LT(guest->time() - start, 1s);
}

TEST_P(RB23, a_watched_descriptor_of_the_guest_wakes_the_host) {
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
    const UniqueFd out(pipe[0]);
    const UniqueFd in(pipe[1]);
    std::string seen;
    guest->add_reader(out.get(), [&] {
        char byte;
        if (::read(out.get(), &byte, 1) == 1) seen += byte;
        if (seen.size() == 3) host->stop();
    });
    std::thread writer([&] {
        for (const char byte : {'a', 'b', 'c'}) {
            std::this_thread::sleep_for(2ms);
            EXPECT_EQ(::write(in.get(), &byte, 1), 1);
        }
    });
    host->run();
    writer.join();
    guest->remove_reader(out.get());
    EXPECT_EQ(seen, "abc");
}

TEST_P(RB23, the_host_ends_first_and_closing_the_guest_drops_the_rest) {
    auto kept = std::make_shared<int>(0);
    guest->call_later(1h, [kept] {});
    host->post([&] { host->stop(); });
    host->run();
    guest->close();
    EXPECT_EQ(kept.use_count(), 1);
    EXPECT_EQ(guest->close_record().timers, 1U);
    EXPECT_THROW(guest->poll_once(), LoopClosed);
    EXPECT_THROW(guest->pollable_fd(), LoopClosed);
}

TEST_P(RB23, the_guest_ends_first_and_the_host_goes_on) {
    int of_host = 0;
    guest->call_later(5ms, [&] {
        host->post([&] {
            ++of_host;
            host->stop();
        });
    });
    host->run();
    EXPECT_EQ(of_host, 1);
    EXPECT_EQ(guest->next_deadline(), TimePoint::max());
}

TEST_P(RB23, an_error_of_a_callback_goes_to_the_guests_handler_and_the_host_sees_none) {
    int reports = 0;
    guest->set_exception_handler([&](EventLoop&, const ErrorContext&) { ++reports; });
    guest->call_soon([] { throw std::runtime_error("of the guest"); });
    guest->call_later(2ms, [&] { host->stop(); });
    EXPECT_NO_THROW(host->run());
    EXPECT_EQ(reports, 1);
}

TEST_P(RB23, what_must_leave_the_guest_leaves_the_step_and_the_guest_goes_on) {
    guest->call_soon([] { exit_with(3); });
    guest->call_soon([&] { host->stop(); });
    EXPECT_THROW(host->run(), SystemExit);
    EXPECT_NO_THROW(host->run());
}

TEST_P(RB23, a_step_inside_a_callback_of_the_guest_is_refused) {
    bool refused = false;
    guest->call_soon([&] {
        try {
            guest->poll_once();
        } catch (const WouldDeadlock&) {
            refused = true;
        }
        host->stop();
    });
    host->run();
    EXPECT_TRUE(refused);
}

TEST_P(RB23, a_signal_handler_of_the_guest_runs_when_the_host_is_woken_by_it) {
    guest->add_signal_handler(SIGUSR1, [&] { host->stop(); });
    const auto runner = ::pthread_self();
    std::thread sender([&] {
        std::this_thread::sleep_for(5ms);
        ::pthread_kill(runner, SIGUSR1);
    });
    host->run();
    sender.join();
    EXPECT_TRUE(guest->remove_signal_handler(SIGUSR1));
    EXPECT_FALSE(guest->remove_signal_handler(SIGUSR1));
}

TEST_P(RB23, two_guests_of_two_hosts_do_not_disturb_each_other) {
    EventLoopOptions options;
    options.backend = GetParam().backend;
    EventLoop second(options);
    Host other(GetParam().host, second);
    std::atomic<int> ticks = 0;
    second.call_later(2ms, [&] {
        ++ticks;
        other.stop();
    });
    guest->call_later(4ms, [&] {
        ++ticks;
        host->stop();
    });
    std::thread runner([&] { other.run(); });
    host->run();
    runner.join();
    EXPECT_EQ(ticks, 2);
}
