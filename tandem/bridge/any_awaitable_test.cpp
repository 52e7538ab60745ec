// Whatever can be awaited may stand where a task is wanted, and what is shared stays so; handles that were
// moved from are refused by name.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/worker_pool.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/completion.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>
#include <string>
#include <utility>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<std::string> hello() { co_return "hello"; }

template <class F>
std::string refusal(F fn) {
    try {
        fn();
    } catch (const InvalidStateError& error) {
        return error.what();
    }
    return "accepted";
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemG1, a_shared_result_given_to_several_combinators_is_copied_for_each) {
    Future<std::string> future;
    future.set_result("hello");
    const auto pending = hello().start(on(this_loop()));
    auto handle = create_task(hello());

    auto all = co_await gather(future, pending, future, pending, handle);
    EXPECT_EQ(all, std::make_tuple("hello", "hello", "hello", "hello", "hello"));
    auto first = co_await race(future, sleep(1h));
    EXPECT_EQ(first.index, 0U);
    EXPECT_EQ(future.result(), "hello");
    EXPECT_EQ(pending.get(), "hello");
    EXPECT_EQ(handle.result(), "hello");
}

ASYNC_TEST_REAL_TIME(SemC41, a_time_limit_takes_futures_pendings_completions_handles_and_waits) {
    Future<std::string> future;
    future.set_result("hello");
    const auto pending = hello().start(on(this_loop()));
    auto [answer, complete] = make_completion<int>();
    complete(4);
    const std::string by_future = co_await timeout(10s, future);
    EXPECT_EQ(by_future, "hello");
    const std::string by_pending = co_await wait_for(pending, 10s);
    EXPECT_EQ(by_pending, "hello");
    const int by_completion = co_await timeout(10s, answer);
    EXPECT_EQ(by_completion, 4);
    EXPECT_EQ(pending.get(), "hello");

    Future<int> never;
    Event unset;
    auto endless = create_task([]() -> Task<int> {
        co_await sleep(1h);
        co_return 1;
    });
    const auto no_future = co_await move_on_after(1ms, never);
    EXPECT_FALSE(no_future);
    const auto no_event = co_await move_on_after(1ms, unset.wait());
    EXPECT_FALSE(no_event);
    const auto no_handle = co_await move_on_after(1ms, endless);
    EXPECT_FALSE(no_handle);
    EXPECT_FALSE(never.done());  // only the waits ended
    EXPECT_FALSE(endless.done());
    never.cancel();
    endless.cancel();
    co_await endless.join_only();
}

ASYNC_TEST(SemC50, a_single_wait_can_be_shielded) {
    Mutex mutex;
    auto held = co_await mutex.lock();
    bool locked = false;
    auto locks = create_task(
        [](Mutex& m, bool& done) -> Task<void> {
            const auto guard = co_await shield(m.lock());
            done = true;
        },
        std::ref(mutex), std::ref(locked));
    co_await sleep(1ms);
    locks.cancel();
    co_await sleep(1ms);
    EXPECT_FALSE(locks.done());
    {
        const auto given_back = std::move(held);
    }
    co_await locks.join_only();
    EXPECT_TRUE(locked);
}

TEST(SemW5, a_handle_that_was_moved_from_is_refused_by_name) {
    EventLoop loop;
    auto pending = hello().start();
    const auto elsewhere = std::move(pending);
    EXPECT_NE(refusal([&] { pending.get(); }).find("a Pending was used that was moved from"),
              std::string::npos);
    EXPECT_NE(refusal([&] { pending.done(); }).find("Pending"), std::string::npos);
    auto [answer, complete] = make_completion<int>();
    const auto other_answer = std::move(answer);
    EXPECT_NE(refusal([&, &a = answer] { run(as_task(a)); }).find("a Completion was used"),
              std::string::npos);
    const auto other_complete = std::move(complete);
    EXPECT_NE(refusal([&, &c = complete] { c(4); }).find("a Completer was used"), std::string::npos);
    Future<int> future(loop);
    const auto other_future = std::move(future);
    EXPECT_NE(refusal([&] { future.set_result(4); }).find("a Future was used"), std::string::npos);
    CancelScope scope;
    const auto other_scope = std::move(scope);
    EXPECT_NE(refusal([&] { scope.cancel(); }).find("a CancelScope was used"), std::string::npos);
    WorkerPool pool(1);
    const auto other_pool = std::move(pool);
    EXPECT_NE(refusal([&] { static_cast<void>(pool.threads()); }).find("a WorkerPool was used"),
              std::string::npos);
    EXPECT_EQ(elsewhere.get(), "hello");
}

namespace {

struct ThrowsWhenMoved {
    explicit ThrowsWhenMoved(int left) : moves_left(left) {}
    ThrowsWhenMoved(ThrowsWhenMoved&& other) : moves_left(other.moves_left - 1) {
        if (moves_left < 0) throw std::runtime_error("would not be moved");
    }
    int moves_left;
};
Task<ThrowsWhenMoved> unwilling(int moves) { co_return ThrowsWhenMoved(moves); }

}  // namespace

namespace {

// Its pthread_once() never ends once an exception went through, and std::promise throws through it.
#if defined(__SANITIZE_THREAD__)
constexpr bool thread_sanitizer = true;
#elif defined(__has_feature)
constexpr bool thread_sanitizer = __has_feature(thread_sanitizer);
#else
constexpr bool thread_sanitizer = false;
#endif

}  // namespace

TEST(SemB5, a_result_whose_move_throws_fails_its_std_future) {
    if (thread_sanitizer) GTEST_SKIP();
    int failed = 0;
    for (int moves = 1; moves < 8; ++moves) {
        try {
            static_cast<void>(to_future(unwilling(moves)).get());
        } catch (const std::runtime_error&) {
            ++failed;
        }
    }
    EXPECT_GE(failed, 1);
    EXPECT_LT(failed, 7);
}

TEST(SemB21, who_ran_out_of_time_is_told_whether_the_work_goes_on) {
    const auto slow = []() -> Task<void> { co_await sleep(1h); };
    const auto said = [](auto wait) -> std::string {
        try {
            wait();
        } catch (const TimeoutError& error) {
            return error.what();
        }
        return {};
    };
    auto pending = slow().start();
    EXPECT_NE(said([&] { pending.get(1ms); }).find("which goes on"), std::string::npos);
    EXPECT_NE(said([&] { pending.get_or_cancel(1ms); }).find("was cancelled and has ended"),
              std::string::npos);
    EXPECT_NE(said([&] { slow().get(1ms); }).find("was cancelled and has ended"), std::string::npos);
}
