// Cancellation that reaches functions on worker threads: destructors that wait, and functions that go on.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<void> later(Lines& lines, std::string line) {
    co_await sleep(5ms);
    lines.push_back(line);
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemC27, a_wait_in_a_destructor_on_a_worker_ends_while_cancelled_unwinds) {
    struct ClosesLater {
        ~ClosesLater() { later(lines, "closed").get(); }
        Lines& lines;
    };
    Lines lines;
    auto body = [&] {
        const ClosesLater closes{lines};
        sleep(1h).get();
    };
    auto handle = create_task(to_thread(body));
    co_await sleep(20ms);
    handle.cancel();
    co_await handle.join_only();

    EXPECT_TRUE(handle.cancelled());
    EXPECT_EQ(lines, Lines({"closed"}));
}

ASYNC_TEST_REAL_TIME(SemC27, a_shield_on_a_worker_runs_although_its_task_is_cancelled) {
    Lines lines;
    auto body = [&] {
        try {
            sleep(1h).get();
        } catch (const Cancelled&) {
            shield(later(lines, "closed")).get();
            throw;
        }
    };
    auto handle = create_task(to_thread(body));
    co_await sleep(20ms);
    handle.cancel();
    co_await handle.join_only();

    EXPECT_TRUE(handle.cancelled());
    EXPECT_EQ(lines, Lines({"closed"}));
}

ASYNC_TEST_REAL_TIME(SemC102, a_thread_job_that_swallowed_its_cancel_is_logged_and_gives_its_value) {
    Lines told;
    this_loop().set_exception_handler(
        [&](EventLoop&, const ErrorContext& context) { told.push_back(context.message); });
    auto swallows = [] {
        try {
            sleep(1h).get();
        } catch (const Cancelled&) {
        }
        return 5;
    };
    auto gives_in = [] { sleep(1h).get(); };
    auto swallowed = create_task(to_thread(swallows));
    auto gave_in = create_task(to_thread(gives_in));
    co_await sleep(20ms);
    swallowed.cancel();
    gave_in.cancel();
    co_await swallowed.join_only();
    co_await gave_in.join_only();
    this_loop().set_exception_handler(nullptr);

    EXPECT_EQ(swallowed.result(), 5);
    EXPECT_TRUE(gave_in.cancelled());
    TANDEM_CO_ASSERT_EQ(told.size(), 1U);
    EXPECT_NE(told[0].find("thread job swallowed Cancelled"), std::string::npos);
}
