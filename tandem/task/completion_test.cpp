#include <tandem/task/completion.hpp>

#include <tandem/task/as_result.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

template <class T>
Task<T> value_of(Completion<T> completion) {
    co_return co_await completion;
}

Task<int> value_then_sleep(Completion<int> completion, int& seen) {
    seen = co_await completion;
    co_await sleep(1h);
    co_return seen;
}

/// Notes the thread in which it ends.
struct Resource {
    explicit Resource(std::thread::id& w) : where(&w) {}
    Resource(Resource&& other) noexcept : where(std::exchange(other.where, nullptr)) {}
    ~Resource() {
        if (where) *where = std::this_thread::get_id();
    }
    std::thread::id* where;
};

}  // namespace

ASYNC_TEST(SemK34, foreign_code_completes_it_once_from_its_thread) {
    auto [awaitable, complete] = make_completion<std::string>();
    bool first = false;
    bool second = true;
    std::thread library([&first, &second, tell = complete] {
        first = tell("the answer");
        second = tell("another");
    });
    const auto answer = co_await awaitable;
    library.join();
    EXPECT_EQ(answer, "the answer");
    EXPECT_TRUE(first);
    EXPECT_FALSE(second);
}

ASYNC_TEST(SemK34, an_error_is_thrown_at_the_await) {
    auto [awaitable, complete] = make_completion<int>();
    std::thread library([tell = complete] { tell.error(std::runtime_error("refused")); });
    auto end = co_await as_result(value_of(awaitable));
    library.join();
    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.error().what(), "refused");
}

ASYNC_TEST(SemK34, dropped_unused_it_tells_the_awaiter) {
    auto [awaitable, complete] = make_completion<void>();
    this_loop().call_later(1s, [kept = std::optional(std::move(complete))]() mutable { kept.reset(); });
    auto end = co_await as_result(value_of(awaitable));
    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<CompletionDropped>());
}

ASYNC_TEST(SemK34, the_awaiter_is_resumed_by_a_post) {
    auto [awaitable, complete] = make_completion<int>();
    auto waiter = create_task(value_of(awaitable));
    co_await sleep(0s);
    complete(1);
    EXPECT_FALSE(waiter.done());
    const int value = co_await waiter;
    EXPECT_EQ(value, 1);
}

ASYNC_TEST(SemK35, a_value_waits_for_its_awaiter_and_is_awaited_once) {
    auto [awaitable, complete] = make_completion<std::unique_ptr<int>>();
    complete(std::make_unique<int>(3));
    const auto value = co_await awaitable;
    EXPECT_EQ(*value, 3);
    auto again = co_await as_result(value_of(awaitable));
    TANDEM_CO_ASSERT_TRUE(again.has_error());
    EXPECT_TRUE(again.error().is<InvalidStateError>());
}

ASYNC_TEST(SemK35, cancelled_it_tells_the_library_and_waits_for_its_word) {
    auto [awaitable, complete] = make_completion<int>();
    int told = 0;
    int seen = 0;
    awaitable.on_cancel([&told] { ++told; });
    auto waiter = create_task(value_then_sleep(awaitable, seen));
    co_await sleep(1s);
    waiter.cancel();
    waiter.cancel();
    co_await sleep(1s);
    EXPECT_EQ(told, 1);
    EXPECT_FALSE(waiter.done());
    EXPECT_NE(waiter.state().find("uncancellable"), std::string::npos) << waiter.state();
    complete(4);
    const auto end = co_await waiter.join();
    EXPECT_EQ(seen, 4);  // the value was delivered, and Cancelled thrown at the next checkpoint
    EXPECT_TRUE(end.cancelled());
}

ASYNC_TEST(SemK35, a_library_that_stops_by_dropping_it_ends_the_wait_as_cancelled) {
    auto made = make_completion<int>();
    auto kept = std::make_shared<std::optional<Completer<int>>>(std::move(made.second));
    made.first.on_cancel([kept] { kept->reset(); });
    auto waiter = create_task(value_of(made.first));
    co_await sleep(1s);
    waiter.cancel();
    const auto end = co_await waiter.join();
    EXPECT_TRUE(end.cancelled());
}

ASYNC_TEST(SemK35, abandoned_the_await_leaves_at_once_and_the_late_value_ends_on_the_loop) {
    auto [awaitable, complete] = make_completion<Resource>({.abandon = true});
    std::thread::id ended_in;
    auto waiter = create_task(value_of(awaitable));
    co_await sleep(1s);
    waiter.cancel();
    const auto end = co_await waiter.join();
    EXPECT_TRUE(end.cancelled());
    std::thread library([&ended_in, tell = complete] { tell(Resource(ended_in)); });
    library.join();
    co_await sleep(1s);
    EXPECT_EQ(ended_in, std::this_thread::get_id());
}

ASYNC_TEST_REAL_TIME(SemK36, a_loop_with_nothing_else_to_do_waits_for_an_outstanding_completion) {
    auto [awaitable, complete] = make_completion<int>();
    std::thread library([tell = std::move(complete)] {
        std::this_thread::sleep_for(50ms);
        tell(6);
    });
    const int value = co_await awaitable;
    library.join();
    EXPECT_EQ(value, 6);
}

ASYNC_TEST(SemK34, completing_and_cancelling_race_without_losing_a_value) {
    for (int round = 0; round < 200; ++round) {
        auto [awaitable, complete] = make_completion<int>();
        int seen = 0;
        auto waiter = create_task(value_then_sleep(awaitable, seen));
        co_await sleep(0s);
        std::thread library([tell = complete] { tell(1); });
        waiter.cancel();
        const auto end = co_await waiter.join();
        library.join();
        EXPECT_TRUE(end.cancelled());
        EXPECT_EQ(seen, 1);
    }
}

ASYNC_TEST(SemK34, of_many_threads_that_complete_it_exactly_one_is_heard) {
    for (int round = 0; round < 50; ++round) {
        auto [awaitable, complete] = make_completion<int>();
        std::atomic<int> heard = 0;
        std::atomic<int> winner = -1;
        std::vector<std::thread> library;
        for (int id = 0; id < 4; ++id) {
            library.emplace_back([&heard, &winner, id, tell = complete] {
                const bool first = id % 2 == 0 ? tell(id) : tell.error(std::to_string(id));
                if (!first) return;
                ++heard;
                winner = id;
            });
        }
        int seen = -1;
        try {
            seen = co_await awaitable;
        } catch (const std::string& id) {
            seen = std::stoi(id);
        }
        for (auto& thread : library) thread.join();
        EXPECT_EQ(heard, 1);
        EXPECT_EQ(seen, winner);
    }
}

ASYNC_TEST(SemK34, one_that_is_dropped_while_it_is_called_has_been_called) {
    for (int round = 0; round < 100; ++round) {
        auto made = make_completion<int>();
        std::thread caller([tell = made.second] { tell(1); });
        std::thread dropper([dropped = std::optional(std::move(made.second))]() mutable { dropped.reset(); });
        const int value = co_await made.first;
        caller.join();
        dropper.join();
        EXPECT_EQ(value, 1);
    }
}

ASYNC_TEST(SemK35, what_foreign_code_throws_into_it_is_kept_for_a_late_awaiter) {
    auto made = make_completion<int>();
    made.second.error(std::out_of_range("too late"));
    {
        const auto gone = std::move(made.second);
    }
    co_await sleep(1s);
    auto end = co_await as_result(value_of(made.first));
    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<std::out_of_range>());
}
