// Kt4: a Completion and a Pending, chained both ways.
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/task/completion.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<int> value_of(Completion<int> completion) { co_return co_await completion; }

Task<int> twice(int value) { co_return 2 * value; }

}  // namespace

TEST(SemKt4, a_completion_feeds_a_pending) {
    auto [awaitable, complete] = make_completion<int>();
    auto pending = value_of(awaitable).start();
    EXPECT_TRUE(complete(5));
    EXPECT_FALSE(complete(6));
    EXPECT_EQ(pending.get(), 5);
}

TEST(SemKt4, a_pending_feeds_a_completion) {
    auto [awaitable, complete] = make_completion<int>();
    auto waiting = value_of(awaitable).start();
    twice(4).start().on_done([tell = complete](const Pending<int>& done) { tell(done.get()); });
    EXPECT_EQ(waiting.get(), 8);
}

TEST(SemKt4, cancelling_the_pending_asks_the_foreign_code_whose_word_is_final) {
    auto [awaitable, complete] = make_completion<int>();
    std::atomic<int> asked = 0;
    awaitable.on_cancel([&asked] { ++asked; });
    auto pending = value_of(awaitable).start();
    while (asked == 0) {
        pending.cancel();
        pending.cancel();
        std::this_thread::sleep_for(1ms);
        if (pending.done()) break;  // cancelled before its first step
    }
    complete.error(std::runtime_error("stopped half-way"));
    EXPECT_LE(asked, 1);
    if (asked == 1) {
        EXPECT_THROW(static_cast<void>(pending.get()), std::runtime_error);
        EXPECT_FALSE(pending.cancel());
    }
}

TEST(SemKt4, dropping_the_completing_side_ends_the_pending_with_that_error) {
    auto pending = [] {
        auto [awaitable, complete] = make_completion<int>();
        return value_of(awaitable).start();
    }();
    EXPECT_THROW(static_cast<void>(pending.get()), CompletionDropped);
}
