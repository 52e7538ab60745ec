#include <tandem/task/task_handle.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

const std::string long_text = "a text long enough to live on the heap";

Task<std::string> text_after(Duration delay) {
    co_await sleep(delay);
    co_return long_text;
}
using tandem::testing::value_after;

Task<int> fails_after(Duration delay) {
    co_await sleep(delay);
    throw std::domain_error("boom");
}
Task<std::unique_ptr<int>> boxed(int value) { co_return std::make_unique<int>(value); }

Task<int> await_other(std::optional<TaskHandle<int>>& other) { co_return co_await *other; }

Task<int> link(std::optional<TaskHandle<int>> below) {
    if (!below) co_await sleep(5ms);
    if (!below) co_return 0;
    const int value = co_await *below;
    co_return value + 1;
}

template <class E, class F>
bool throws(F fn) {
    try {
        fn();
    } catch (const E&) {
        return true;
    }
    return false;
}

struct Reports {
    Reports() {
        this_loop().set_exception_handler(
            [this](EventLoop&, const ErrorContext& context) { lines.push_back(context.task); });
    }
    ~Reports() { this_loop().set_exception_handler(nullptr); }
    Lines lines;
};

}  // namespace

ASYNC_TEST(SemK20, every_getter_in_every_state) {
    auto pending = create_task(value_after(1h, 1));
    auto value = create_task(value_after(0ms, 2));
    auto failed = create_task(fails_after(0ms));
    auto cancelled = create_task(value_after(1h, 3));
    co_await sleep(1ms);
    cancelled.cancel("why");
    co_await cancelled.join();

    EXPECT_FALSE(pending.done());
    EXPECT_TRUE(throws<InvalidStateError>([&] { static_cast<void>(pending.result()); }));
    EXPECT_TRUE(throws<InvalidStateError>([&] { static_cast<void>(pending.exception()); }));
    EXPECT_EQ(value.result(), 2);
    EXPECT_EQ(value.exception(), nullptr);
    EXPECT_TRUE(value.successful());
    EXPECT_TRUE(throws<std::domain_error>([&] { static_cast<void>(failed.result()); }));
    EXPECT_NE(failed.exception(), nullptr);
    EXPECT_FALSE(failed.successful());
    EXPECT_FALSE(failed.cancelled());
    EXPECT_TRUE(throws<TaskCancelled>([&] { static_cast<void>(cancelled.result()); }));
    EXPECT_TRUE(throws<TaskCancelled>([&] { static_cast<void>(cancelled.exception()); }));
    EXPECT_TRUE(throws<InvalidStateError>([&] { TaskHandle<int>().done(); }));
    EXPECT_NE(pending.state().find("waiting for sleep at"), std::string::npos) << pending.state();
    pending.cancel();
    EXPECT_NE(pending.state().find("cancelling"), std::string::npos) << pending.state();
    co_await pending.join();
}

ASYNC_TEST(SemK22, moving_the_value_out_makes_later_reads_invalid) {
    auto handle = create_task(text_after(1ms));
    auto copy = handle;
    const std::string& seen = co_await handle;
    EXPECT_EQ(seen, long_text);
    const std::string moved = co_await std::move(handle);

    EXPECT_EQ(moved, long_text);
    EXPECT_TRUE(throws<InvalidStateError>([&] { static_cast<void>(copy.result()); }));
    EXPECT_TRUE(copy.successful());
}

ASYNC_TEST(SemK24, join_of_a_shared_task_gives_everybody_the_value_and_never_throws) {
    auto handle = create_task(text_after(1ms));
    auto failed = create_task(fails_after(1ms));
    const auto first = co_await handle.join();
    const auto second = co_await handle.join();
    const auto error = co_await failed.join();
    auto only = create_task(boxed(3));
    auto box = co_await only.join();

    EXPECT_EQ(first.value(), long_text);
    EXPECT_EQ(second.value(), long_text);
    EXPECT_EQ(handle.result(), long_text);
    EXPECT_TRUE(error.has_error());
    EXPECT_EQ(*box.value(), 3);
}

ASYNC_TEST(SemK21, a_body_that_was_asked_to_stop_and_returned_ends_with_its_value) {
    const auto stubborn = []() -> Task<int> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
        }
        co_return 5;
    };
    auto handle = create_task(stubborn());
    co_await sleep(1ms);
    handle.cancel();
    const int value = co_await handle;

    EXPECT_EQ(value, 5);
    EXPECT_FALSE(handle.cancelled());
}

ASYNC_TEST(SemK26, a_cycle_of_three_is_told_with_every_name_and_the_others_go_on) {
    std::optional<TaskHandle<int>> a;
    std::optional<TaskHandle<int>> b;
    std::optional<TaskHandle<int>> c;
    a = create_task(await_other(b), {.name = "a"});
    b = create_task(await_other(c), {.name = "b"});
    c = create_task(await_other(a), {.name = "c"});
    std::string text;
    try {
        co_await *c;
    } catch (const WouldDeadlock& error) {
        text = error.what();
    }
    co_await a->join();
    co_await b->join();

    EXPECT_NE(text.find("c -> a -> b -> c"), std::string::npos) << text;
}

