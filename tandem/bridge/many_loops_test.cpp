// Rows of several loops in one program: what was made under one loop and is used under another works, or says
// at once that it does not; and nothing guesses a loop.
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/sync/barrier.hpp>
#include <tandem/sync/capacity_limiter.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/sync/condition.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/latch.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/rate_limiter.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/sync/universal_queue.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/async_generator.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/completion.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/generator.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/task/wait_handles.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Use = std::function<Task<void>()>;

/// What came of it.
std::string end_of(const Use& use) {
    VirtualTime time;
    EventLoop second(EventLoopOptions{.time = &time});
    try {
        second.run_until_complete(timeout(1s, use()));
        return "works";
    } catch (const TimeoutError&) {
        return "hangs";
    } catch (const WrongLoop&) {
        return "WrongLoop";
    } catch (const std::exception& error) {
        return error.what();
    }
}

Task<void> cancel_and_join(TaskHandle<void> handle) {
    handle.cancel();
    co_await handle.join();
}

/// Under a loop of its own `first` is begun, and left where it waits; meanwhile `second` on another loop.
std::string used_by_two(const Use& first, const Use& second) {
    VirtualTime time;
    EventLoop loop(EventLoopOptions{.time = &time});
    auto handle = loop.create_task(first());
    loop.poll_once();
    EXPECT_FALSE(handle.done());
    std::string end = end_of(second);
    loop.run_until_complete(cancel_and_join(handle));
    return end;
}
std::string used_by_two(const Use& both) { return used_by_two(both, both); }

Task<int> forty_two() { co_return 42; }
Task<int> forty_two_later() {
    co_await sleep(10ms);
    co_return 42;
}
Task<void> forever() { co_await sleep(1h); }

AsyncGenerator<int> numbers() {
    for (int i = 0;; ++i) {
        co_yield i;
        co_await sleep(1ms);
    }
}

Generator<int> plain_numbers() {
    for (int i = 0;; ++i) co_yield i;
}

}  // namespace

TEST(P4, what_has_waiters_on_one_loop_refuses_those_of_another) {
    Event event;
    EXPECT_EQ(used_by_two([&]() -> Task<void> { co_await event.wait(); }), "WrongLoop");

    Mutex mutex;
    const auto hold = [&]() -> Task<void> {
        auto guard = co_await mutex.lock();
        co_await forever();
    };
    EXPECT_EQ(used_by_two(hold), "WrongLoop");

    Mutex of_condition;
    Condition condition(of_condition);
    const auto wait = [&]() -> Task<void> {
        auto guard = co_await of_condition.lock();
        co_await condition.wait();
    };
    EXPECT_EQ(used_by_two(wait), "WrongLoop");

    Semaphore semaphore(0);
    EXPECT_EQ(used_by_two([&]() -> Task<void> { co_await semaphore.acquire(); }), "WrongLoop");
    Barrier barrier(3);
    EXPECT_EQ(used_by_two([&]() -> Task<void> { co_await barrier.wait(); }), "WrongLoop");
    Latch latch(1);
    EXPECT_EQ(used_by_two([&]() -> Task<void> { co_await latch.wait(); }), "WrongLoop");
    WaitGroup group;
    group.add(1);
    EXPECT_EQ(used_by_two([&]() -> Task<void> { co_await group.wait(); }), "WrongLoop");

    CapacityLimiter limiter(1);
    const auto borrow = [&]() -> Task<void> {
        auto place = co_await limiter.hold();
        co_await forever();
    };
    EXPECT_EQ(used_by_two(borrow), "WrongLoop");
    RateLimiter rate(1, 1h);
    const auto twice = [&]() -> Task<void> {
        co_await rate.acquire();
        co_await rate.acquire();
    };
    EXPECT_EQ(used_by_two(twice), "WrongLoop");
}

