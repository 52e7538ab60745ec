// Stacks of fibers: how many, how they come back, and what happens below them.
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/fiber_stacks_internal.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <unistd.h>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

#if defined(__SANITIZE_THREAD__)
constexpr bool thread_sanitizer = true;
#elif defined(__has_feature)
constexpr bool thread_sanitizer = __has_feature(thread_sanitizer);
#else
constexpr bool thread_sanitizer = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
constexpr bool stacks_are_larger = true;
#elif defined(__has_feature)
constexpr bool stacks_are_larger = __has_feature(address_sanitizer);
#else
constexpr bool stacks_are_larger = false;
#endif

std::size_t resident_bytes() {
    std::size_t size = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> size >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

const void* own_stack() {
    // Not of a local, which AddressSanitizer may keep elsewhere.
    const auto address = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    sleep(0s).get();
    return reinterpret_cast<const void*>(address / 4096 * 4096);
}

void touch(std::size_t bytes) {
    auto* const room = static_cast<char*>(__builtin_alloca(bytes));
    std::memset(room, 1, bytes);
    asm volatile("" : : "r"(room) : "memory");
    sleep(1ms).get();
}

[[gnu::noinline]] int* dangling() {
    int local = 5;
    int* volatile at = &local;
    return at;
}

[[gnu::noinline]] int recurse_for_ever(int level) {
    volatile char room[256];
    room[0] = static_cast<char>(level);
    return room[0] == static_cast<char>(level) ? recurse_for_ever(level + 1) + room[0] : 0;
}

}  // namespace

ASYNC_TEST(SemF13, stacks_of_ended_fibers_are_used_again) {
    std::set<const void*> stacks;
    for (int i = 0; i < 200; ++i) stacks.insert(co_await in_fiber(own_stack));

    EXPECT_EQ(stacks.size(), 1U);
    EXPECT_EQ(FiberStacks::of(this_loop()).live(), 0U);
}

ASYNC_TEST(SemF13, sixty_four_stacks_are_kept_and_the_pages_of_the_others_given_back) {
    constexpr std::size_t room = std::size_t{64} * 1024;
    std::vector<Task<void>> all;
    for (int i = 0; i < 400; ++i) all.push_back(in_fiber(touch, room));
    const auto before = resident_bytes();

    co_await gather(std::move(all));

    auto& stacks = FiberStacks::of(this_loop());
    EXPECT_EQ(stacks.live(), 0U);
    if (!stacks_are_larger && !thread_sanitizer) {  // whose shadows count as well
        EXPECT_LT(resident_bytes(), before + FiberStacks::kept_warm * room * 2);
    }
    // Slabs with none of the warm ones in them are not even mapped any more.
    EXPECT_LT(stacks.mapped_bytes(), 200 * FiberOptions().stack * (stacks_are_larger ? 4 : 1));
}

ASYNC_TEST(SemFt2, many_fibers_exist_at_once_and_all_end) {
    const int count = thread_sanitizer ? 1000 : stacks_are_larger ? 2000 : 30000;
    Event go;
    int waiting = 0;
    int ended = 0;
    auto body = [&] {
        ++waiting;
        go.wait().get();
        ++ended;
    };
    std::vector<TaskHandle<void>> fibers;
    for (int i = 0; i < count; ++i) fibers.push_back(create_task(in_fiber({.stack = 64 * 1024}, body)));
    while (waiting < count) co_await sleep(0s);
    const auto live = FiberStacks::of(this_loop()).live();

    go.set();
    for (const auto& fiber : fibers) co_await fiber.join_only();

    EXPECT_EQ(live, static_cast<std::size_t>(count));
    EXPECT_EQ(ended, count);
    EXPECT_EQ(FiberStacks::of(this_loop()).live(), 0U);
}

TEST(SemF13, an_overflow_says_whose_fiber_it_was_and_how_large) {
    if (thread_sanitizer) GTEST_SKIP() << "it has a handler of its own";
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
    const auto overflow = [] {
        report_fiber_overflows();
        EventLoop loop;
        const TaskOptions named{.name = "deep"};
        loop.run_until_complete(loop.create_task(in_fiber({.stack = 65536}, recurse_for_ever, 0), named));
    };
    EXPECT_DEATH(overflow(),
                 "stack overflow on a fiber of deep, spawned at .*fiber_stack_test.cpp:[0-9]+: its "
                 "(64|256) KiB are used up; give it more by in_fiber");
}

TEST(SemF13, a_loop_in_debug_mode_reports_overflows_by_itself) {
    if (thread_sanitizer) GTEST_SKIP() << "it has a handler of its own";
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
    const auto overflow = [] {
        EventLoop loop({.debug = true});
        loop.run_until_complete(in_fiber(recurse_for_ever, 0));
    };
    EXPECT_DEATH(overflow(), "stack overflow on a fiber of Task-[0-9]+");
}

TEST(SemF13, other_faults_are_left_to_who_handled_them_before) {
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
    const auto fault = [] {
        std::signal(SIGSEGV, [](int) { ::_exit(42); });
        report_fiber_overflows();
        EventLoop loop;
        loop.run_until_complete(in_fiber([] { std::raise(SIGSEGV); }));
        std::raise(SIGSEGV);
    };
    EXPECT_EXIT(fault(), ::testing::ExitedWithCode(42), "");
}

TEST(SemF14, address_sanitizer_finds_a_use_after_return_on_a_fiber) {
    if (!stacks_are_larger) GTEST_SKIP() << "it is not there";
    ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
    const auto use = [] {
        run(in_fiber([] {
            int* const gone = dangling();
            sleep(1ms).get();
            return *gone;
        }));
    };
    EXPECT_DEATH(use(), "stack-use-after-return");
}
