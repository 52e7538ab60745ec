#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

/// What a loop in debug mode is told while `body` runs on a fiber.
template <class F>
std::vector<std::string> told(F body) {
    std::vector<std::string> messages;
    EventLoop loop({.debug = true});
    loop.set_exception_handler(
        [&](EventLoop&, const ErrorContext& context) { messages.push_back(context.message); });
    loop.run_until_complete(in_fiber(body));
    loop.close();
    return messages;
}

}  // namespace

TEST(RB6, a_std_mutex_held_over_a_wait_is_told_with_both_places) {
    std::mutex mutex;
    const auto messages = told([&] {
        const std::lock_guard lock(mutex);
        sleep(1ms).get();
        sleep(1ms).get();
    });

    ASSERT_EQ(messages.size(), 1U);
    EXPECT_NE(messages[0].find("held_mutexes_test.cpp:"), std::string::npos) << messages[0];
    EXPECT_NE(messages[0].find("locked at "), std::string::npos);
    EXPECT_NE(messages[0].find("tandem::Mutex"), std::string::npos);
}

TEST(SemF20, one_that_is_unlocked_before_the_wait_is_no_matter) {
    std::mutex first;
    std::mutex second;
    const auto messages = told([&] {
        {
            const std::scoped_lock both(first, second);
        }
        if (first.try_lock()) first.unlock();
        sleep(1ms).get();
    });

    EXPECT_EQ(messages, std::vector<std::string>());
}

TEST(SemF20, two_that_are_held_are_told_one_by_one) {
    std::mutex first;
    std::mutex second;
    const auto messages = told([&] {
        const std::lock_guard outer(first);
        sleep(1ms).get();
        const std::lock_guard inner(second);
        sleep(1ms).get();
    });

    EXPECT_EQ(messages.size(), 2U);
}
