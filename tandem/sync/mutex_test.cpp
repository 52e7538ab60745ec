#include <tandem/sync/mutex.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Order = std::vector<int>;

Task<void> lock_and_note(Mutex& mutex, Order& order, int number) {
    auto guard = co_await mutex.lock();
    order.push_back(number);
    co_await checkpoint();
}

Task<void> acquire_and_keep(Mutex& mutex, Order& order, int number) {
    co_await mutex.acquire();
    order.push_back(number);
}

Task<void> lock_for(Mutex& mutex, Duration length) {
    auto guard = co_await mutex.lock();
    co_await sleep(length);
}

Task<MutexGuard> guard_of(Mutex& mutex) { co_return co_await mutex.lock(); }

Task<void> keep(MutexGuard guard, Duration length) {
    co_await sleep(length);
    guard.unlock();
}

static_assert(!std::is_copy_constructible_v<MutexGuard> && std::is_nothrow_move_constructible_v<MutexGuard>);
static_assert(!std::is_aggregate_v<MutexGuard>);

}  // namespace

ASYNC_TEST(SemS2, four_tasks_get_the_lock_in_the_order_in_which_they_asked) {
    Mutex mutex;
    Order order;
    co_await gather(lock_and_note(mutex, order, 1), lock_and_note(mutex, order, 2),
                    lock_and_note(mutex, order, 3), lock_and_note(mutex, order, 4));

    EXPECT_EQ(order, (Order{1, 2, 3, 4}));
    EXPECT_FALSE(mutex.locked());
}

ASYNC_TEST(SemS2, a_newcomer_and_try_lock_do_not_overtake_between_hand_over_and_resumption) {
    Mutex mutex;
    Order order;
    co_await mutex.acquire();
    auto first = create_task(acquire_and_keep(mutex, order, 1));
    co_await checkpoint();
    mutex.unlock();
    const bool tried = mutex.try_lock();
    auto second = create_task(acquire_and_keep(mutex, order, 2));
    co_await first;
    mutex.unlock();
    co_await second;

    EXPECT_FALSE(tried);
    EXPECT_EQ(order, (Order{1, 2}));
    mutex.unlock();
}

ASYNC_TEST(SemS3, the_lock_stays_locked_while_it_changes_hands) {
    Mutex mutex;
    Order order;
    co_await mutex.acquire();
    auto waiter = create_task(acquire_and_keep(mutex, order, 1));
    co_await checkpoint();
    mutex.unlock();
    const bool locked_at_once = mutex.locked();
    const bool ran_inline = !order.empty();
    co_await waiter;

    EXPECT_TRUE(locked_at_once);
    EXPECT_FALSE(ran_inline);
    EXPECT_TRUE(mutex.locked());
    mutex.unlock();
}

