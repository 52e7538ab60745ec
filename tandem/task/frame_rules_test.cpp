// Frames and tasks from the inside: where they run, what is known of them, and what ends the process.
#include <tandem/base/unique_fd.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <unistd.h>
#include <coroutine>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<int> on_one_thread(std::vector<std::thread::id>& threads) {
    for (int i = 0; i < 3; ++i) {
        threads.push_back(std::this_thread::get_id());
        co_await sleep(1ms);
    }
    co_return 1;
}

Task<int> inner() {
    co_await sleep(1ms);
    co_return 1;
}
Task<int> outer() {
    const int value = co_await inner();
    co_return value;
}

/// Suspends the coroutine and takes the wait back, as the frames that g++ 12 lays out wrongly seem to do.
struct ForgetsToWait {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept { current_task_node()->unsuspend(); }
    void await_resume() const noexcept {}
};
Task<void> stuck() { co_await ForgetsToWait{}; }

Task<void> wait_readable(int fd) { co_await OperationWait(OpCode::poll_readable, fd); }

}  // namespace

TEST(SemK2, a_task_may_move_to_another_thread_before_it_starts_and_stays_where_it_started) {
    std::vector<std::thread::id> threads;
    auto task = on_one_thread(threads);
    std::thread other([moved = std::move(task)]() mutable {
        EventLoop loop;
        EXPECT_EQ(loop.run_until_complete(std::move(moved)), 1);
    });
    const auto there = other.get_id();
    other.join();

    EXPECT_EQ(threads, (std::vector<std::thread::id>{there, there, there}));
}

TEST(SemK6, a_frame_destroyed_by_hand_with_an_operation_in_flight_ends_the_process_with_the_reason) {
    const auto destroy = [] {
        int ends[2] = {-1, -1};
        if (::pipe(ends) != 0) return;
        EventLoop loop;
        auto task = loop.create_task(wait_readable(ends[0]));
        loop.poll_once();
        loop.poll_once();
        task.node().frame()->handle().destroy();
    };
    EXPECT_DEATH(destroy(),
                 "destroyed by hand while its readable of descriptor .* in flight: cancel its task");
}

TEST(SemK7, a_coroutine_that_returns_without_suspending_ends_the_process_with_its_name) {
    const auto run_stuck = [] {
        EventLoop loop;
        loop.run_until_complete(stuck());
    };
    EXPECT_DEATH(run_stuck(), "the coroutine .*stuck.* of task Task-.* returned without suspending; see Z4");
}

ASYNC_TEST(SemK11, frames_and_tasks_know_where_they_were_born_stand_and_were_spawned) {
    const auto line = SourceLocation::current().line();
    auto task = create_task(outer(), {.name = "watched"});
    co_await checkpoint();
    co_await checkpoint();
    const auto all = all_tasks(this_loop());
    TANDEM_CO_ASSERT_EQ(all.size(), 2u);
    const TaskInfo info = all[1];
    const auto resumed = task.node().resumes();
    const auto* frame = task.node().frame();
    const SourceLocation stands_at = frame->at();
    const bool in_loops_tree = task.node().scope().parent() != nullptr;
    const std::string deepest = frame->born().function_name();
    const std::string root = frame->awaiter()->born().function_name();
    const std::string waits = task.awaited_on();
    co_await task;

    EXPECT_EQ(info.name, "watched");
    EXPECT_EQ(info.id, task.id());
    EXPECT_EQ(info.spawned_at.line(), line + 1);
    EXPECT_NE(info.state.find("pending, waiting for sleep"), std::string::npos) << info.state;
    TANDEM_CO_ASSERT_EQ(info.await_path.size(), 2u);
    EXPECT_LT(info.await_path[1].line(), info.await_path[0].line());  // inner() stands above outer()
    EXPECT_NE(deepest.find("inner"), std::string::npos) << deepest;
    EXPECT_NE(root.find("outer"), std::string::npos) << root;
    EXPECT_EQ(waits, "sleep");
    EXPECT_EQ(resumed, 1u);
    EXPECT_EQ(&task.loop(), &this_loop());
    EXPECT_EQ(stands_at.line(), info.await_path[1].line());
    EXPECT_NE(std::string(stands_at.file_name()).find("frame_rules_test"), std::string::npos);
    EXPECT_TRUE(in_loops_tree);
}
