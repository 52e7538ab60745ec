// Bad use gets a clear error, never a hang or a crash: each names the object, the place, and the way out
// (sem:W5).
#include <tandem/base/errors.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>

#include <gtest/gtest.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

/// The text of the `E` that `fn` throws.
template <class E, class F>
std::string refusal(F fn) {
    try {
        fn();
    } catch (const E& error) {
        return error.what();
    }
    return "accepted";
}

void expect_parts(const std::string& text, std::initializer_list<const char*> parts) {
    for (const char* part : parts)
        EXPECT_NE(text.find(part), std::string::npos) << part << " is not in: " << text;
}

Task<int> value(int v) {
    co_await sleep(1ms);
    co_return v;
}
Task<int> await_twice() {
    auto task = value(1);
    const int first = co_await std::move(task);
    const int second = co_await std::move(task);
    co_return first + second;
}
Task<int> run_inside() {
    co_await sleep(1ms);
    co_return run(value(1));
}
Task<void> run_forever_inside() {
    co_await sleep(1ms);
    this_loop().run_forever();
}
Task<int> negative_limit() { co_return co_await timeout(-1s, value(1)); }
Task<void> unlock_unlocked(Mutex& mutex) {
    co_await sleep(1ms);
    mutex.unlock();
}
Task<void> await_handle(std::optional<TaskHandle<void>>& handle) { co_await *handle; }
Task<void> use_a_joined_group() {
    TaskGroup group;
    co_await group.join();
    group.create_task(value(1));
}
Task<void> forget_to_join() {
    {
        TaskGroup group;
        group.create_task(value(1));
    }
    co_await sleep(2ms);
}

}  // namespace

TEST(SemW5, a_task_awaited_twice) {
    const auto text = refusal<InvalidStateError>([] { run(await_twice()); });

    expect_parts(
        text, {"a Task", "bad_use_test.cpp:", "used already or moved from", "call the coroutine function"});
}

TEST(SemW5, a_loop_used_from_the_wrong_thread) {
    EventLoop loop;
    loop.set_debug(true);
    std::string calling;
    std::string running;
    loop.call_soon([&] {
        std::thread([&] {
            calling = refusal<WrongThread>([&] { loop.call_soon([] {}); });
            running = refusal<InvalidStateError>([&] { loop.run_forever(); });
        }).join();
        loop.stop();
    });
    loop.run_forever();

    expect_parts(calling,
                 {"call_soon", "the event loop made at", "bad_use_test.cpp:", "call_soon_threadsafe()"});
    expect_parts(running, {"the event loop made at", "bad_use_test.cpp:", "running in another thread",
                           "call_soon_threadsafe()"});
}

TEST(SemW5, a_closed_loop) {
    EventLoop loop;
    loop.close();
    const auto scheduling = refusal<LoopClosed>([&] { loop.call_soon([] {}); });
    const auto running = refusal<LoopClosed>([&] { loop.run_until_complete(value(1)); });

    expect_parts(scheduling, {"event loop is closed", "bad_use_test.cpp:", "make a new one"});
    expect_parts(running, {"event loop is closed", "bad_use_test.cpp:", "make a new one"});
}

TEST(SemW5, run_inside_run) {
    const auto nested = refusal<WouldDeadlock>([] { run(run_inside()); });
    const auto again = refusal<WouldDeadlock>([] { run(run_forever_inside()); });

    expect_parts(nested, {"run() was called", "Task-", "bad_use_test.cpp:", "co_await f()"});
    expect_parts(again, {"the event loop made at", "running already", "co_await"});
}

TEST(SemW5, a_mutex_released_by_a_stranger) {
    Mutex mutex;
    const auto unlocked = refusal<InvalidStateError>([&] { run(unlock_unlocked(mutex)); });
    EventLoop loop;
    const auto lock = [](Mutex& m) -> Task<void> { co_await m.acquire(); };
    loop.run_until_complete(lock(mutex));
    std::string elsewhere;
    loop.call_soon([&] {
        std::thread([&] { elsewhere = refusal<WrongLoop>([&] { mutex.unlock(); }); }).join();
        loop.stop();
    });
    loop.run_forever();

    expect_parts(unlocked, {"unlock() of a Mutex", "bad_use_test.cpp:", "lock() it first"});
    expect_parts(elsewhere, {"a Mutex", "bad_use_test.cpp:", "first wait", "UniversalQueue"});
}

TEST(SemW5, a_negative_timeout) {
    const auto text = refusal<TimeoutError>([] { run(negative_limit()); });

    expect_parts(text, {"timeout of -1", "value", "bad_use_test.cpp:", "a limit above zero"});
}

TEST(SemW5, a_group_left_unjoined) {
    std::vector<ErrorContext> told;
    EventLoop loop;
    loop.set_debug(true);
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) { told.push_back(context); });
    loop.run_until_complete(forget_to_join());
    const auto reports = told.size();
    const auto used_after =
        refusal<InvalidStateError>([&] { loop.run_until_complete(use_a_joined_group()); });

    ASSERT_EQ(reports, 1u);
    EXPECT_EQ(told[0].severity, Severity::warning);
    expect_parts(told[0].message,
                 {"a TaskGroup", "1 children", "bad_use_test.cpp:", "co_await group.join()"});
    expect_parts(used_after, {"a TaskGroup", "bad_use_test.cpp:", "after it was joined", "make a new one"});
}

TEST(SemW5, awaiting_oneself) {
    std::optional<TaskHandle<void>> self;
    EventLoop loop;
    self = loop.create_task(await_handle(self), {.name = "narcissus"});
    const auto text = refusal<WouldDeadlock>([&] { loop.run_until_complete(*self); });

    expect_parts(text, {"narcissus -> narcissus", "bad_use_test.cpp:", "let one of them finish first"});
}

TEST(SemW5, a_cycle_of_tasks_awaiting_each_other) {
    std::optional<TaskHandle<void>> a;
    std::optional<TaskHandle<void>> b;
    std::optional<TaskHandle<void>> c;
    EventLoop loop;
    a = loop.create_task(await_handle(b), {.name = "a"});
    b = loop.create_task(await_handle(c), {.name = "b"});
    c = loop.create_task(await_handle(a), {.name = "c"});
    const auto text = refusal<WouldDeadlock>([&] { loop.run_until_complete(*c); });

    expect_parts(text, {"c -> a -> b -> c", "bad_use_test.cpp:", "or cancel it"});
    while (!all_tasks(loop).empty()) loop.poll_once();
    EXPECT_THROW(a->result(), WouldDeadlock);
}
