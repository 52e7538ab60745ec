#include <tandem/base/errors.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

RunOptions on(VirtualTime& time, Instrument* instrument = nullptr) {
    RunOptions options;
    options.time = &time;
    options.instrument = instrument;
    return options;
}

/// Everything, as lines.
struct Tracer : Instrument {
    void run_started(EventLoop&) override { events.push_back("run started"); }
    void task_spawned(const EntryInfo& task) override { add("spawned", task); }
    void task_scheduled(const EntryInfo& task) override { add("scheduled", task); }
    void before_step(const EntryInfo& task) override { add("before step", task); }
    void after_step(const EntryInfo& task) override { add("after step", task); }
    void before_wait(const LoopWait& wait) override {
        if (wait.timeout > 0s)
            events.push_back("waits " + seconds(wait.timeout) + " for " + std::to_string(wait.timers) +
                             " timers");
    }
    void after_wait(const LoopWait& wait) override {
        if (wait.duration > 0s) events.push_back("waited " + seconds(wait.duration));
    }
    void task_exited(const EntryInfo& task) override { add("exited", task); }
    void run_finished(EventLoop&) override { events.push_back("run finished"); }

    void add(const std::string& what, const EntryInfo& task) {
        events.push_back(what + " " + task.name);
        ++counts[what];
    }
    static std::string seconds(Duration time) {
        return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
    }
    Names events;
    std::map<std::string, int> counts;
};

Task<int> compute(int x, int y) {
    co_await sleep(1s);
    co_return x + y;
}

Task<void> print_sum(Names& lines) {
    const int sum = co_await compute(1, 2);
    lines.push_back("1 + 2 = " + std::to_string(sum));
}

Task<void> named_pair(Names& lines) {
    TaskGroup group;
    group.create_task(print_sum(lines), {.name = "left"});
    group.create_task(print_sum(lines), {.name = "right"});
    co_await group.join();
}

Task<void> some_steps(int steps) {
    for (int step = 0; step < steps; ++step) co_await sleep(1s);
}

Task<void> many(int tasks) {
    TaskGroup group;
    for (int i = 0; i < tasks; ++i) group.create_task(some_steps(i % 3));
    co_await group.join();
}

Task<void> inner() {
    std::this_thread::sleep_for(40ms);
    co_await sleep(1ms);
}

Task<void> slow_main() {
    this_loop().set_slow_callback_duration(30ms);
    auto slow = this_loop().create_task(inner(), {.name = "inner"});
    co_await slow;
}

Task<void> tick_for_ever(long& ticks) {
    for (;;) {
        co_await sleep(0s);
        ++ticks;
    }
}

}  // namespace

TEST(SemL55, the_whole_trace_of_a_task_that_sleeps) {
    VirtualTime time;
    Tracer tracer;
    Names lines;
    const auto main = [](Names* out) -> Task<void> { co_await print_sum(*out); };
    EventLoopOptions options;
    options.time = &time;
    options.instrument = &tracer;
    EventLoop loop(options);
    auto task = loop.create_task(main(&lines), {.name = "main"});
    loop.run_until_complete(task);
    EXPECT_EQ(tracer.events,
              (Names{"spawned main", "scheduled main", "run started", "before step main", "after step main",
                     "waits 1 s for 1 timers", "scheduled main", "waited 1 s", "before step main",
                     "after step main", "exited main", "run finished"}));
    EXPECT_EQ(lines, Names{"1 + 2 = 3"});
}

TEST(SemL55, every_task_that_is_spawned_exits_and_steps_come_in_pairs) {
    VirtualTime time;
    Tracer tracer;
    run(many(30), on(time, &tracer));
    EXPECT_EQ(tracer.counts["spawned"], 31);
    EXPECT_EQ(tracer.counts["exited"], 31);
    EXPECT_EQ(tracer.counts["before step"], tracer.counts["after step"]);
    EXPECT_EQ(tracer.counts["before step"], tracer.counts["scheduled"]);
    EXPECT_EQ(tracer.events.front(), "spawned " + tracer.events[1].substr(10));
    EXPECT_EQ(tracer.events.back(), "run finished");
}

TEST(SemL55, tasks_of_a_group_interleave_in_the_trace_as_they_run) {
    VirtualTime time;
    Tracer tracer;
    Names lines;
    run(named_pair(lines), on(time, &tracer));
    Names steps;
    for (const auto& event : tracer.events) {
        if (event.find("left") != std::string::npos || event.find("right") != std::string::npos)
            steps.push_back(event);
    }
    EXPECT_EQ(steps, (Names{"spawned left", "scheduled left", "spawned right", "scheduled right",
                            "before step left", "after step left", "before step right", "after step right",
                            "scheduled left", "scheduled right", "before step left", "after step left",
                            "exited left", "before step right", "after step right", "exited right"}));
}

TEST(SemL54, a_slow_step_is_reported_with_its_task_its_await_line_and_where_it_was_spawned) {
    RunOptions options;
    options.debug = true;
    ::testing::internal::CaptureStderr();
    run(slow_main(), options);
    const auto said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("Executing <Task inner pending, waiting for sleep at "), std::string::npos) << said;
    EXPECT_NE(said.find("> took 0.0"), std::string::npos) << said;
    EXPECT_NE(said.find("spawned at "), std::string::npos) << said;
    EXPECT_EQ(said.find("Executing", said.find("Executing") + 1), std::string::npos) << said;
    options.debug = false;
    ::testing::internal::CaptureStderr();
    run(slow_main(), options);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(SemL5, between_two_awaits_of_a_task_nothing_else_runs) {
    const auto main = []() -> Task<int> {
        int changes = 0;
        this_loop().call_soon([&] { ++changes; });
        this_loop().call_soon_threadsafe([&] { ++changes; });
        this_loop().call_later(0s, [&] { ++changes; });
        std::this_thread::sleep_for(2ms);
        const int before = changes;
        co_await sleep(1ms);
        co_return before * 100 + changes;
    };
    EXPECT_EQ(run(main()), 3);
}

