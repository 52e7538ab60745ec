// L3 for processes: a child's end is an event of the loop, by its pidfd and without SIGCHLD.
#include <tandem/base/unique_fd.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/process/pool.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::process {
namespace {

using namespace std::chrono_literals;

int dies(int milliseconds) {
    ::usleep(static_cast<useconds_t>(milliseconds) * 1'000);
    ::raise(SIGKILL);
    return 0;
}
int twice(int n) { return 2 * n; }

volatile std::sig_atomic_t child_signals = 0;

/// Counts SIGCHLD while it lives: the program's own handler, which nobody may take away or need.
class CountChildSignals {
public:
    CountChildSignals() {
        child_signals = 0;
        struct sigaction action{};
        action.sa_handler = [](int) { child_signals = child_signals + 1; };
        action.sa_flags = SA_RESTART;
        ::sigaction(SIGCHLD, &action, &before_);
    }
    ~CountChildSignals() { ::sigaction(SIGCHLD, &before_, nullptr); }
    CountChildSignals(const CountChildSignals&) = delete;
    CountChildSignals& operator=(const CountChildSignals&) = delete;

private:
    struct sigaction before_{};
};

ASYNC_TEST_REAL_TIME(L3, a_childs_end_is_told_by_its_pidfd_also_where_sigchld_is_blocked) {
    sigset_t child_only;
    sigset_t before;
    ::sigemptyset(&child_only);
    ::sigaddset(&child_only, SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, &child_only, &before);
    int code = 0;
    const auto begin = this_loop().time();
    try {
        co_await to_process(dies, 20);
    } catch (const ProcessDied& died) {
        code = died.returncode();
    }
    const auto took = this_loop().time() - begin;
    const timespec no_time{};
    while (::sigtimedwait(&child_only, nullptr, &no_time) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

    EXPECT_EQ(code, -SIGKILL);
    EXPECT_GE(took, 20ms);
    EXPECT_LT(took, 5s);
}

ASYNC_TEST_REAL_TIME(L3, a_programs_own_sigchld_handler_stays_in_place) {
    const CountChildSignals counting;
    const int answer = co_await to_process(twice, 21);
    for (int turn = 0; turn < 100 && child_signals == 0; ++turn) co_await sleep(1ms);

    EXPECT_EQ(answer, 42);
    EXPECT_GE(child_signals, 1);
}

ASYNC_TEST_REAL_TIME(L3, a_pidfd_of_ones_own_can_be_waited_for) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::usleep(20'000);
        ::_exit(7);
    }
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    co_await io::readable(pidfd.get());
    int status = 0;
    const pid_t reaped = ::waitpid(pid, &status, WNOHANG);

    EXPECT_EQ(reaped, pid);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace tandem::process