ASYNC_TEST(SemK26, a_chain_of_five_thousand_joins_is_checked_in_bearable_time) {
    const auto start = std::chrono::steady_clock::now();
    std::optional<TaskHandle<int>> last;
    for (int i = 0; i < 5'000; ++i) last = create_task(link(last));
    const int length = co_await *last;
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

    EXPECT_EQ(length, 4'999);
    EXPECT_LT(seconds, 5.0);
}

ASYNC_TEST(SemK28, done_callbacks_are_posted_in_order_and_never_inline) {
    Lines lines;
    auto handle = create_task(value_after(1ms, 1));
    handle.on_done([&](const TaskHandle<int>&) { lines.push_back("1"); });
    handle.on_done([&](const TaskHandle<int>& ended) {
        lines.push_back("2");
        ended.on_done([&](const TaskHandle<int>&) { lines.push_back("added inside"); });
    });
    handle.on_done([&](const TaskHandle<int>&) { lines.push_back("3"); });
    co_await handle;
    co_await sleep(0s);
    co_await sleep(0s);
    handle.on_done([&](const TaskHandle<int>&) { lines.push_back("late"); });
    lines.push_back("registered");
    co_await sleep(0s);

    EXPECT_EQ(lines, (Lines{"1", "2", "3", "added inside", "registered", "late"}));
}

ASYNC_TEST(SemK28, a_throwing_done_callback_is_reported_and_the_next_ones_run) {
    Reports reports;
    int calls = 0;
    auto handle = create_task(value_after(1ms, 1));
    handle.on_done([](const TaskHandle<int>&) { throw std::runtime_error("callback"); });
    handle.on_done([&](const TaskHandle<int>&) { ++calls; });
    co_await handle;
    co_await sleep(0s);

    EXPECT_EQ(calls, 1);
    EXPECT_EQ(reports.lines.size(), 1U);
}

ASYNC_TEST(SemK30, every_way_of_looking_counts_and_not_looking_is_reported_once) {
    Reports reports;
    {
        auto result = create_task(fails_after(0ms), {.name = "result"});
        auto exception = create_task(fails_after(0ms), {.name = "exception"});
        auto awaited = create_task(fails_after(0ms), {.name = "awaited"});
        auto joined = create_task(fails_after(0ms), {.name = "joined"});
        auto unseen = create_task(fails_after(0ms), {.name = "unseen"});
        create_task(fails_after(0ms), {.name = "dropped"});
        co_await sleep(1ms);
        EXPECT_EQ(reports.lines, Lines{"dropped"});
        EXPECT_TRUE(throws<std::domain_error>([&] { static_cast<void>(result.result()); }));
        EXPECT_NE(exception.exception(), nullptr);
        bool thrown = false;
        try {
            co_await awaited;
        } catch (const std::domain_error&) {
            thrown = true;
        }
        EXPECT_TRUE(thrown);
        co_await joined.join();
        auto copy = unseen;
    }

    EXPECT_EQ(reports.lines, (Lines{"dropped", "unseen"}));
}

ASYNC_TEST(SemK30, a_cancelled_task_is_no_error_and_needs_no_look) {
    Reports reports;
    {
        auto handle = create_task(value_after(1h, 1));
        co_await sleep(1ms);
        handle.cancel();
        co_await sleep(1ms);
        EXPECT_TRUE(handle.done());
    }

    EXPECT_TRUE(reports.lines.empty());
}

ASYNC_TEST(SemKt6, joiner_and_joined_cancelled_in_the_same_turn_both_end_cancelled) {
    std::optional<TaskHandle<int>> joined;
    joined = create_task(value_after(1h, 1));
    auto joiner = create_task(await_other(joined));
    co_await sleep(1ms);
    joined->cancel("joined");
    joiner.cancel("joiner");
    auto joined_end = co_await joined->join();
    auto joiner_end = co_await joiner.join();

    EXPECT_TRUE(joined_end.cancelled());
    EXPECT_TRUE(joiner_end.cancelled());
}

ASYNC_TEST(SemKt13, two_coroutines_that_yield_take_turns) {
    Lines lines;
    const auto speak = [](Lines& out, std::string name) -> Task<void> {
        out.push_back(name);
        co_await sleep(0s);
        out.push_back(name + " again");
    };
    auto foo = create_task(speak(lines, "foo"));
    auto bar = create_task(speak(lines, "bar"));
    co_await foo;
    co_await bar;

    EXPECT_EQ(lines, (Lines{"foo", "bar", "foo again", "bar again"}));
}

TEST(SemL50, a_handle_of_another_loop_is_refused) {
    EventLoop first;
    EventLoop second;
    auto handle = first.create_task(value_after(1ms, 1));
    EXPECT_THROW(second.run_until_complete(handle), WrongLoop);
    const auto waits = [](TaskHandle<int> other) -> Task<int> { co_return co_await other; };
    EXPECT_THROW(second.run_until_complete(waits(handle)), WrongLoop);
    EXPECT_EQ(first.run_until_complete(handle), 1);
}

TEST(SemL22, what_was_posted_until_the_end_runs_before_it_returns_and_no_later_run_is_stopped_by_it) {
    std::vector<int> seen;
    EventLoop loop;
    const auto body = [&]() -> Task<void> {
        this_loop().call_soon([&] { seen.push_back(1); });
        co_return;
    };
    auto handle = loop.create_task(body());
    handle.add_done_callback([&](const TaskHandle<void>&) { seen.push_back(2); });
    loop.run_until_complete(handle);
    EXPECT_EQ(seen, (std::vector<int>{1, 2}));

    // Stopped in the turn in which the task ends: the end's own stop must not reach the next run.
    const auto stops = [&]() -> Task<void> {
        this_loop().call_soon([&] { seen.push_back(3); });
        this_loop().stop();
        co_return;
    };
    loop.run_until_complete(stops());
    EXPECT_EQ(seen, (std::vector<int>{1, 2}));
    loop.call_soon([&] {
        loop.call_soon([&] {
            seen.push_back(4);
            loop.stop();
        });
    });
    loop.run_forever();
    EXPECT_EQ(seen, (std::vector<int>{1, 2, 3, 4}));
}

TEST(SemL22, a_finished_handle_can_be_run_again_and_keeps_its_result) {
    EventLoop loop;
    auto handle = loop.create_task(text_after(1ms));
    EXPECT_EQ(loop.run_until_complete(handle), long_text);
    EXPECT_EQ(loop.run_until_complete(handle), long_text);
    EXPECT_EQ(handle.result(), long_text);
}

TEST(TaskHandle, outlives_its_loop_with_its_result) {
    std::optional<TaskHandle<std::string>> handle;
    {
        EventLoop loop;
        handle = loop.create_task(text_after(1ms));
        loop.run_until_complete(*handle);
    }
    EXPECT_TRUE(handle->done());
    EXPECT_EQ(handle->result(), long_text);
    EXPECT_FALSE(handle->cancel());
    EXPECT_NE(handle->name(), "");
    EXPECT_NE(handle->state().find("finished"), std::string::npos);
    EXPECT_THROW(handle->on_done([](const TaskHandle<std::string>&) {}), LoopClosed);
    EXPECT_THROW(handle->loop(), LoopClosed);
}

TEST(SemL23, a_task_that_outlives_the_grace_with_an_operation_in_flight_is_left_behind_whole) {
    for (const auto backend : {BackendChoice::automatic, BackendChoice::epoll}) {
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        const auto receive = [](int fd) -> Task<int> {
            char byte = 0;
            const int count = co_await OperationWait(OpCode::receive, fd, &byte, 1);
            co_return count;
        };
        std::optional<TaskHandle<int>> handle;
        Lines reports;
        {
            EventLoopOptions options;
            options.backend = backend;
            options.close_grace = 10ms;
            EventLoop loop(options);
            loop.set_exception_handler(
                [&](EventLoop&, const ErrorContext& context) { reports.push_back(context.message); });
            handle = loop.create_task(shield(receive(pair[0])));
            loop.poll_once();
        }
        EXPECT_FALSE(handle->done());
        EXPECT_FALSE(handle->cancel());
        EXPECT_EQ(reports.size(), 2U);
        ::close(pair[0]);
        ::close(pair[1]);
    }
}

TEST(SemL23, a_loop_with_live_tasks_destroyed_under_another_ones_callback_leaves_them_and_ends_at_once) {
    EventLoop outer;
    auto inner = std::make_unique<EventLoop>();
    int reports = 0;
    inner->set_exception_handler([&](EventLoop&, const ErrorContext&) { ++reports; });
    auto handle = inner->create_task(value_after(1h, 1));
    inner->poll_once();
    outer.call_soon([&] {
        EXPECT_THROW(inner->close(), WouldDeadlock);
        inner.reset();
        outer.stop();
    });
    const auto start = std::chrono::steady_clock::now();
    outer.run_forever();
    EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
    EXPECT_FALSE(handle.done());
    EXPECT_GE(reports, 1);
    EXPECT_LE(reports, 3);
}

TEST(TaskHandle, of_a_task_that_its_loop_cancelled_while_closing_is_cancelled) {
    std::optional<TaskHandle<int>> handle;
    std::optional<TaskHandle<int>> never_started;
    {
        EventLoop loop;
        loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
        handle = loop.create_task(value_after(1h, 1));
        loop.poll_once();
        never_started = loop.create_task(value_after(1h, 1));
    }
    EXPECT_TRUE(handle->cancelled());
    EXPECT_TRUE(never_started->cancelled());
    EXPECT_THROW(static_cast<void>(handle->result()), TaskCancelled);
}
