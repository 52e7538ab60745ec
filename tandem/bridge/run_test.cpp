#include <tandem/bridge/run.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/loop/signals.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::value_after;

Task<void> forever() { co_await sleep(24h); }

RunOptions virtual_time(VirtualTime& time) {
    RunOptions options;
    options.time = &time;
    return options;
}

/// What a program that calls `body` leaves behind: its exit status, or minus the signal that killed it, and
/// all that it printed.
struct Ended {
    int status = 0;
    std::string output;
};
Ended in_child(const std::function<int()>& body) {
    int out[2];
    if (::pipe(out) != 0) std::abort();
    std::fflush(nullptr);
    const auto child = ::fork();
    if (child == 0) {
        ::alarm(20);
        ::dup2(out[1], 1);
        ::dup2(out[1], 2);
        ::close(out[0]);
        std::signal(SIGINT, SIG_DFL);
        const int status = body();
        std::fflush(nullptr);
        ::_exit(status);
    }
    ::close(out[1]);
    Ended ended;
    char buffer[4096];
    for (ssize_t count = 0; (count = ::read(out[0], buffer, sizeof buffer)) > 0;)
        ended.output.append(buffer, static_cast<std::size_t>(count));
    ::close(out[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ended.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return ended;
}

void interrupt_after(Duration delay) {
    this_loop().call_later(delay, [] { ::kill(::getpid(), SIGINT); });
}

Task<int> interrupted_while_sleeping() {
    interrupt_after(10ms);
    co_return co_await value_after(30s, 1);
}

Task<int> says_bye_when_interrupted() {
    interrupt_after(10ms);
    const auto cleanup = []() -> Task<void> {
        co_await sleep(10ms);
        std::puts("bye");
    };
    co_return co_await with_finally(value_after(30s, 1), cleanup());
}

Task<int> swallows_the_interrupt() {
    interrupt_after(10ms);
    try {
        co_await sleep(30s);
    } catch (const Cancelled& cancelled) {
        std::printf("reason: %s\n", cancelled.reason().c_str());
    }
    co_return 7;
}

Task<int> with_three_hundred_tasks() {
    const auto child = [](int& cancels) -> Task<void> {
        try {
            co_await sleep(30s);
        } catch (const Cancelled&) {
            ++cancels;
            throw;
        }
    };
    static int cancels = 0;
    for (int i = 0; i < 300; ++i) create_task(child(cancels));
    std::atexit([] {});
    interrupt_after(10ms);
    const auto report = []() -> Task<void> {
        co_await sleep(0s);
        std::puts("main over");
    };
    co_return co_await with_finally(value_after(30s, 1), report());
}

template <class E, class F>
std::string message_of(F fn) {
    try {
        fn();
    } catch (const E& error) {
        return error.what();
    }
    return "nothing thrown";
}

}  // namespace

TEST(SemL18, run_under_a_running_loop_is_refused_and_the_loop_goes_on) {
    const auto body = []() -> Task<int> {
        std::string text = message_of<WouldDeadlock>([] { run(value_after(1ms, 1)); });
        EXPECT_NE(text.find("run() was called under a running event loop"), std::string::npos) << text;
        EventLoop other;
        text = message_of<WouldDeadlock>([&] { other.run_forever(); });
        EXPECT_NE(text.find("another event loop is running"), std::string::npos) << text;
        text = message_of<WouldDeadlock>([] { this_loop().run_forever(); });
        EXPECT_NE(text.find("running already"), std::string::npos) << text;
        co_return co_await value_after(1ms, 3);
    };
    EXPECT_EQ(run(body()), 3);
}

TEST(SemL26, runs_one_after_another_share_nothing) {
    EXPECT_EQ(run(value_after(1ms, 1)), 1);
    EXPECT_EQ(run(value_after(1ms, 2)), 2);
    const auto fails = []() -> Task<int> {
        create_task(forever());
        co_await sleep(0s);
        throw std::domain_error("first");
    };
    EXPECT_THROW(run(fails()), std::domain_error);
    const auto counts = []() -> Task<std::size_t> { co_return all_tasks(this_loop()).size(); };
    EXPECT_EQ(run(counts()), 1U);
}

TEST(SemL56, other_tasks_are_cancelled_and_joined_before_run_returns) {
    std::vector<std::string> lines;
    const auto other = [](std::vector<std::string>& out) -> Task<void> {
        const auto cleanup = [](std::vector<std::string>& o) -> Task<void> {
            co_await sleep(50ms);
            o.push_back("cleaned up");
        };
        co_await with_finally(forever(), cleanup(out));
    };
    const auto main = [](std::vector<std::string>& out, auto fn) -> Task<int> {
        create_task(fn(out));
        co_await sleep(1ms);
        co_return 4;
    };
    VirtualTime time;
    EXPECT_EQ(run(main(lines, other), virtual_time(time)), 4);
    EXPECT_EQ(lines, std::vector<std::string>{"cleaned up"});
}

TEST(SemL56, what_a_cleanup_starts_while_run_ends_is_ended_too) {
    const auto starts_another = []() -> Task<void> {
        const auto cleanup = []() -> Task<void> {
            co_await sleep(1ms);
            create_task(forever());
        };
        co_await with_finally(forever(), cleanup());
    };
    const auto main = [](auto fn) -> Task<int> {
        create_task(fn());
        co_await sleep(1ms);
        co_return 4;
    };
    VirtualTime time;
    const auto start = time.now();
    EXPECT_EQ(run(main(starts_another), virtual_time(time)), 4);
    EXPECT_LT(time.now() - start, 1min);
}

TEST(SemL56, a_stop_in_a_cleanup_hinders_nothing) {
    int cleaned = 0;
    const auto stopper = [](int& count) -> Task<void> {
        const auto cleanup = [](int& c) -> Task<void> {
            this_loop().stop();
            co_await sleep(10ms);
            ++c;
        };
        co_await with_finally(forever(), cleanup(count));
    };
    const auto main = [](auto fn, int& count) -> Task<int> {
        create_task(fn(count));
        this_loop().stop();
        co_await sleep(1ms);
        co_return 4;
    };
    VirtualTime time;
    EXPECT_EQ(run(main(stopper, cleaned), virtual_time(time)), 4);
    EXPECT_EQ(cleaned, 1);
}

TEST(SemL57, a_program_that_uses_run_only_sees_no_still_pending_record) {
    const auto ended = in_child([] {
        const auto main = []() -> Task<int> {
            for (int i = 0; i < 10; ++i) create_task(forever());
            co_await sleep(1ms);
            co_return 3;
        };
        return run_main(main());
    });
    EXPECT_EQ(ended.status, 3);
    EXPECT_EQ(ended.output, "");
}

TEST(SemL34, interrupted_and_system_exit_leave_run_forever_and_the_loop_runs_on_afterwards) {
    EventLoop loop;
    std::vector<int> order;
    loop.call_soon([&] { order.push_back(1); });
    loop.call_soon([] { exit_with(3); });
    loop.call_soon([&] {
        order.push_back(2);
        loop.stop();
    });
    int code = 0;
    try {
        loop.run_forever();
    } catch (const SystemExit& request) {
        code = request.code();
    }
    EXPECT_EQ(code, 3);
    EXPECT_EQ(order, std::vector<int>{1});
    loop.run_forever();
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(SemLt2, a_loop_is_reusable_after_a_fatal_exception_left_a_task_suspended) {
    EventLoop loop;
    auto task = loop.create_task(value_after(5ms, 8));
    loop.call_later(1ms, [] { exit_with(1); });
    EXPECT_THROW(loop.run_until_complete(task), SystemExit);
    EXPECT_FALSE(task.done());
    EXPECT_EQ(loop.run_until_complete(task), 8);
}

TEST(SemL59, run_main_maps_every_end_to_its_status) {
    EXPECT_EQ(in_child([] { return run_main(value_after(1ms, 5)); }).status, 5);
    const auto exits = []() -> Task<int> {
        co_await sleep(1ms);
        exit_with(42);
        co_return 0;
    };
    EXPECT_EQ(in_child([&] { return run_main(exits()); }).status, 42);
    const auto throws = []() -> Task<int> {
        co_await sleep(1ms);
        throw std::out_of_range("not there");
    };
    const auto failed = in_child([&] { return run_main(throws()); });
    EXPECT_EQ(failed.status, 1);
    EXPECT_EQ(failed.output, "tandem: std::out_of_range: not there\n");
}

TEST(SemG47, exit_with_in_a_child_goes_on_alone_and_says_nothing_else) {
    const auto ended = in_child([] {
        const auto child = []() -> Task<void> {
            co_await sleep(1ms);
            exit_with(9);
        };
        const auto body = [](TaskGroup& group, auto fn) -> Task<int> {
            group.create_task(fn());
            group.create_task(forever());
            co_await sleep(30s);
            co_return 0;
        };
        return run_main(with_task_group(body, child));
    });
    EXPECT_EQ(ended.status, 9);
    EXPECT_EQ(ended.output, "");
}

TEST(SemC34, a_main_task_that_somebody_cancelled_is_task_cancelled) {
    const auto main = []() -> Task<int> {
        const auto killer = [](TaskNode* victim) -> Task<void> {
            victim->cancel(make_reason("by another task", SourceLocation::current()));
            co_return;
        };
        create_task(killer(current_task_node()));
        co_await sleep(30s);
        co_return 1;
    };
    std::string reason;
    try {
        run(main());
    } catch (const TaskCancelled& cancelled) {
        reason = cancelled.reason();
    }
    EXPECT_EQ(reason, "by another task");
}

TEST(SemB60, run_restores_the_disposition_and_leaves_a_handler_of_the_program_alone) {
    const auto ended = in_child([] {
        const auto disposition = [] {
            struct sigaction now{};
            ::sigaction(SIGINT, nullptr, &now);
            return now.sa_handler;
        };
        run(value_after(1ms, 1));
        if (disposition() != SIG_DFL) return 1;
        std::signal(SIGINT, SIG_IGN);
        run(value_after(1ms, 1));
        if (disposition() != SIG_IGN) return 2;
        if (run(interrupted_while_sleeping().valid() ? value_after(20ms, 3) : value_after(0ms, 0)) != 3)
            return 3;
        return 0;
    });
    EXPECT_EQ(ended.status, 0);
}

TEST(SemB61, ctrl_c_cancels_the_main_task_and_run_throws_interrupted) {
    EXPECT_EQ(in_child([] { return run_main(interrupted_while_sleeping()); }).status, 130);

    const auto bye = in_child([] { return run_main(says_bye_when_interrupted()); });
    EXPECT_EQ(bye.status, 130);
    EXPECT_EQ(bye.output, "bye\n");
}

TEST(SemB61, a_main_task_that_returns_a_value_after_ctrl_c_returns_it) {
    const auto ended = in_child([] { return run_main(swallows_the_interrupt()); });
    EXPECT_EQ(ended.status, 7);
    EXPECT_EQ(ended.output, "reason: interrupted\n");
}

TEST(SemB61, somebody_elses_cancel_before_ctrl_c_stays_task_cancelled) {
    const auto ended = in_child([] {
        const auto main = []() -> Task<int> {
            TaskNode* const self = current_task_node();
            this_loop().call_later(1ms,
                                   [self] { self->cancel(make_reason("other", SourceLocation::current())); });
            interrupt_after(5ms);
            const auto cleanup = []() -> Task<void> { co_await sleep(20ms); };
            co_return co_await with_finally(value_after(30s, 1), cleanup());
        };
        try {
            run(main());
        } catch (const TaskCancelled& cancelled) {
            std::printf("%s\n", cancelled.reason().c_str());
            return 1;
        } catch (const Interrupted&) {
            return 2;
        }
        return 3;
    });
    EXPECT_EQ(ended.status, 1);
    EXPECT_EQ(ended.output, "other\n");
}

TEST(SemB62, the_third_ctrl_c_kills_a_program_that_will_not_end) {
    const auto ended = in_child([] {
        const auto main = []() -> Task<int> {
            for (int i = 1; i < 50; ++i)
                interrupt_after(100ms * i);  // more than three: a busy machine merges some
            co_await to_thread([] { std::this_thread::sleep_for(30s); });
            co_return 1;
        };
        return run_main(main());
    });
    EXPECT_EQ(ended.status, -SIGINT);
}

TEST(SemB64, ctrl_c_while_hundreds_of_tasks_run_ends_all_of_them_in_silence) {
    const auto ended = in_child([] { return run_main(with_three_hundred_tasks()); });
    EXPECT_EQ(ended.status, 130);
    EXPECT_EQ(ended.output, "main over\n");
}

TEST(SemL25, a_thousand_runs_leave_no_descriptor_behind) {
    const int before = ::dup(0);
    ::close(before);
    for (int i = 0; i < 1'000; ++i) ASSERT_EQ(run(value_after(0ms, i)), i);
    const int after = ::dup(0);
    ::close(after);
    EXPECT_EQ(after, before);
}
