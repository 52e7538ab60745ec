// Many children, and signals all the while: FAULT-8, IO54.
#include <tandem/process/process.hpp>

#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/bars.hpp>
#include <tandem/testing/leftovers.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include <pthread.h>
#include <unistd.h>

using namespace tandem;
using namespace std::chrono_literals;
using process::Command;

namespace {

using tandem::testing::childless;

std::atomic<long> signals_handled = 0;
void count_signal(int) { ++signals_handled; }

/// Sends the thread that made it 10,000 SIGUSR1 and SIGCHLD a second, whose handlers interrupt what they can.
class SignalStorm {
public:
    SignalStorm() : target_(pthread_self()) {
        signals_handled = 0;
        struct sigaction action{};
        action.sa_handler = count_signal;  // no SA_RESTART
        ::sigaction(SIGUSR1, &action, &before_usr1_);
        ::sigaction(SIGCHLD, &action, &before_chld_);
        sender_ = std::thread([this] {
            while (!stopping_) {
                ::pthread_kill(target_, SIGUSR1);
                ::pthread_kill(target_, SIGCHLD);
                std::this_thread::sleep_for(100us);
            }
        });
    }
    ~SignalStorm() {
        stopping_ = true;
        sender_.join();
        ::sigaction(SIGUSR1, &before_usr1_, nullptr);
        ::sigaction(SIGCHLD, &before_chld_, nullptr);
    }
    SignalStorm(const SignalStorm&) = delete;
    SignalStorm& operator=(const SignalStorm&) = delete;

private:
    pthread_t target_;
    struct sigaction before_usr1_{};
    struct sigaction before_chld_{};
    std::atomic<bool> stopping_ = false;
    std::thread sender_;
};

Task<void> one_child(long number, long& right) {
    const auto input = "child " + std::to_string(number);
    const auto command = Command::shell("cat; exit " + std::to_string(number % 200));
    const process::Output output = co_await process::run(command, input);
    if (output.out == input && output.returncode == number % 200) ++right;
}

/// So many children, at most 20 at once; how many ended as they should.
Task<long> run_children(long count) {
    long right = 0;
    for (long done = 0; done < count;) {
        TaskGroup group;
        for (int i = 0; i < 20 && done < count; ++i, ++done) group.create_task(one_child(done, right));
        co_await group.join();
    }
    co_return right;
}

}  // namespace

ASYNC_TEST_REAL_TIME(FAULT8, a_storm_of_signals_disturbs_no_child_and_no_talk_with_one) {
    const long count = tandem::testing::bar(100, 1000);
    long right = 0;
    {
        const SignalStorm storm;
        right = co_await run_children(count);
    }

    EXPECT_EQ(right, count);
    EXPECT_GT(signals_handled, 100);
    EXPECT_TRUE(childless());
}

ASYNC_TEST_REAL_TIME(SemIO54, of_thousands_of_children_none_is_left) {
    const long count = tandem::testing::bar(100, 10'000);  // on each of two backends

    const long right = co_await run_children(count);

    EXPECT_EQ(right, count);
    EXPECT_TRUE(childless());
}
