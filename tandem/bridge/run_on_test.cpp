#include <tandem/base/errors.hpp>
#include <tandem/bridge/run_on.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/loop_thread.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::LoopThread;

Task<std::thread::id> whereabouts() {
    co_await sleep(1ms);
    co_return std::this_thread::get_id();
}

Task<int> fails() {
    co_await sleep(1ms);
    throw std::domain_error("over there");
}

// Says so when it is cancelled, takes its time to end, and swallows it if asked to.
Task<int> stubborn(std::vector<std::string>& lines, bool swallows) {
    bool cancelled = false;
    try {
        co_await sleep(10s);
    } catch (const Cancelled&) {
        cancelled = true;
        if (!swallows) {
            lines.push_back("cancelled");
            throw;
        }
    }
    std::this_thread::sleep_for(10ms);
    lines.push_back("went on");
    co_return cancelled ? 1 : 0;
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemG38, the_task_runs_there_and_the_caller_goes_on_here) {
    LoopThread other;
    const auto here = std::this_thread::get_id();

    const auto there = co_await run_on(other.loop, whereabouts());
    const auto after = std::this_thread::get_id();
    const auto on_own = co_await run_on(this_loop(), whereabouts());

    EXPECT_EQ(there, other.id());
    EXPECT_EQ(after, here);
    EXPECT_EQ(on_own, here);
}

ASYNC_TEST_REAL_TIME(SemG38, a_function_and_its_arguments_travel_and_so_does_an_error) {
    LoopThread other;
    std::string text;

    const auto sum = co_await run_on(other.loop, [](int a, int b) -> Task<int> { co_return a + b; }, 1, 2);
    try {
        co_await run_on(other.loop, fails());
    } catch (const std::domain_error& error) {
        text = error.what();
    }

    EXPECT_EQ(sum, 3);
    EXPECT_EQ(text, "over there");
}

ASYNC_TEST_REAL_TIME(SemC77, the_await_ends_when_the_cancelled_task_has_ended) {
    LoopThread other;
    std::vector<std::string> lines;

    auto waiting = create_task(run_on(other.loop, stubborn(lines, false)));
    co_await sleep(5ms);
    waiting.cancel();
    co_await waiting.join();

    EXPECT_TRUE(waiting.cancelled());
    EXPECT_EQ(lines, std::vector<std::string>{"cancelled"});
}

ASYNC_TEST_REAL_TIME(SemC77, a_value_that_comes_in_spite_of_the_cancel_is_delivered) {
    LoopThread other;
    std::vector<std::string> lines;

    auto waiting = create_task(run_on(other.loop, stubborn(lines, true)));
    co_await sleep(5ms);
    waiting.cancel();
    const auto outcome = co_await waiting.join();

    TANDEM_CO_ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome.value(), 1);
    EXPECT_EQ(lines, std::vector<std::string>{"went on"});
}

ASYNC_TEST_REAL_TIME(SemC77, in_a_cancelled_scope_nothing_is_started_there) {
    LoopThread other;
    std::vector<std::string> lines;
    CancelScope scope;
    scope.cancel();

    const auto value = co_await scope.run(run_on(other.loop, stubborn(lines, false)));

    EXPECT_FALSE(value.has_value());
    EXPECT_TRUE(lines.empty());
}

ASYNC_TEST_REAL_TIME(SemG38, a_loop_that_closes_is_an_error_and_no_hang) {
    auto other = std::make_unique<EventLoop>();
    other->set_exception_handler([](EventLoop&, const ErrorContext&) {});
    std::thread thread([&] {
        other->call_later(10ms, [&] { other->stop(); });
        other->run_forever();
        other->close();
    });
    std::vector<std::string> lines;
    bool closed = false;

    try {
        co_await run_on(*other, stubborn(lines, false));
    } catch (const LoopClosed&) {
        closed = true;
    }
    thread.join();

    EXPECT_TRUE(closed);
}