TEST(SemL6, a_finishing_task_wakes_its_joiner_by_a_post_and_never_inline) {
    Names lines;
    const auto main = [](Names* out) -> Task<void> {
        const auto child = [](Names* l) -> Task<void> {
            this_loop().call_soon([l] { l->push_back("scheduled by the child"); });
            l->push_back("child ends");
            co_return;
        };
        auto handle = this_loop().create_task(child(out));
        co_await handle;
        out->push_back("joiner goes on");
    };
    run(main(&lines));
    EXPECT_EQ(lines, (Names{"child ends", "scheduled by the child", "joiner goes on"}));
}

TEST(SemL7, awaiting_a_function_passes_no_turn_and_changes_no_task) {
    const auto main = []() -> Task<bool> {
        const auto before = this_loop().turns();
        const auto id = current_task()->id;
        const auto callee = [](std::uint64_t caller) -> Task<bool> {
            co_return current_task()->id == caller;
        };
        const bool same = co_await callee(id);
        co_return same&& this_loop().turns() == before;
    };
    EXPECT_TRUE(run(main()));
}

TEST(SemL8, sleep_zero_and_checkpoint_suspend_for_exactly_one_turn) {
    const auto main = []() -> Task<std::uint64_t> {
        const auto start = this_loop().turns();
        co_await sleep(0s);
        const auto after_sleep = this_loop().turns();
        co_await checkpoint();
        co_return (after_sleep - start) * 10 + (this_loop().turns() - after_sleep);
    };
    EXPECT_EQ(run(main()), 11U);
}

TEST(SemLt7, a_task_that_yields_for_ever_leaves_a_sleeper_on_time) {
    const auto main = []() -> Task<Duration> {
        long ticks = 0;
        auto first = this_loop().create_task(tick_for_ever(ticks));
        auto second = this_loop().create_task(tick_for_ever(ticks));
        const auto start = this_loop().time();
        co_await sleep(10ms);
        const auto took = this_loop().time() - start;
        EXPECT_GT(ticks, 100);
        first.cancel();
        second.cancel();
        co_await first.join();  // they count in a local of this task
        co_await second.join();
        co_return took;
    };
    const auto took = run(main());
    EXPECT_GE(took, 10ms);
    EXPECT_LT(took, 200ms);
}

TEST(SemL22, a_loop_stopped_otherwise_says_so_and_can_be_run_again) {
    EventLoop loop;
    auto task = loop.create_task(compute(2, 3));
    loop.call_soon([&] { loop.stop(); });
    try {
        loop.run_until_complete(task);
        ADD_FAILURE() << "it returned";
    } catch (const InvalidStateError& error) {
        EXPECT_NE(std::string(error.what()).find("event loop stopped before the task completed"),
                  std::string::npos);
    }
    EXPECT_EQ(loop.run_until_complete(task), 5);
}

TEST(SemL26, a_run_finds_nothing_of_the_one_before) {
    int strays = 0;
    const auto first = [](int* count) -> Task<void> {
        this_loop().set_exception_handler([count](EventLoop&, const ErrorContext&) { ++*count; });
        this_loop().call_later(1h, [count] { ++*count; });
        co_return;
    };
    run(first(&strays));
    const auto second = []() -> Task<std::size_t> {
        co_await sleep(1ms);
        co_return all_tasks(this_loop()).size() + this_loop().timers().live();
    };
    EXPECT_EQ(run(second()), 1U);
    EXPECT_EQ(strays, 0);
}

TEST(SemLt1, a_second_run_until_complete_after_close_says_that_the_loop_is_closed) {
    EventLoop loop;
    const auto both = []() -> Task<int> {
        const auto [one, two] = co_await gather(compute(1, 1), compute(2, 2));
        co_return one + two;
    };
    auto task = loop.create_task(both());
    loop.call_soon([&] { loop.stop(); });
    EXPECT_THROW(loop.run_until_complete(task), InvalidStateError);
    loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
    loop.close();
    EXPECT_EQ(loop.close_record().pending_tasks, 3U);
    EXPECT_EQ(loop.close_record().leaked_tasks, 0U);
    try {
        loop.run_until_complete(task);
        ADD_FAILURE() << "it returned";
    } catch (const LoopClosed& error) {
        EXPECT_NE(std::string(error.what()).find("event loop is closed"), std::string::npos);
    }
}

TEST(SemLt13, running_anything_inside_a_task_throws_and_leaves_its_loop_running) {
    const auto main = []() -> Task<int> {
        int refused = 0;
        EventLoop& here = this_loop();
        const auto throws = [&refused](const std::function<void()>& call) {
            try {
                call();
            } catch (const WouldDeadlock&) {
                ++refused;
            }
        };
        throws([] { run(compute(1, 2)); });
        throws([&here] { here.run_forever(); });
        throws([&here] { here.poll_once(); });
        EventLoop other;
        throws([&other] { other.run_forever(); });
        here.call_soon([&throws] { throws([] { run(compute(1, 2)); }); });
        co_await sleep(1ms);
        co_return refused;
    };
    EXPECT_EQ(run(main()), 5);
}
