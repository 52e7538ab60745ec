// V2, the rooms of tasks and of what tasks wait for.
#include <tests/contracts/nothing_behind.hpp>

#include <tandem/sync/actor.hpp>
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
#include <tandem/sync/task_pool.hpp>
#include <tandem/sync/universal_queue.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/async_generator.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/completion.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/join_all_tasks.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/task/wait_handles.hpp>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace tandem::contracts {
namespace {

using namespace std::chrono_literals;

Task<int> seven() {
    co_await sleep(1ms);
    co_return 7;
}
Task<void> nap() { co_await sleep(1ms); }
Task<int> slow() {
    co_await sleep(1h);
    co_return 8;
}
Task<int> failing() {
    co_await sleep(1ms);
    throw std::runtime_error("as asked");
}
std::vector<Task<int>> three_sevens() {
    std::vector<Task<int>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(seven());
    return tasks;
}
std::vector<TaskHandle<int>> ended(int count) {
    std::vector<TaskHandle<int>> handles;
    for (int i = 0; i < count; ++i) handles.push_back(create_task(seven()));
    return handles;
}
AsyncGenerator<int> numbers(int to) {
    for (int i = 0; i < to; ++i) {
        co_await sleep(1ms);
        co_yield i;
    }
}
Task<void> first_of_three() {
    AsyncGenerator<int> generator = numbers(3);
    co_await generator.next();
    co_await generator.aclose();
}

ASYNC_TEST(V2, sleeping_and_joining_leave_nothing_behind) {
    co_await leaves_nothing("task/sleep.hpp: sleep", [] { return sleep(1ms); });
    co_await leaves_nothing("task/sleep.hpp: sleep_until",
                            [] { return sleep_until(this_loop().time() + 1ms); });
    co_await leaves_nothing("task/sleep.hpp: checkpoint", [] { return checkpoint(); });
    auto handles = ended(1);
    co_await sleep(2ms);
    const auto& handle = handles[0];
    co_await leaves_nothing("task/task_handle.hpp: join", [&] { return handle.join(); });
    co_await leaves_nothing("task/task_handle.hpp: join_only", [&] { return handle.join_only(); });
    co_await leaves_nothing("task/as_result.hpp: as_result", [] { return as_result(failing()); });
    co_await leaves_nothing("task/wait_handles.hpp: wait", [&] { return wait(handles); });
}

ASYNC_TEST(V2, a_wait_that_its_limit_ends_leaves_nothing_behind) {
    co_await leaves_nothing("task/timeout.hpp: timeout", [] { return as_result(timeout(1ms, slow())); });
    co_await leaves_nothing("task/timeout.hpp: timeout_at",
                            [] { return as_result(timeout_at(this_loop().time() + 1ms, slow())); });
    co_await leaves_nothing("task/timeout.hpp: wait_for", [] { return as_result(wait_for(slow(), 1ms)); });
    co_await leaves_nothing("task/timeout.hpp: move_on_after", [] { return move_on_after(1ms, slow()); });
    co_await leaves_nothing("task/timeout.hpp: move_on_at",
                            [] { return move_on_at(this_loop().time() + 1ms, slow()); });
    Timeout limit(1ms);
    co_await leaves_nothing("task/timeout.hpp: run", [&] { return as_result(limit.run(slow())); });
    co_await leaves_nothing("task/timeout.hpp: timeout, in time", [] { return timeout(1h, seven()); });
    co_await leaves_nothing("task/shield.hpp: shield", [] { return shield(seven()); });
    co_await leaves_nothing("task/shield.hpp: with_finally", [] { return with_finally(seven(), nap()); });
    CancelScope scope(1ms);
    co_await leaves_nothing("task/cancel_scope.hpp: run", [&] { return scope.run(slow()); });
}

ASYNC_TEST(V2, what_awaits_several_ends_them_all) {
    co_await leaves_nothing("task/gather.hpp: gather", [] { return gather(three_sevens()); });
    co_await leaves_nothing("task/gather.hpp: gather, failing",
                            [] { return as_result(gather(slow(), failing(), slow())); });
    co_await leaves_nothing("task/gather.hpp: gather_results",
                            [] { return gather_results(seven(), failing()); });
    co_await leaves_nothing("task/race.hpp: race", [] { return race(slow(), seven(), slow()); });
    co_await leaves_nothing("task/race.hpp: any_of", [] { return any_of(slow(), failing(), seven()); });
    co_await leaves_nothing("task/race.hpp: staggered_race", [] {
        std::vector<Task<int> (*)()> arms{slow, seven, slow};
        return staggered_race(std::move(arms), Deadline(1ms));
    });
    co_await leaves_nothing("task/as_completed.hpp: next", []() -> Task<void> {
        auto done = as_completed(three_sevens());
        while (auto handle = co_await done.next()) EXPECT_EQ(handle->result(), 7);
    });
    co_await leaves_nothing("task/task_group.hpp: join", []() -> Task<void> {
        TaskGroup group;
        group.create_task(seven());
        group.create_task(seven());
        co_await group.join();
    });
    co_await leaves_nothing("task/join_all_tasks.hpp: join_all_tasks", []() -> Task<void> {
        create_task(seven());
        create_task(nap());
        co_await join_all_tasks();
    });
}

ASYNC_TEST(V2, an_async_generator_runs_only_while_it_is_read) {
    AsyncGenerator<int> generator = numbers(9);
    co_await leaves_nothing("task/async_generator.hpp: next", [&] { return generator.next(); });
    co_await leaves_nothing("task/async_generator.hpp: aclose", [&] { return generator.aclose(); });
    co_await leaves_nothing("task/async_generator.hpp: collect", [] { return collect(numbers(3)); });
    co_await leaves_nothing("task/async_generator.hpp: aclose, early", first_of_three);
    AsyncGenerator<int, int> asked = []() -> AsyncGenerator<int, int> {
        for (int i = 0; i < 5; ++i) co_yield i;
    }();
    co_await asked.next();
    co_await leaves_nothing("task/async_generator.hpp: send", [&] { return asked.send(1); });
    co_await leaves_nothing("task/async_generator.hpp: throw_in", [&] {
        return as_result(as_task(asked.throw_in(std::make_exception_ptr(std::runtime_error("thrown in")))));
    });
    AsyncGenerator<int> read = numbers(3);
    co_await leaves_nothing("task/async_generator.hpp: async_closing",
                            [&] { return async_closing(read, seven()); });
}

ASYNC_TEST(V2, waiting_in_line_leaves_nothing_behind) {
    Event event;
    event.set();
    Latch latch(0);
    Barrier barrier(1);
    Mutex mutex;
    Mutex held;
    Semaphore semaphore(2);
    CapacityLimiter limiter(9);
    RateLimiter rate(2, 1ms);
    Condition condition(held);
    int borrower = 0;
    co_await leaves_nothing("sync/event.hpp: wait", [&] { return event.wait(); });
    co_await leaves_nothing("sync/latch.hpp: wait", [&] { return latch.wait(); });
    co_await leaves_nothing("sync/barrier.hpp: wait", [&] { return barrier.wait(); });
    co_await leaves_nothing("sync/mutex.hpp: lock", [&] { return mutex.lock(); });
    co_await leaves_nothing("sync/mutex.hpp: acquire", [&] { return held.acquire(); });
    co_await leaves_nothing("sync/condition.hpp: wait", [&] { return condition.wait([] { return true; }); });
    held.unlock();
    co_await leaves_nothing("sync/semaphore.hpp: hold", [&] { return semaphore.hold(); });
    co_await leaves_nothing("sync/semaphore.hpp: acquire", [&] { return semaphore.acquire(); });
    co_await leaves_nothing("sync/capacity_limiter.hpp: hold", [&] { return limiter.hold(); });
    co_await leaves_nothing("sync/capacity_limiter.hpp: acquire_on_behalf_of",
                            [&] { return limiter.acquire_on_behalf_of(Borrower(&borrower)); });
    co_await leaves_nothing("sync/capacity_limiter.hpp: acquire", [&] { return limiter.acquire(); });
    co_await leaves_nothing("sync/rate_limiter.hpp: acquire", [&] { return rate.acquire(); });
    co_await rate.acquire();
    co_await leaves_nothing("sync/rate_limiter.hpp: acquire, waiting",
                            [&] { return as_result(timeout(100us, rate.acquire())); });
    semaphore.release();
}

ASYNC_TEST(V2, handing_items_on_leaves_nothing_behind) {
    Queue<int> queue;
    UniversalQueue<int> universal;
    Channel<int> channel(2);
    co_await leaves_nothing("sync/queue.hpp: put", [&] { return queue.put(1); });
    co_await leaves_nothing("sync/queue.hpp: get", [&] { return queue.get(); });
    queue.put_nowait(2);
    co_await leaves_nothing("sync/queue.hpp: next", [&] { return queue.next(); });
    queue.task_done();
    queue.task_done();
    co_await leaves_nothing("sync/queue.hpp: join", [&] { return queue.join(); });
    co_await leaves_nothing("sync/queue.hpp: get, given up",
                            [&] { return as_result(timeout(1ms, queue.get())); });
    co_await leaves_nothing("sync/universal_queue.hpp: put", [&] { return universal.put(1); });
    co_await leaves_nothing("sync/universal_queue.hpp: get", [&] { return universal.get(); });
    universal.put_nowait(2);
    co_await leaves_nothing("sync/universal_queue.hpp: next", [&] { return universal.next(); });
    co_await leaves_nothing("sync/channel.hpp: send", [&] { return channel.sender.send(1); });
    co_await leaves_nothing("sync/channel.hpp: receive", [&] { return channel.receiver.receive(); });
}

struct Question {
    explicit Question(Completer<int> to) : reply(std::move(to)) {}
    Completer<int> reply;
};
struct Answers {
    using Message = Question;
    Task<void> receive(Question question) {
        question.reply(7);
        co_return;
    }
};

ASYNC_TEST(V2, actors_and_pools_end_with_what_runs_them) {
    Actor<Answers> actor;
    auto living = create_task(actor.run());
    co_await leaves_nothing("sync/actor.hpp: ask", [&] {
        return actor.ask<int>([](Completer<int> reply) { return Question(std::move(reply)); });
    });
    co_await leaves_nothing("sync/actor.hpp: tell", [&]() -> Task<void> {
        auto [answer, reply] = make_completion<int>();
        co_await actor.tell(Question(std::move(reply)));
        co_await std::move(answer);
    });
    actor.stop();
    co_await living;
    co_await leaves_nothing("sync/actor.hpp: run", []() -> Task<void> {
        Actor<Answers> stopped;
        stopped.stop();
        co_await stopped.run();
    });
    co_await leaves_nothing("sync/task_pool.hpp: join", []() -> Task<void> {
        TaskPool pool(1);
        pool.spawn(seven());
        pool.spawn(seven());
        co_await pool.join();
    });
    co_await leaves_nothing("sync/task_pool.hpp: kill", []() -> Task<void> {
        TaskPool pool;
        pool.spawn(slow());
        co_await pool.kill();
    });
    co_await leaves_nothing("sync/task_pool.hpp: next", []() -> Task<void> {
        TaskPool pool(1);
        std::vector<int> items{1, 2};
        auto results = pool.imap([](int n) -> Task<int> { co_return n; }, items);
        while (auto result = co_await results.next()) EXPECT_GT(*result, 0);
    });
}

Task<void> call_what_does_not_wait() {
    Event event;
    event.set();
    event.clear();
    Latch latch(1);
    latch.count_down();
    Mutex mutex;
    EXPECT_TRUE(mutex.try_lock());
    Condition condition(mutex);
    condition.notify_all();
    mutex.unlock();
    Semaphore semaphore(1);
    EXPECT_TRUE(semaphore.try_acquire());
    semaphore.release();
    Barrier barrier(2);
    barrier.abort();
    barrier.reset();
    Queue<int> queue;
    queue.put_nowait(1);
    EXPECT_EQ(queue.get_nowait(), 1);
    queue.shutdown();
    UniversalQueue<int> universal;
    universal.put_nowait(1);
    EXPECT_EQ(universal.get_nowait(), 1);
    Channel<int> channel(1);
    EXPECT_TRUE(channel.sender.try_send(1));
    EXPECT_TRUE(channel.receiver.try_receive().has_value());
    channel.sender.close();
    Future<int> future;
    future.set_result(1);
    CancelScope scope(1h);
    scope.set_deadline(Deadline(2h));
    scope.cancel("asked to");
    auto [answer, complete] = make_completion<int>();
    complete(1);
    TaskGroup group;
    group.cancel("asked to");
    co_await group.join();
    co_await std::move(answer);
}

ASYNC_TEST(V2, what_does_not_wait_starts_nothing_either) {
    co_await leaves_nothing("what does not wait", call_what_does_not_wait);
}

}  // namespace
}  // namespace tandem::contracts
