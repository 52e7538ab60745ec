#include <tandem/task/task.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<int> three() { co_return 3; }
Task<std::unique_ptr<int>> moved() { co_return std::make_unique<int>(7); }
int global = 5;
Task<int&> reference() { co_return global; }
Task<std::string> converted() { co_return "text"; }

Task<long> sum_down(long level) {
    if (level == 0) co_return 0;
    const long below = co_await sum_down(level - 1);
    co_return below + 1;
}

Task<void> throw_at(int level) {
    if (level == 0) throw std::out_of_range("bottom");
    co_await throw_at(level - 1);
}

struct alignas(64) Wide {
    int value = 0;
};
Task<Wide> wide() {
    Wide local;
    local.value = 9;
    co_await sleep(1ms);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&local) % 64, 0U);
    co_return local;
}

struct Counted {
    static inline int live = 0;
    Counted() { ++live; }
    Counted(const Counted&) { ++live; }
    Counted(Counted&&) noexcept { ++live; }
    ~Counted() { --live; }
};
Task<void> takes(Counted) { co_return; }

Task<void> append(std::vector<std::string>& lines, std::string name, Duration first) {
    lines.push_back(name + " 1");
    co_await sleep(first);
    lines.push_back(name + " 2");
}

}  // namespace

ASYNC_TEST(SemK1, a_call_runs_none_of_the_body) {
    bool ran = false;
    const auto body = [](bool& flag) -> Task<void> {
        flag = true;
        co_return;
    };
    auto task = body(ran);

    EXPECT_FALSE(ran);
    co_await std::move(task);
    EXPECT_TRUE(ran);
}

ASYNC_TEST(SemK3, a_task_used_twice_says_so) {
    auto task = three();
    co_await std::move(task);

    std::string message;
    try {
        co_await std::move(task);
    } catch (const InvalidStateError& error) {
        message = error.what();
    }

    EXPECT_NE(message.find("used already or moved from"), std::string::npos) << message;
}

ASYNC_TEST(SemK5, arguments_of_a_task_that_never_ran_are_destroyed_once) {
    {
        auto task = takes(Counted());
        EXPECT_GE(Counted::live, 1);
    }
    EXPECT_EQ(Counted::live, 0);
    co_return;
}

namespace {

Task<std::vector<int>> braced() { co_return {1, 2, 3}; }
Task<std::pair<int, std::string>> braced_pair() { co_return {4, "four"}; }
Task<std::optional<int>> empty_braces() { co_return {}; }
Task<const std::string> constant() { co_return "as it is"; }
Task<const std::unique_ptr<int>> constant_pointer() { co_return std::make_unique<int>(5); }

}  // namespace

ASYNC_TEST(SemK8, results_may_be_braced_lists_and_const) {
    const auto list = co_await braced();
    EXPECT_EQ(list, std::vector<int>({1, 2, 3}));
    const auto pair = co_await braced_pair();
    EXPECT_EQ(pair.second, "four");
    const auto none = co_await empty_braces();
    EXPECT_FALSE(none.has_value());
    const auto text = co_await constant();
    EXPECT_EQ(text, "as it is");
    auto handle = create_task(constant());
    const std::string& same = co_await handle;
    EXPECT_EQ(same, "as it is");
    const auto pointer = co_await constant_pointer();
    EXPECT_EQ(*pointer, 5);
}

ASYNC_TEST(SemK8, results_may_be_move_only_references_and_converted) {
    auto pointer = co_await moved();
    int& same = co_await reference();
    const std::string text = co_await converted();

    EXPECT_EQ(*pointer, 7);
    EXPECT_EQ(&same, &global);
    EXPECT_EQ(text, "text");
}

ASYNC_TEST(SemK10, an_over_aligned_local_and_result_stay_aligned) {
    const Wide value = co_await wide();

    EXPECT_EQ(value.value, 9);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&value) % 64, 0U);
}

