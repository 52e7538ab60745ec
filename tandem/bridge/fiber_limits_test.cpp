// What a fiber shares with its thread, what it leaves behind, and how it is seen from outside.
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

thread_local int of_this_thread = 0;

Task<void> readable(int fd) {
    OperationWait wait(OpCode::poll_readable, fd);
    co_await wait;
}

Task<void> tick(int& count) {
    for (;;) {
        co_await sleep(1ms);
        ++count;
    }
}

}  // namespace

ASYNC_TEST(SemF16, whoever_looks_sees_the_fibers_task_its_wait_and_its_awaiters) {
    auto inner = [] { sleep(1h).get(); };
    auto outer = [&inner]() -> Task<void> { co_await in_fiber(inner); };
    auto handle = create_task(outer(), {.name = "watched"});
    co_await sleep(1ms);
    const auto info = describe_task(handle.node());
    handle.cancel();
    co_await handle.join_only();

    EXPECT_EQ(info.name, "watched");
    TANDEM_CO_ASSERT_EQ(info.await_path.size(), 3U);  // outer, the fiber, the sleep
    EXPECT_NE(std::string(info.await_path[1].file_name()).find("fiber_limits_test.cpp"), std::string::npos);
}

ASYNC_TEST_REAL_TIME(SemF17, a_fiber_that_is_unwound_amid_an_operation_leaves_nothing_of_it) {
    std::array<int, 2> pipe{};
    TANDEM_CO_ASSERT_EQ(::pipe(pipe.data()), 0);
    const auto before = this_loop().backend().in_flight();
    auto body = [&] {
        std::array<char, 4096> room{};  // what the next fiber on this stack writes over
        room.fill('x');
        readable(pipe[0]).get();
        return room[7];
    };
    auto handle = create_task(in_fiber(body));
    co_await sleep(5ms);
    handle.cancel();
    co_await handle.join_only();
    const int again = co_await in_fiber([] {
        std::array<char, 4096> room{};
        sleep(1ms).get();
        return static_cast<int>(room[0]);
    });

    EXPECT_TRUE(handle.cancelled());
    EXPECT_EQ(again, 0);
    EXPECT_EQ(this_loop().backend().in_flight(), before);
    ::close(pipe[0]);
    ::close(pipe[1]);
}

ASYNC_TEST(SemF21, a_thread_local_is_shared_by_all_fibers_of_the_thread) {
    std::vector<int> seen;
    auto body = [&](int mine) {
        of_this_thread = mine;
        sleep(1ms).get();
        seen.push_back(of_this_thread);
    };

    co_await gather(in_fiber(body, 1), in_fiber(body, 2));

    EXPECT_EQ(seen, std::vector<int>({2, 2}));
}

ASYNC_TEST_REAL_TIME(SemF22, a_blocking_call_on_a_fiber_blocks_its_loop) {
    int ticks = 0;
    auto ticker = create_task(tick(ticks));
    auto body = [&] {
        const int before = ticks;
        std::this_thread::sleep_for(20ms);
        return ticks - before;
    };

    const int meanwhile = co_await in_fiber(body);
    ticker.cancel();
    co_await ticker.join_only();

    EXPECT_EQ(meanwhile, 0);
}

TEST(SemF28, a_child_forked_on_a_fiber_may_exec_or_exit) {
    const auto body = [] {
        sleep(1ms).get();
        const ::pid_t child = ::fork();
        if (child == 0) {
            ::execl("/bin/sh", "sh", "-c", "exit 7", nullptr);
            ::_exit(1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        sleep(1ms).get();
        return WEXITSTATUS(status);
    };

    EXPECT_EQ(run(in_fiber(body)), 7);
}
