// Rows of cancelling: every wait is a place to be cancelled, and what was cancelled there happened or did
// not.
#include <tandem/bridge/to_thread.hpp>
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
#include <tandem/task/completion.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/checkpoints.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <type_traits>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

template <class F>
Task<void> call(F make) {
    if constexpr (std::is_void_v<AwaitResult<std::invoke_result_t<F&>>>)
        co_await make();
    else [[maybe_unused]]
        auto&& result = co_await make();
}

/// That `make()`, which need not wait now, is a place to be cancelled at, before it does anything; and, in
/// strict mode, one where others have their turn.
template <class F>
Task<void> expect_checkpoint(const char* what, F make) {
    const bool cancels = co_await tandem::testing::assert_checkpoints(call<F>, make);
    const auto steps = current_task_node()->resumes();
    {
        const tandem::testing::StrictCheckpoints strict;
        co_await call(make);
    }
    EXPECT_TRUE(cancels) << what;
    EXPECT_GT(current_task_node()->resumes(), steps) << what;
}

Task<int> seven() { co_return 7; }

}  // namespace

ASYNC_TEST(V16, what_waits_in_the_room_of_tasks_is_a_checkpoint_also_when_it_need_not_wait) {
    auto ended = create_task(seven());
    co_await ended;
    Future<int> future;
    future.set_result(1);
    co_await expect_checkpoint("sleep", [] { return sleep(0s); });
    co_await expect_checkpoint("sleep_until", [] { return sleep_until(TimePoint{}); });
    co_await expect_checkpoint("checkpoint", [] { return checkpoint(); });
    co_await expect_checkpoint("handle.join", [&] { return ended.join(); });
    co_await expect_checkpoint("handle.join_only", [&] { return ended.join_only(); });
    co_await expect_checkpoint("handle", [&] { return ended; });
    co_await expect_checkpoint("future", [&] { return future; });
    co_await expect_checkpoint("future.wait", [&] { return future.wait(); });
}

ASYNC_TEST(V16, what_waits_in_the_room_of_sync_is_a_checkpoint_also_when_it_need_not_wait) {
    Event event;
    event.set();
    Mutex mutex;
    Mutex other_mutex;
    Semaphore semaphore(10);
    CapacityLimiter limiter(10);
    RateLimiter rate(10, 1s);
    Barrier barrier(1);
    Latch latch(0);
    co_await expect_checkpoint("Event.wait", [&] { return event.wait(); });
    co_await expect_checkpoint("Mutex.lock", [&] { return mutex.lock(); });
    co_await expect_checkpoint("Mutex.acquire", [&] { return other_mutex.acquire(); });
    co_await expect_checkpoint("Semaphore.hold", [&] { return semaphore.hold(); });
    co_await expect_checkpoint("Semaphore.acquire", [&] { return semaphore.acquire(); });
    co_await expect_checkpoint("CapacityLimiter.hold", [&] { return limiter.hold(); });
    co_await expect_checkpoint("RateLimiter.acquire", [&] { return rate.acquire(); });
    co_await expect_checkpoint("Barrier.wait", [&] { return barrier.wait(); });
    co_await expect_checkpoint("Latch.wait", [&] { return latch.wait(); });
    const bool locked = mutex.statistics().locked;
    const bool other_locked = other_mutex.statistics().locked;
    other_mutex.unlock();
    semaphore.release();

    EXPECT_FALSE(locked);       // its guard was dropped
    EXPECT_TRUE(other_locked);  // by the call that was not cancelled
}