ASYNC_TEST(SemL9, a_hundred_thousand_levels_and_a_million_awaits_need_no_stack) {
    const long depth = co_await sum_down(100'000);
    long total = 0;
    for (int i = 0; i < 1'000'000; ++i) total += co_await three();

    EXPECT_EQ(depth, 100'000);
    EXPECT_EQ(total, 3'000'000);
}

ASYNC_TEST(SemK4, an_exception_passes_every_level_with_its_type) {
    std::string what;
    try {
        co_await throw_at(500);
    } catch (const std::out_of_range& error) {
        what = error.what();
    }

    EXPECT_EQ(what, "bottom");
}

ASYNC_TEST(SemK13, a_child_never_runs_before_create_task_returns) {
    std::vector<std::string> lines;
    auto child = create_task(append(lines, "child", 1ms));
    lines.push_back("created");
    co_await child;

    EXPECT_EQ(lines, (std::vector<std::string>{"created", "child 1", "child 2"}));
}

ASYNC_TEST(SemK13, a_task_without_handles_runs_to_its_end) {
    std::vector<std::string> lines;
    create_task(append(lines, "loose", 5ms));
    co_await sleep(10ms);

    EXPECT_EQ(lines.size(), 2U);
}

ASYNC_TEST(SemK22, a_handle_can_be_awaited_by_many_and_again) {
    auto shared = create_task(three());
    const auto reader = [](TaskHandle<int> handle) -> Task<int> { co_return co_await handle; };
    auto both = co_await gather(reader(shared), reader(shared));
    auto& [a, b] = both;
    const int again = co_await shared;

    EXPECT_EQ(a + b + again, 9);
}

ASYNC_TEST(SemK25, cancelling_one_awaiter_leaves_the_task_and_the_other_alone) {
    const auto slow = []() -> Task<int> {
        co_await sleep(10ms);
        co_return 1;
    };
    const auto reader = [](TaskHandle<int> handle) -> Task<int> { co_return co_await handle; };
    auto shared = create_task(slow());
    auto first = create_task(reader(shared));
    auto second = create_task(reader(shared));
    co_await sleep(1ms);
    first.cancel();
    const int value = co_await second;

    EXPECT_EQ(value, 1);
    EXPECT_TRUE(first.cancelled());
    EXPECT_FALSE(shared.cancelled());
}

ASYNC_TEST(SemK26, a_task_that_awaits_itself_is_told_the_cycle) {
    std::string message;
    std::optional<TaskHandle<void>> self;
    const auto body = [](std::optional<TaskHandle<void>>& handle, std::string& out) -> Task<void> {
        try {
            co_await *handle;
        } catch (const WouldDeadlock& error) {
            out = error.what();
        }
    };
    self = create_task(body(self, message), {.name = "snake"});
    co_await *self;

    EXPECT_NE(message.find("snake -> snake"), std::string::npos) << message;
}

ASYNC_TEST(SemK30, a_failure_nobody_looked_at_is_reported_once_when_its_last_handle_goes) {
    std::vector<std::string> reports;
    this_loop().set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        reports.push_back(context.task + "|" + describe(context.exception));
    });
    const auto fails = []() -> Task<void> {
        throw std::runtime_error("boom");
        co_return;
    };
    {
        auto handle = create_task(fails(), {.name = "failing"});
        co_await sleep(1ms);
        EXPECT_TRUE(reports.empty());
    }
    {
        auto seen = create_task(fails());
        co_await sleep(1ms);
        EXPECT_TRUE(seen.exception() != nullptr);
    }

    TANDEM_CO_ASSERT_EQ(reports.size(), 1U);
    EXPECT_EQ(reports[0], "failing|std::runtime_error: boom");
}

ASYNC_TEST(SemK32, current_task_names_the_task_also_inside_awaited_frames) {
    const auto inner = []() -> Task<std::string> {
        const auto me = current_task();
        co_return me ? me->name : "nobody";
    };
    const auto outer = [](auto fn) -> Task<std::string> { co_return co_await fn(); };
    auto handle = create_task(outer(inner), {.name = "outer"});
    const std::string name = co_await handle;

    EXPECT_EQ(name, "outer");
}

ASYNC_TEST(DumpTree, shows_where_each_task_waits_and_for_what) {
    const auto leaf = []() -> Task<void> { co_await sleep(1h); };
    const auto root = [](auto fn) -> Task<void> { co_await fn(); };
    auto handle = create_task(root(leaf), {.name = "sleeper"});
    co_await sleep(1ms);
    const auto tree = dump_tree(this_loop());
    handle.cancel();
    co_await handle.join();

    EXPECT_NE(tree.find("sleeper pending, waiting for sleep"), std::string::npos) << tree;
    EXPECT_NE(tree.find("task_test.cpp:"), std::string::npos) << tree;
}

ASYNC_TEST(SemL8, a_long_row_of_ready_awaits_lets_others_run) {
    auto finished = create_task(three());
    co_await finished;
    bool other_ran = false;
    this_loop().call_soon([&] { other_ran = true; });
    int awaits = 0;
    while (!other_ran && awaits < 10'000) {
        co_await finished;
        ++awaits;
    }

    EXPECT_EQ(awaits, 129);
}

ASYNC_TEST(SemK9, a_plain_awaiter_may_be_resumed_from_another_thread) {
    struct FromThread {
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> handle) {
            thread = std::thread([handle] { handle.resume(); });
        }
        int await_resume() {
            thread.join();
            return 11;
        }
        FromThread() {}
        std::thread thread;
    };
    const auto before = std::this_thread::get_id();
    const int value = co_await FromThread();

    EXPECT_EQ(value, 11);
    EXPECT_EQ(std::this_thread::get_id(), before);
}

ASYNC_TEST(SemK13, an_argument_dies_with_its_task_and_not_with_its_handle) {
    auto handle = create_task(takes(Counted()));
    co_await handle;
    EXPECT_EQ(Counted::live, 0);
    auto text = create_task(converted());
    const auto& value = co_await text;

    EXPECT_EQ(value, "text");
    EXPECT_EQ(&value, &text.result());
    EXPECT_TRUE(handle.successful());
}

TEST(SemL57, housekeeping_ends_with_its_loop_and_is_not_reported_as_left_behind) {
    std::vector<std::string> reports;
    EventLoop loop;
    loop.set_exception_handler(
        [&](EventLoop&, const ErrorContext& context) { reports.push_back(context.task); });
    const auto forever = []() -> Task<void> { co_await sleep(1h); };
    loop.create_task(forever(), {.name = "keeper", .housekeeping = true});
    loop.create_task(forever(), {.name = "left behind"});
    loop.poll_once();
    loop.close();

    EXPECT_EQ(reports, (std::vector<std::string>{"left behind"}));
}
