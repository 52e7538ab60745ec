// What holds for every type of this room.
#include <tandem/base/errors.hpp>
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
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

template <class Wait>
Task<void> wait_for_it(Wait wait) {
    co_await std::move(wait);
}

template <class Wait>
Task<std::string> shown(Wait wait) {
    auto task = create_task(wait_for_it(std::move(wait)));
    co_await checkpoint();
    std::string noun = task.node().waiting() ? task.node().waiting()->waiting_for() : "nothing";
    task.cancel();
    co_await checkpoint();
    co_return noun;
}

Task<void> lock_once(Mutex& mutex) { auto guard = co_await mutex.lock(); }

Task<std::string> lock_elsewhere(Mutex& mutex) {
    try {
        co_await mutex.acquire();
    } catch (const WrongLoop& error) {
        co_return error.what();
    }
    co_return "";
}

template <class Call>
std::string on_another_thread(Call call) {
    std::string message;
    std::thread([&] {
        try {
            call();
        } catch (const WrongLoop& error) {
            message = error.what();
        }
    }).join();
    return message;
}

}  // namespace

ASYNC_TEST(SemS5, each_wait_shows_a_noun) {
    Mutex mutex;
    Condition condition(mutex);
    Event event;
    Semaphore semaphore(0);
    Barrier barrier(2);
    CapacityLimiter limiter(0);
    Latch latch(1);
    Queue<int> queue(1);
    queue.put_nowait(1);
    Queue<int> empty;
    auto channel = Channel<int>(0);
    RateLimiter rate(1, 1h);
    co_await rate.acquire();
    co_await mutex.acquire();

    const std::string nouns[] = {"mutex",
                                 "event",
                                 "semaphore",
                                 "barrier",
                                 "capacity limiter",
                                 "a count of zero",
                                 "room in a queue",
                                 "an item of a queue",
                                 "the items of a queue to be done",
                                 "room in a channel",
                                 "an item of a channel",
                                 "rate limiter"};
    std::string found[12];
    found[0] = co_await shown(mutex.acquire());
    found[1] = co_await shown(event.wait());
    found[2] = co_await shown(semaphore.acquire());
    found[3] = co_await shown(barrier.wait());
    found[4] = co_await shown(limiter.acquire());
    found[5] = co_await shown(latch.wait());
    found[6] = co_await shown(queue.put(2));
    found[7] = co_await shown(empty.get());
    found[8] = co_await shown(queue.join());
    found[9] = co_await shown(channel.sender.send(1));
    found[10] = co_await shown(channel.receiver.receive());
    found[11] = co_await shown(rate.acquire());
    for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(found[i], nouns[i]);
    EXPECT_TRUE(mutex.locked());
}

ASYNC_TEST(SemS7, who_waits_for_something_that_is_destroyed_gets_an_error_with_the_way_out) {
    auto event = std::make_unique<Event>();
    auto waiter = create_task(wait_for_it(event->wait()));
    co_await checkpoint();
    event.reset();
    std::string message;
    try {
        co_await waiter;
    } catch (const InvalidStateError& error) {
        message = error.what();
    }
    EXPECT_NE(message.find("the event that"), std::string::npos) << message;
    EXPECT_NE(message.find("must outlive"), std::string::npos) << message;
}

TEST(SemS7, under_debug_it_ends_the_process) {
    const auto destroy_early = [] {
        EventLoopOptions options;
        options.debug = true;
        EventLoop loop(options);
        auto event = std::make_unique<Event>();
        auto waiter = loop.create_task(wait_for_it(event->wait()));
        loop.poll_once();
        loop.poll_once();
        event.reset();
    };
    EXPECT_DEATH(destroy_early(), "an Event was destroyed while 1 tasks waited for it");
}

ASYNC_TEST(SemS1, another_thread_is_refused_at_once_with_both_loops_and_the_way_out) {
    Mutex mutex;
    Queue<int> queue;
    queue.put_nowait(1);
    co_await lock_once(mutex);
    const int item = co_await queue.get();
    const std::string plain = on_another_thread([&] { static_cast<void>(mutex.try_lock()); });
    const std::string nowait = on_another_thread([&] { queue.put_nowait(2); });
    const std::string waiting = on_another_thread([&] {
        const std::string message = run(lock_elsewhere(mutex));
        throw WrongLoop(message);
    });

    EXPECT_EQ(item, 1);
    EXPECT_NE(plain.find("a Mutex of event loop 0x"), std::string::npos) << plain;
    EXPECT_NE(plain.find("thread without a loop"), std::string::npos) << plain;
    EXPECT_NE(plain.find("UniversalQueue"), std::string::npos) << plain;
    EXPECT_NE(nowait.find("a Queue of event loop 0x"), std::string::npos) << nowait;
    EXPECT_NE(waiting.find("on event loop 0x"), std::string::npos) << waiting;
    EXPECT_NE(waiting.find("line_rules_test.cpp"), std::string::npos) << waiting;
    EXPECT_FALSE(mutex.locked());
}

TEST(SemS1, an_object_is_free_again_when_its_loop_has_closed) {
    Mutex mutex;
    for (int i = 0; i < 3; ++i) {
        EventLoop loop;
        loop.run_until_complete(lock_once(mutex));
    }
    std::thread([&] { run(lock_once(mutex)); }).join();
    EXPECT_TRUE(mutex.try_lock());
}
