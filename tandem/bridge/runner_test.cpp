#include <tandem/bridge/run.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/signals.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

using tandem::testing::value_after;

Task<EventLoop*> which_loop() {
    co_await sleep(0s);
    co_return &this_loop();
}

Task<void> fail(std::string text) {
    co_await sleep(1ms);
    throw std::runtime_error(text);
}

Task<void> keep_lines(Names& lines, std::string name) {
    try {
        co_await sleep(1h);
    } catch (const Cancelled&) {
        lines.push_back(name + " cancelled");
        throw;
    }
}

Task<void> leave_behind(Names& lines) {
    this_loop().create_task(keep_lines(lines, "left"));
    co_await sleep(1ms);
}

Task<void> fail_in_cleanup() {
    try {
        co_await sleep(1h);
    } catch (const Cancelled&) {
        throw std::runtime_error("in its cleanup");
    }
}

void (*disposition(int signal))(int) {
    struct sigaction now{};
    ::sigaction(signal, nullptr, &now);
    return now.sa_handler;
}

}  // namespace

TEST(SemL58, several_runs_share_the_loop_that_the_first_one_made) {
    Runner runner;
    EventLoop* const first = runner.run(which_loop());
    EventLoop* const second = runner.run(which_loop());
    EXPECT_EQ(first, second);
    EXPECT_EQ(first, &runner.loop());
    EXPECT_EQ(runner.run(value_after(1ms, 4)), 4);
}

TEST(SemL58, a_task_left_running_goes_on_in_the_next_run_and_is_cancelled_by_close) {
    Names lines;
    Runner runner;
    runner.run(leave_behind(lines));
    EXPECT_EQ(lines, Names{});
    auto early = runner.loop().create_task(value_after(3ms, 9));
    runner.run(value_after(20ms, 0));
    EXPECT_TRUE(early.done());
    EXPECT_EQ(early.result(), 9);
    ::testing::internal::CaptureStderr();
    runner.close();
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(lines, Names{"left cancelled"});
}

TEST(SemL58, a_run_inside_a_run_or_after_close_throws_and_closing_twice_is_fine) {
    Runner runner;
    const auto nested = [](Runner* inside) -> Task<int> {
        co_await sleep(0s);
        try {
            inside->run(value_after(1ms, 1));
        } catch (const WouldDeadlock&) {
            co_return 7;
        }
        co_return 0;
    };
    EXPECT_EQ(runner.run(nested(&runner)), 7);
    runner.close();
    runner.close();
    EXPECT_THROW(runner.run(value_after(1ms, 1)), LoopClosed);
}

TEST(SemL58, a_run_that_fails_leaves_the_loop_for_the_next_and_ctrl_c_restored_each_time) {
    std::signal(SIGINT, SIG_DFL);
    Runner runner;
    EXPECT_THROW(runner.run(fail("first")), std::runtime_error);
    EXPECT_EQ(disposition(SIGINT), SIG_DFL);
    const auto interrupt = []() -> Task<void> {
        co_await sleep(1ms);
        static_cast<void>(std::raise(SIGINT));
        co_await sleep(10s);
    };
    EXPECT_THROW(runner.run(interrupt()), Interrupted);
    EXPECT_EQ(disposition(SIGINT), SIG_DFL);
    EXPECT_EQ(runner.run(value_after(1ms, 5)), 5);
}

TEST(SemLt14, a_handler_of_the_user_is_left_in_place_by_a_run) {
    const auto of_the_user = [](int) {};
    std::signal(SIGINT, of_the_user);
    void (*const before)(int) = disposition(SIGINT);
    EXPECT_EQ(run(value_after(1ms, 1)), 1);
    EXPECT_EQ(disposition(SIGINT), before);
    std::signal(SIGINT, SIG_DFL);
}

TEST(SemL56, the_loop_may_come_from_a_factory) {
    RunOptions options;
    options.loop_factory = [] {
        EventLoopOptions made;
        made.backend = BackendChoice::epoll;
        auto loop = std::make_unique<EventLoop>(made);
        loop->set_slow_callback_duration(7s);
        return loop;
    };
    const auto ask = []() -> Task<std::string> {
        co_await sleep(0s);
        EXPECT_EQ(this_loop().slow_callback_duration(), 7s);
        co_return std::string(this_loop().backend_name());
    };
    EXPECT_EQ(run(ask(), options), "epoll");
}

TEST(SemL56, a_failure_of_another_task_while_run_ends_is_reported_as_such) {
    ::testing::internal::CaptureStderr();
    const auto main = []() -> Task<int> {
        this_loop().create_task(fail_in_cleanup());
        co_await sleep(1ms);
        co_return 3;
    };
    EXPECT_EQ(run(main()), 3);
    const auto said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("unhandled exception during run() shutdown"), std::string::npos) << said;
    EXPECT_NE(said.find("in its cleanup"), std::string::npos) << said;
}

TEST(SemL36, unretrieved_failures_and_those_at_shutdown_each_reach_the_handler_once) {
    Names said;
    const auto main = [](Names* heard) -> Task<void> {
        this_loop().set_exception_handler([heard](EventLoop&, const ErrorContext& context) {
            heard->push_back(context.message.substr(0, 22) + describe(context.exception));
        });
        this_loop().create_task(fail("unretrieved"));
        this_loop().create_task(fail_in_cleanup());
        this_loop().call_soon([] { throw std::runtime_error("a callback"); });
        co_await sleep(5ms);
    };
    run(main(&said));
    EXPECT_EQ(said, (Names{"exception in a callbacstd::runtime_error: a callback",
                           "exception of a task wastd::runtime_error: unretrieved",
                           "unhandled exception dustd::runtime_error: in its cleanup"}));
}
