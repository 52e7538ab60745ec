// A user's test, with tandem's own means: an hour costs nothing.
#include <tandem/tandem.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>

using namespace std::chrono_literals;

ASYNC_TEST(Consumer, an_hour_of_sleep_ends_when_nothing_else_can_run) {
    co_await tandem::sleep(1h);
    SUCCEED();
}
