#include <tandem/base/errors.hpp>
#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/loop/signals.hpp>
#include <tandem/testing/bars.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

void raise_here(int signal) { ::kill(::getpid(), signal); }

void (*disposition(int signal))(int) {
    struct sigaction now{};
    ::sigaction(signal, nullptr, &now);
    return now.sa_handler;
}

void nothing(int) {}

}  // namespace

TEST(SemL37, a_loops_own_handlers_take_arguments_and_tell_whether_one_was_there) {
    EventLoop loop;
    EventLoop other;
    std::string seen;
    loop.add_signal_handler(
        SIGUSR1, [&](const std::string& text, int number) { seen += text + std::to_string(number); }, "usr",
        1);
    for (int i = 0; i < 2; ++i) {
        raise_here(SIGUSR1);
        loop.poll_once();
        loop.poll_once();
    }
    EXPECT_EQ(seen, "usr1usr1");
    EXPECT_FALSE(other.remove_signal_handler(SIGUSR1));
    EXPECT_TRUE(loop.remove_signal_handler(SIGUSR1));
    EXPECT_FALSE(loop.remove_signal_handler(SIGUSR1));
    EXPECT_EQ(disposition(SIGUSR1), SIG_DFL);
}

TEST(SemL37, signals_that_cannot_be_handled_are_refused_by_number) {
    EventLoop loop;
    for (const int signal : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, 0, -1, 1'000})
        EXPECT_THROW(loop.add_signal_handler(signal, [] {}), std::invalid_argument) << signal;
    EXPECT_THROW(loop.add_signal_handler(SIGUSR1, std::function<void()>()), std::invalid_argument);
    loop.close();
    EXPECT_THROW(loop.add_signal_handler(SIGUSR1, [] {}), LoopClosed);
}

TEST(SemL38, hup_hup_usr1_int_arrive_in_this_order) {
    EventLoop loop;
    Names order;
    loop.add_signal_handler(SIGINT, [&] { order.push_back("int"); });
    loop.add_signal_handler(SIGUSR1, [&] { order.push_back("usr1"); });
    loop.add_signal_handler(SIGHUP, [&] { order.push_back("hup"); });
    loop.call_soon([&] { order.push_back("before"); });
    for (const int signal : {SIGHUP, SIGHUP, SIGUSR1, SIGINT}) raise_here(signal);
    for (int i = 0; i < 3; ++i) loop.poll_once();
    if (order.size() == 5) order.erase(order.begin() + 1);  // HUP once or twice
    EXPECT_EQ(order, (Names{"before", "hup", "usr1", "int"}));
}

TEST(SemL39, a_disposition_that_somebody_else_set_meanwhile_is_left_alone_and_said) {
    Names said;
    {
        EventLoop loop;
        loop.set_exception_handler(
            [&](EventLoop&, const ErrorContext& context) { said.push_back(context.message); });
        loop.add_signal_handler(SIGUSR1, [] {});
        std::signal(SIGUSR1, nothing);
        EXPECT_TRUE(loop.remove_signal_handler(SIGUSR1));
        EXPECT_EQ(disposition(SIGUSR1), nothing);
        loop.add_signal_handler(SIGUSR1, [] {});
        std::signal(SIGUSR1, nothing);
    }
    EXPECT_EQ(disposition(SIGUSR1), nothing);
    ASSERT_EQ(said.size(), 2U);
    EXPECT_NE(said[0].find("replaced by somebody else"), std::string::npos) << said[0];
    std::signal(SIGUSR1, SIG_DFL);
}

TEST(SemL40, ten_thousand_interruptions_a_second_disturb_no_operation) {
    struct sigaction action{};
    struct sigaction before{};
    action.sa_handler = nothing;  // without SA_RESTART: each system call of the loop may end with EINTR
    ::sigaction(SIGUSR2, &action, &before);
    for (const auto backend : {BackendChoice::automatic, BackendChoice::epoll}) {
        EventLoopOptions options;
        options.backend = backend;
        EventLoop loop(options);
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        const UniqueFd here(pair[0]);
        const UniqueFd there(pair[1]);
        long rounds = 0;
        int reports = 0;
        loop.set_exception_handler([&](EventLoop&, const ErrorContext&) { ++reports; });
        loop.add_reader(here.get(), [&] {
            char byte;
            if (::read(here.get(), &byte, 1) != 1) return;
            ++rounds;
            loop.call_later(100us, [&] { EXPECT_EQ(::write(there.get(), "x", 1), 1); });
        });
        EXPECT_EQ(::write(there.get(), "x", 1), 1);
        std::atomic<bool> over = false;
        const auto runner = ::pthread_self();
        std::thread storm([&] {
            while (!over) {
                ::pthread_kill(runner, SIGUSR2);
                std::this_thread::sleep_for(50us);  // with what sleeping takes besides: 10^4 a second
            }
        });
        const auto start = loop.time();
        const auto time = std::chrono::milliseconds(tandem::testing::bar(400, 60'000));
        loop.call_later(time, [&] { loop.stop(); });
        loop.run_forever();
        over = true;
        storm.join();
        EXPECT_GE(loop.time() - start, time);
        EXPECT_GT(rounds, 50);
        EXPECT_EQ(reports, 0);
        loop.remove_reader(here.get());
    }
    ::sigaction(SIGUSR2, &before, nullptr);
}

TEST(SemL41, a_signal_that_arrives_while_its_loop_closes_reaches_one_of_two_handlers) {
    std::signal(SIGUSR1, nothing);  // otherwise the restored handler would end the process
    for (int round = 0; round < 100; ++round) {
        EventLoop loop;
        loop.add_signal_handler(SIGUSR1, [] {});
        std::thread sender([] { raise_here(SIGUSR1); });
        loop.close();
        sender.join();
        ASSERT_EQ(disposition(SIGUSR1), nothing);
    }
    std::signal(SIGUSR1, SIG_DFL);
}
