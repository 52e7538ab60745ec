// A Condition that is destroyed before the tasks that wait for it.
#include <tandem/sync/condition.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<std::string> wait_for(Mutex& mutex, Condition& condition) {
    auto guard = co_await mutex.lock();
    std::string text = "notified";
    try {
        co_await condition.wait();
    } catch (const InvalidStateError& error) {
        text = error.what();
    }
    co_return text + (mutex.locked() && guard.owns_lock() ? "" : " WITHOUT THE LOCK");
}

}  // namespace

ASYNC_TEST(SemS7, who_waits_for_a_condition_that_is_destroyed_gets_the_error_with_the_lock_held) {
    Mutex mutex;
    auto condition = std::make_unique<Condition>(mutex);
    auto first = create_task(wait_for(mutex, *condition));
    auto second = create_task(wait_for(mutex, *condition));
    co_await sleep(1ms);
    condition.reset();
    const std::string text = co_await first;
    const std::string other = co_await second;

    EXPECT_NE(text.find("the condition that"), std::string::npos) << text;
    EXPECT_NE(text.find("must outlive"), std::string::npos) << text;
    EXPECT_EQ(other.find("WITHOUT"), std::string::npos) << other;
    EXPECT_FALSE(mutex.locked());
}

ASYNC_TEST(SemS7, a_notified_task_that_waits_for_the_lock_needs_the_condition_no_more) {
    for (const bool cancelled : {false, true}) {
        Mutex mutex;
        auto condition = std::make_unique<Condition>(mutex);
        auto first = create_task(wait_for(mutex, *condition));
        auto second = create_task(wait_for(mutex, *condition));
        co_await sleep(1ms);
        {
            auto guard = co_await mutex.lock();
            condition->notify_all();
            condition.reset();
            co_await sleep(1ms);
            if (cancelled) first.cancel();
            co_await sleep(1ms);
        }
        co_await first.join();
        const std::string text = co_await second;

        EXPECT_EQ(first.cancelled(), cancelled);
        EXPECT_EQ(text, "notified");
        EXPECT_FALSE(mutex.locked());
    }
}
