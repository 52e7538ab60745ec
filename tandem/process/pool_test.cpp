#include <tandem/bridge/run.hpp>
#include <tandem/process/pool.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <unistd.h>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

int square(int n) { return n * n; }
std::string shout(std::string text, char mark) { return text + mark; }
int own_pid(int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return ::getpid();
}
void throws(int) { throw std::domain_error("no such number"); }
int exits(int status) { ::_exit(status); }
int aborts() {
    ::signal(SIGABRT, SIG_DFL);
    ::raise(SIGKILL);
    return 0;
}
int slow(int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return milliseconds;
}
int inherited_marker() { return ::getenv("TANDEM_PROCESS_JOBS") ? 1 : 0; }

bool exists(int pid) { return ::kill(pid, 0) == 0; }

}  // namespace

ASYNC_TEST_REAL_TIME(S14b, a_pool_of_three_squares_in_three_processes_none_of_them_ours) {
    process::Pool pool(3);
    std::vector<Task<int>> squares;
    for (int i = 0; i < 6; ++i) squares.push_back(pool.submit(square, i));
    std::vector<Task<int>> ids;
    for (int i = 0; i < 3; ++i) ids.push_back(pool.submit(own_pid, 50));

    const auto results = co_await gather(std::move(squares));
    const auto pids = co_await gather(std::move(ids));
    const auto living = pool.pids();

    EXPECT_EQ(results, (std::vector<int>{0, 1, 4, 9, 16, 25}));
    EXPECT_EQ(std::set<int>(pids.begin(), pids.end()).size(), 3U);
    EXPECT_EQ(std::count(pids.begin(), pids.end(), ::getpid()), 0);
    EXPECT_EQ(living.size(), 3U);
}

ASYNC_TEST_REAL_TIME(S14b, a_job_that_dies_is_an_error_and_the_next_one_gets_a_new_process) {
    process::Pool pool(1);
    std::string by_status;
    std::string by_signal;
    int returncode = 0;

    try {
        co_await pool.submit(exits, 7);
    } catch (const process::ProcessDied& error) {
        by_status = error.what();
    }
    try {
        co_await pool.submit(aborts);
    } catch (const process::ProcessDied& error) {
        by_signal = error.what();
        returncode = error.returncode();
    }
    const int after = co_await pool.submit(square, 3);

    EXPECT_NE(by_status.find("ended with status 7"), std::string::npos) << by_status;
    EXPECT_NE(by_signal.find("was killed by signal 9 (Killed)"), std::string::npos) << by_signal;
    EXPECT_EQ(returncode, -SIGKILL);
    EXPECT_EQ(after, 9);
}

ASYNC_TEST_REAL_TIME(ProcessPool, text_travels_both_ways_and_an_error_arrives_with_its_text) {
    process::Pool pool(1);
    std::string error;
    const std::string long_text(1'000'000, 'a');

    const auto loud = co_await pool.submit(shout, long_text, '!');
    try {
        co_await pool.submit(throws, 1);
    } catch (const process::RemoteError& failure) {
        error = failure.what();
    }
    const int marker = co_await process::to_process(inherited_marker);

    EXPECT_TRUE(loud == long_text + '!');
    EXPECT_NE(error.find("std::domain_error: no such number"), std::string::npos) << error;
    EXPECT_EQ(marker, 0);
}

ASYNC_TEST_REAL_TIME(ProcessPool, a_cancelled_job_is_waited_for_or_killed_if_so_asked) {
    process::Pool patient(1);
    process::Pool killing(1);
    killing.kill_on_cancel();
    co_await patient.submit(square, 1);
    co_await killing.submit(square, 1);
    const auto start = std::chrono::steady_clock::now();

    auto waited = create_task(patient.submit(slow, 60));
    auto killed = create_task(killing.submit(slow, 10'000));
    co_await sleep(20ms);
    waited.cancel();
    killed.cancel();
    const auto value = co_await waited.join();
    co_await killed.join();
    const auto took = std::chrono::steady_clock::now() - start;

    TANDEM_CO_ASSERT_TRUE(value.has_value());
    EXPECT_EQ(value.value(), 60);
    EXPECT_TRUE(killed.cancelled());
    EXPECT_TRUE(killing.pids().empty());
    EXPECT_LT(took, 5s);
}

TEST(ProcessPool, no_child_is_left_behind) {
    int pid = 0;
    const auto main = [&pid]() -> Task<void> {
        process::Pool pool(1);
        pid = co_await pool.submit(own_pid, 0);
        EXPECT_TRUE(exists(pid));
    };

    run(main());

    EXPECT_FALSE(exists(pid));
}