TEST(P4, queues_and_channels_belong_to_one_loop_and_a_universal_queue_to_all) {
    Queue<int> queue;
    EXPECT_EQ(used_by_two([&]() -> Task<void> { co_await queue.get(); }), "WrongLoop");
    PriorityQueue<int> sorted;
    EXPECT_EQ(used_by_two([&]() -> Task<void> { co_await sorted.get(); }), "WrongLoop");
    LifoQueue<int> stack;
    EXPECT_EQ(used_by_two([&]() -> Task<void> { co_await stack.get(); }), "WrongLoop");
    Channel<int> channel(1);
    const auto receive = [&]() -> Task<void> { co_await channel.receiver.receive(); };
    EXPECT_EQ(used_by_two(receive), "WrongLoop");

    UniversalQueue<int> universal;
    const auto get = [&]() -> Task<void> { co_await universal.get(); };
    const auto put = [&]() -> Task<void> { co_await universal.put(1); };
    EXPECT_EQ(used_by_two(get, put), "works");
}

TEST(P4, handles_and_futures_say_whose_they_are) {
    VirtualTime time;
    EventLoop loop(EventLoopOptions{.time = &time});
    auto handle = loop.create_task(forever());
    const Future<int> future(loop);

    EXPECT_EQ(end_of([&]() -> Task<void> { co_await handle; }), "WrongLoop");
    const std::vector<TaskHandle<void>> handles = {handle};
    EXPECT_EQ(end_of([&]() -> Task<void> { co_await wait(handles); }), "WrongLoop");
    const auto completed = [&]() -> Task<void> {
        auto done = as_completed(handles);
        co_await done.next();
    };
    EXPECT_EQ(end_of(completed), "WrongLoop");
    EXPECT_EQ(end_of([&]() -> Task<void> { co_await future; }), "WrongLoop");

    AsyncGenerator<int> generator = numbers();
    loop.run_until_complete([](AsyncGenerator<int>& g) -> Task<void> { co_await g.next(); }(generator));
    EXPECT_EQ(end_of([&]() -> Task<void> { co_await generator.next(); }), "WrongLoop");
    loop.run_until_complete(cancel_and_join(handle));
}

TEST(P4, what_belongs_to_no_loop_works_under_any) {
    std::optional<Task<int>> task;
    std::optional<Generator<int>> generator;
    std::optional<std::pair<Completion<int>, Completer<int>>> completion;
    CancelScope scope;
    Timeout limit(1s);
    ContextVar<int> variable("variable", 0);
    Event event;
    Mutex mutex;
    Queue<int> queue;
    WorkerPool pool(1);
    EventLoop first;
    const auto makes = [&]() -> Task<void> {
        task.emplace(forty_two());
        generator.emplace(plain_numbers());
        generator->next();
        completion.emplace(make_completion<int>());
        variable.set(1);
        event.set();
        queue.put_nowait(1);
        co_await run_in_executor(pool, [] {});
    };
    first.run_until_complete(makes());
    first.close();

    EXPECT_EQ(end_of([&]() -> Task<void> { co_await std::move(*task); }), "works");
    EXPECT_EQ(end_of([&]() -> Task<void> { co_return static_cast<void>(generator->next()); }), "works");
    completion->second(1);
    EXPECT_EQ(end_of([&]() -> Task<void> { co_await completion->first; }), "works");
    EXPECT_EQ(end_of([&]() -> Task<void> { co_await scope.run(forty_two()); }), "works");
    EXPECT_EQ(end_of([&]() -> Task<void> { co_await limit.run(forty_two()); }), "works");
    EXPECT_EQ(end_of([&]() -> Task<void> { co_return static_cast<void>(variable.set(2)); }), "works");
    EXPECT_EQ(end_of([&]() -> Task<void> { co_await event.wait(); }), "works");
    EXPECT_EQ(end_of([&]() -> Task<void> { co_await mutex.acquire(); }), "works");
    EXPECT_EQ(end_of([&]() -> Task<void> { co_await queue.get(); }), "works");
    EXPECT_EQ(end_of([&]() -> Task<void> { co_await run_in_executor(pool, [] {}); }), "works");
}