ASYNC_TEST(SemS3, a_hundred_thousand_hand_overs_need_no_stack) {
    Mutex mutex;
    int done = 0;
    const auto worker = [](Mutex& m, int& count) -> Task<void> {
        for (int i = 0; i < 50'000; ++i) {
            auto guard = co_await m.lock();
            ++count;
        }
    };
    co_await gather(worker(mutex, done), worker(mutex, done));

    EXPECT_EQ(done, 100'000);
}

ASYNC_TEST(SemS4, a_release_and_a_cancel_of_the_first_waiter_in_one_step_let_the_second_have_it) {
    for (const bool release_first : {true, false}) {
        Mutex mutex;
        Order order;
        co_await mutex.acquire();
        auto first = create_task(acquire_and_keep(mutex, order, 1));
        auto second = create_task(acquire_and_keep(mutex, order, 2));
        co_await checkpoint();
        if (release_first) mutex.unlock();
        first.cancel();
        if (!release_first) mutex.unlock();
        co_await second;

        EXPECT_EQ(order, (Order{2})) << release_first;
        EXPECT_TRUE(first.cancelled());
        mutex.unlock();
        EXPECT_FALSE(mutex.locked());
    }
}

ASYNC_TEST(SemS4, cancelling_a_task_that_had_the_lock_and_ended_changes_nothing) {
    Mutex mutex;
    auto task = create_task(lock_for(mutex, 1ms));
    co_await task;
    const bool asked = task.cancel();

    EXPECT_FALSE(asked);
    EXPECT_FALSE(mutex.locked());
}

ASYNC_TEST(SemS5, a_free_lock_is_a_checkpoint_too) {
    Mutex mutex;
    CancelScope scope;
    scope.cancel();
    const bool locked = co_await scope.run(lock_for(mutex, 0ms));

    EXPECT_FALSE(locked);
    EXPECT_FALSE(mutex.locked());
}

ASYNC_TEST(SemS5, a_wait_says_what_for_and_who_holds_it) {
    Mutex mutex;
    auto holder = create_task(lock_for(mutex, 10ms));
    co_await checkpoint();
    auto waiter = create_task(lock_for(mutex, 0ms));
    co_await checkpoint();
    const auto tree = dump_tree(this_loop());
    const auto wanted = "waiting for mutex, held by task " + std::to_string(holder.node().id());
    co_await waiter;

    EXPECT_NE(tree.find(wanted), std::string::npos) << tree;
}

ASYNC_TEST(SemS6, a_guard_unlocks_when_it_dies_and_may_move_into_another_task) {
    Mutex mutex;
    auto guard = co_await guard_of(mutex);
    auto keeper = create_task(keep(std::move(guard), 10ms));
    const bool owns = guard.owns_lock();
    const auto start = this_loop().time();
    {
        auto next = co_await mutex.lock();
        EXPECT_EQ(this_loop().time() - start, 10ms);
        EXPECT_TRUE(keeper.done() || mutex.locked());
    }

    EXPECT_FALSE(owns);
    EXPECT_FALSE(mutex.locked());
    co_await keeper;
}

ASYNC_TEST(SemS6, a_released_guard_leaves_the_lock_to_unlock) {
    Mutex mutex;
    {
        auto guard = co_await mutex.lock();
        guard.release();
    }
    EXPECT_TRUE(mutex.locked());
    mutex.unlock();
    EXPECT_FALSE(mutex.locked());
}

ASYNC_TEST(SemS10, unlocking_what_is_not_locked_throws_and_says_where) {
    Mutex mutex;
    std::string message;
    try {
        mutex.unlock();
    } catch (const InvalidStateError& error) {
        message = error.what();
    }
    EXPECT_NE(message.find("mutex_test.cpp"), std::string::npos) << message;
    EXPECT_NE(message.find("lock() it first"), std::string::npos) << message;
    co_return;
}

ASYNC_TEST(SemS10, any_callback_may_unlock) {
    Mutex mutex;
    co_await mutex.acquire();
    this_loop().call_later(5ms, [&mutex] { mutex.unlock(); });
    const auto start = this_loop().time();
    auto guard = co_await mutex.lock();

    EXPECT_EQ(this_loop().time() - start, 5ms);
}

ASYNC_TEST(SemS10, a_second_lock_by_the_same_task_waits) {
    Mutex mutex;
    auto guard = co_await mutex.lock();
    const auto second = co_await move_on_after(10ms, lock_for(mutex, 0ms));

    EXPECT_FALSE(second);
    EXPECT_EQ(mutex.statistics().tasks_waiting, 0u);
}

ASYNC_TEST(SemS25, the_holder_is_the_last_one_who_locked_and_where) {
    Mutex mutex;
    const bool nobody = !mutex.holder().has_value();
    auto task = create_task(lock_for(mutex, 5ms));
    co_await checkpoint();
    const auto holder = mutex.holder();
    TANDEM_CO_ASSERT_TRUE(holder.has_value());

    EXPECT_TRUE(nobody);
    EXPECT_EQ(holder->task_id, task.node().id());
    EXPECT_NE(std::string(holder->place.file_name()).find("mutex_test.cpp"), std::string::npos);
    EXPECT_TRUE(mutex.statistics().locked);
    co_await task;
    EXPECT_FALSE(mutex.holder().has_value());
}
