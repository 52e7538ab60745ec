#pragma once

#include <tandem/backend/backend.hpp>
#include <tandem/base/source_location.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/loop/clock.hpp>
#include <tandem/task/task.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace tandem::inline v1::testing {

struct TestRunOptions {
    /// Draws an order that nobody promises (sem:L10); the promised, first-come order without.
    std::optional<std::uint64_t> seed = std::nullopt;
    bool autojump = true;  ///< virtual time; real time without
    BackendChoice backend = BackendChoice::automatic;
};

/// Runs `task` on a loop of this thread under a virtual clock: time stands still while anything can run, and
/// then jumps to the next timer, so ten hours of `sleep` take no time. Timings are exact (SIM-5).
///
///     testing::run(my_test());   testing::run(my_test(), {.seed = 7});
///
/// Errors      of the task. With a seed, an error that leaves is first told on standard error, with the seed.
template <class T>
T run(Task<T> task, const TestRunOptions& options = {});

/// Prints how to run a failed test again: `rerun: TANDEM_SEED=0x…`.
void tell_seed(std::uint64_t seed) noexcept;

/// What a test's time is.
enum class TestTime : std::uint8_t {
    turned,  ///< virtual, on every backend
    real,    ///< not on the simulated backend
    world,   ///< real, and that of the simulated network on the simulated backend
};

/// For `ASYNC_TEST`: registers a test for each backend. After the body, the loop must be as it was: no task,
/// no operation, no timer left (sem:J5). A watchdog prints the await tree and ends the process after 60 s
/// (sem:J4).
int register_async_test(const char* suite, const char* name, Task<void> (*body)(), SourceLocation where,
                        TestTime time);

}  // namespace tandem::inline v1::testing

/// A test whose body is a coroutine, run on every backend, in virtual time: `ASYNC_TEST(SemC12,
/// a_sleep_ends_at_once)`. In it use `EXPECT_*` and `TANDEM_CO_ASSERT_*`: GoogleTest's `ASSERT_*` return,
/// which a coroutine cannot.
#define ASYNC_TEST(suite, name) TANDEM_ASYNC_TEST_(suite, name, turned)
/// The same in real time and on the real backends only, for tests with threads, sockets of the kernel or
/// wall-clock bounds.
#define ASYNC_TEST_REAL_TIME(suite, name) TANDEM_ASYNC_TEST_(suite, name, real)
/// For tests of connections that the library opens: in real time on the kernel's network, and on the
/// simulated one.
#define ASYNC_TEST_NETWORK(suite, name) TANDEM_ASYNC_TEST_(suite, name, world)

#define TANDEM_ASYNC_TEST_(suite, name, time)                                                               \
    static ::tandem::Task<void> suite##_##name##_body();                                                    \
    [[maybe_unused]] static const int suite##_##name##_registered = ::tandem::testing::register_async_test( \
        #suite, #name, suite##_##name##_body, ::tandem::SourceLocation::current(),                          \
        ::tandem::testing::TestTime::time);                                                                 \
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
T run(Task<T> task, const TestRunOptions& options) {
    VirtualTime time;
    RunOptions how;
    how.backend = options.backend;
    how.time = options.autojump ? &time : nullptr;
    how.handle_sigint = false;
    how.shuffle_seed = options.seed;
    try {
        return tandem::run(std::move(task), how);
    } catch (...) {
        if (options.seed) tell_seed(*options.seed);
        throw;
    }
}

}  // namespace tandem::inline v1::testing
