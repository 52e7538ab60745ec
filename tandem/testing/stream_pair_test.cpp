// A stream with hooks, and runs with a seed.
#include <tandem/testing/stream_pair.hpp>

#include <tandem/io/read.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>

namespace tandem {
namespace {

using namespace std::chrono_literals;

Task<std::string> read_to_end(testing::HookedStream& stream) {
    std::string all;
    char buffer[64];
    for (;;) {
        const auto count = co_await stream.read_some(MutableBytes(buffer, sizeof buffer));
        if (count == 0) co_return all;
        all.append(buffer, count);
    }
}

ASYNC_TEST(SIM5, hooks_chop_delay_and_count_what_passes_through_a_stream_pair) {
    auto pair = testing::stream_pair();
    EventLoop& loop = this_loop();
    const auto before = loop.time();
    int reads = 0;
    int closed = 0;
    const std::function<Task<void>()> slow = [&reads]() -> Task<void> {
        ++reads;
        co_await sleep(10ms);
    };
    pair.second.hooks.before_read = slow;
    pair.second.hooks.read_limit = [](std::size_t) { return std::size_t{2}; };
    pair.first.hooks.write_limit = [](std::size_t size) { return size / 2; };
    pair.first.hooks.on_close = [&closed] { ++closed; };
    co_await pair.first.write_all("hello");
    co_await pair.first.close();
    const auto text = co_await read_to_end(pair.second);
    EXPECT_EQ(text, "hello");
    EXPECT_EQ(reads, 4);
    EXPECT_EQ(loop.time() - before, 40ms);
    EXPECT_EQ(closed, 1);
}

ASYNC_TEST(SIM5, a_hook_that_throws_takes_the_place_of_the_write) {
    auto pair = testing::stream_pair();
    const std::function<Task<void>()> broken = []() -> Task<void> {
        throw std::system_error(EPIPE, std::generic_category(), "planned");
        co_return;
    };
    pair.first.hooks.before_write = broken;
    int error = 0;
    try {
        co_await pair.first.write_all("x");
    } catch (const std::system_error& failure) {
        error = failure.code().value();
    }
    EXPECT_EQ(error, EPIPE);
}

Task<void> say(std::string& order, char letter) {
    co_await sleep(1s);
    order += letter;
}

Task<std::string> order_of_three() {
    std::string order;
    co_await gather(say(order, 'a'), say(order, 'b'), say(order, 'c'));
    co_return order;
}

Task<void> fail() {
    co_await sleep(1s);
    throw std::runtime_error("broken");
}

TEST(SIM5, a_run_without_a_seed_keeps_the_promised_order_and_one_with_a_seed_repeats_its_own) {
    EXPECT_EQ(testing::run(order_of_three()), "abc");
    for (std::uint64_t seed = 1; seed < 20; ++seed) {
        const auto order = testing::run(order_of_three(), {.seed = seed});
        EXPECT_EQ(testing::run(order_of_three(), {.seed = seed}), order);
        EXPECT_EQ(order.size(), 3U);
    }
}

TEST(SIM4, a_run_with_a_seed_that_fails_tells_how_to_run_it_again) {
    ::testing::internal::CaptureStderr();
    EXPECT_THROW(testing::run(fail(), {.seed = 0xabc}), std::runtime_error);
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("rerun: TANDEM_SEED=0xabc"), std::string::npos);
}

}  // namespace
}  // namespace tandem
