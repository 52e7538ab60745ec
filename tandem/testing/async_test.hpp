#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/loop/clock.hpp>
#include <tandem/task/task.hpp>

#include <utility>

namespace tandem::inline v1::testing {

/// Runs `task` on a loop of this thread under a virtual clock: time stands still while anything can run, and
/// then jumps to the next timer, so ten hours of `sleep` take no time. Timings are exact.
///
///     testing::run(my_test());
template <class T>
T run(Task<T> task);

/// For `ASYNC_TEST`: registers a test for each backend. After the body, the loop must be as it was: no task,
/// no operation, no timer left (sem:J5). A watchdog prints the await tree and ends the process after 60 s
/// (sem:J4).
int register_async_test(const char* suite, const char* name, Task<void> (*body)(), SourceLocation where,
                        bool virtual_time);

}  // namespace tandem::inline v1::testing

/// A test whose body is a coroutine, run on every backend, in virtual time: `ASYNC_TEST(SemC12,
/// a_sleep_ends_at_once)`. In it use `EXPECT_*` and `TANDEM_CO_ASSERT_*`: GoogleTest's `ASSERT_*` return,
/// which a coroutine cannot.
#define ASYNC_TEST(suite, name) TANDEM_ASYNC_TEST_(suite, name, true)
/// The same in real time, for tests with sockets, threads or wall-clock bounds.
#define ASYNC_TEST_REAL_TIME(suite, name) TANDEM_ASYNC_TEST_(suite, name, false)

#define TANDEM_ASYNC_TEST_(suite, name, virtual_time)                                                       \
    static ::tandem::Task<void> suite##_##name##_body();                                                    \
    [[maybe_unused]] static const int suite##_##name##_registered = ::tandem::testing::register_async_test( \
        #suite, #name, suite##_##name##_body, ::tandem::SourceLocation::current(), virtual_time);           \
    static ::tandem::Task<void> suite##_##name##_body()

/// Ends the coroutine with a failure if `condition` is false. The condition must not await.
#define TANDEM_CO_ASSERT_TRUE(condition)                         \
    do {                                                         \
        const bool tandem_holds_ = static_cast<bool>(condition); \
        EXPECT_TRUE(tandem_holds_) << #condition;                \
        if (!tandem_holds_) co_return;                           \
    } while (false)
#define TANDEM_CO_ASSERT_EQ(left, right)                                               \
    do {                                                                               \
        const auto& tandem_left_ = (left);                                             \
        const auto& tandem_right_ = (right);                                           \
        EXPECT_EQ(tandem_left_, tandem_right_) << "of " << #left << " and " << #right; \
        if (!(tandem_left_ == tandem_right_)) co_return;                               \
    } while (false)

// Implementation

namespace tandem::inline v1::testing {

template <class T>
T run(Task<T> task) {
    VirtualTime time;
    RunOptions options;
    options.time = &time;
    options.handle_sigint = false;
    return tandem::run(std::move(task), options);
}

}  // namespace tandem::inline v1::testing