ASYNC_TEST(V16, what_waits_for_items_is_a_checkpoint_also_when_it_need_not_wait) {
    Queue<int> queue;
    UniversalQueue<int> universal;
    auto channel = Channel<int>(10);
    co_await expect_checkpoint("Queue.put", [&] { return queue.put(1); });
    co_await expect_checkpoint("UniversalQueue.put", [&] { return universal.put(1); });
    co_await expect_checkpoint("Sender.send", [&] { return channel.sender.send(1); });
    const auto put_by_the_cancelled = queue.qsize() + universal.qsize() - 2;
    queue.put_nowait(2);
    universal.put_nowait(2);
    co_await expect_checkpoint("Queue.get", [&] { return queue.get(); });
    co_await expect_checkpoint("Queue.next", [&] { return queue.next(); });
    co_await expect_checkpoint("UniversalQueue.get", [&] { return universal.get(); });
    co_await expect_checkpoint("UniversalQueue.next", [&] { return universal.next(); });
    co_await expect_checkpoint("Receiver.receive", [&] { return channel.receiver.receive(); });
    queue.task_done();
    queue.task_done();
    co_await expect_checkpoint("Queue.join", [&] { return queue.join(); });

    EXPECT_EQ(put_by_the_cancelled, 0U);
    EXPECT_TRUE(queue.empty() && universal.empty());
}

namespace {

struct World {
    Mutex mutex;
    Semaphore places{1};
    Condition changed{mutex};
    Event go;
    Queue<int> in{2};
    Queue<int> out{1};
    int taken = 0;
    int put = 0;
    bool over = false;
};

/// Waits everywhere one can wait, and counts what happened.
Task<void> scenario(World& world) {
    for (int i = 0; i < 2; ++i) {
        {
            auto place = co_await world.places.hold();
            co_await sleep(1ms);
        }
        const int item = co_await world.in.get();
        ++world.taken;
        {
            auto lock = co_await world.mutex.lock();
            co_await world.changed.wait();
        }
        co_await world.go.wait();
        co_await sleep(1ms);
        co_await world.out.put(item);
        ++world.put;
    }
    world.over = true;
}

/// Brings everything about that `scenario` waits for, slowly.
Task<void> partner(World& world, int& sent, int& received) {
    for (;;) {
        {
            auto place = co_await world.places.hold();
            co_await sleep(1ms);
        }
        if (sent < 2) {
            co_await world.in.put(sent);
            ++sent;
        }
        {
            auto lock = co_await world.mutex.lock();
            world.changed.notify_all();
            co_await sleep(1ms);
        }
        world.go.set();
        co_await sleep(2ms);
        if (world.out.try_get()) ++received;
    }
}

/// The state in which a task that was cancelled in its `turn` leaves the world. True if it had ended before.
Task<bool> cancelled_in(int turn) {
    World world;
    int sent = 0;
    int received = 0;
    auto helper = create_task(partner(world, sent, received));
    auto victim = create_task(scenario(world));
    for (int i = 0; i < turn && !victim.done(); ++i) co_await sleep(500us);
    const bool ended = !victim.cancel();
    co_await victim.join_only();
    helper.cancel();
    co_await helper.join_only();

    const bool lock_is_free = world.mutex.try_lock();
    const bool place_is_free = world.places.try_acquire();
    EXPECT_TRUE(lock_is_free) << "in turn " << turn;
    EXPECT_TRUE(place_is_free) << "in turn " << turn;
    EXPECT_EQ(sent, world.taken + static_cast<int>(world.in.qsize())) << "in turn " << turn;
    EXPECT_EQ(world.put, received + static_cast<int>(world.out.qsize())) << "in turn " << turn;
    EXPECT_EQ(world.go.statistics().tasks_waiting, 0U);
    EXPECT_EQ(world.changed.statistics().tasks_waiting, 0U);
    EXPECT_EQ(world.in.statistics().getters_waiting + world.out.statistics().putters_waiting, 0U);
    if (lock_is_free) world.mutex.unlock();
    if (place_is_free) world.places.release();
    EXPECT_EQ(ended, world.over);
    co_return ended;
}

}  // namespace

ASYNC_TEST(V14,
           cancelled_at_any_of_its_awaits_a_task_leaves_locks_free_places_in_line_empty_and_items_whole) {
    int turns = 0;
    bool ended = false;
    while (!ended && turns < 1'000) {
        ended = co_await cancelled_in(turns);
        ++turns;
    }
    EXPECT_TRUE(ended);
    EXPECT_GT(turns, 10);
}