TEST(P4, work_started_on_a_loop_of_another_thread_is_awaited_from_this_one) {
    std::optional<Pending<int>> pending = forty_two_later().start(on_background());
    const auto awaits = [&]() -> Task<void> {
        const int value = co_await *pending;
        EXPECT_EQ(value, 42);
    };
    run(awaits());
    const auto blocks = [&]() -> Task<void> {
        auto other = forty_two_later().start(on_background());
        EXPECT_THROW(static_cast<void>(other.get()), WouldDeadlock);
        const int value = co_await other;
        EXPECT_EQ(value, 42);
    };
    run(blocks());
}

namespace {

struct Call {
    const char* name;
    std::function<void()> call;
    const char* error;  // without a loop: the beginning of what it says, if it needs one
};

constexpr const char* no_loop = "no event loop runs on this thread";
constexpr const char* no_task = "a task group was made outside a task";

std::vector<Call> calls() {
    const auto later = [] { return forty_two(); };
    return {
        {"this_loop", [] { this_loop(); }, no_loop},
        {"create_task", [later] { create_task(later()); }, no_loop},
        {"create_task of a function", [later] { create_task(later); }, no_loop},
        {"create_future", [] { create_future<int>(); }, no_loop},
        {"Future", [] { Future<int>(); }, no_loop},
        {"as_completed", [] { static_cast<void>(as_completed(std::vector<TaskHandle<int>>())); }, no_task},
        {"this_loop_or_null", [] { this_loop_or_null(); }, ""},
        {"current_task", [] { current_task(); }, ""},
        {"current_reason", [] { current_reason(); }, ""},
        {"a task that nobody starts", [later] { static_cast<void>(later()); }, ""},
        {"make_completion", [] { make_completion<int>(); }, ""},
        {"EventLoop", [] { EventLoop(); }, ""},
        {"CancelScope", [] { CancelScope().cancel(); }, ""},
        {"Event", [] { Event().set(); }, ""},
        {"Mutex", [] { EXPECT_FALSE(Mutex().locked()); }, ""},
        {"Queue", [] { Queue<int>().put_nowait(1); }, ""},
        {"UniversalQueue", [] { UniversalQueue<int>().put_nowait(1); }, ""},
        {"ContextVar", [] { ContextVar<int>("fresh", 1).get(); }, ""},
        {"start(on_background())", [later] { later().start(on_background()); }, ""},
    };
}

Task<std::set<EventLoop*>> every_call() {
    for (const Call& each : calls()) EXPECT_NO_THROW(each.call()) << each.name;
    std::set<EventLoop*> loops = {&this_loop(), &create_future<int>().loop()};
    loops.insert(&create_task(forty_two()).loop());
    co_await sleep(0s);
    loops.insert(&this_loop());
    co_return loops;
}

}  // namespace

TEST(V18, four_threads_with_loops_use_their_own_and_one_without_is_told_so) {
    std::vector<std::set<EventLoop*>> seen(4);
    std::vector<std::thread> threads;
    for (auto& mine : seen) {
        threads.emplace_back([&mine] {
            EventLoop own;
            mine = own.run_until_complete(every_call());
            mine.insert(&own);
            own.close();
        });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& mine : seen) EXPECT_EQ(mine.size(), 1U);

    std::thread([] {
        for (const Call& each : calls()) {
            std::string text;
            try {
                each.call();
            } catch (const std::exception& error) {
                text = error.what();
            }
            EXPECT_EQ(text.substr(0, std::string(each.error).size()), each.error) << each.name;
            EXPECT_EQ(text.empty(), std::string(each.error).empty()) << each.name << ": " << text;
        }
        EXPECT_EQ(this_loop_or_null(), nullptr);
        EXPECT_EQ(run(forty_two()), 42);
        EXPECT_EQ(this_loop_or_null(), nullptr);
    }).join();
}
