// Plain code that waits for what tasks wait for.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/universal_queue.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

using namespace tandem;
using namespace std::chrono_literals;

TEST(SemS8, plain_code_waits_with_get_and_gives_the_guard_back_on_its_own_thread) {
    Mutex mutex;
    Queue<int> queue(1);
    {
        auto guard = mutex.lock().get();
        EXPECT_TRUE(mutex.locked());
        EXPECT_THROW(mutex.acquire().get(20ms), TimeoutError);
    }
    mutex.acquire().get();
    queue.put(5).get();
    EXPECT_EQ(queue.get().get(), 5);
    EXPECT_TRUE(mutex.locked());
}

TEST(SemS24, plain_code_may_use_the_tasks_calls_with_get) {
    UniversalQueue<int> queue(1);
    queue.put(4).get();
    EXPECT_EQ(queue.get().get(), 4);
    EXPECT_THROW(static_cast<void>(queue.get().get(20ms)), TimeoutError);
    std::thread later([&] {
        std::this_thread::sleep_for(5ms);
        queue.put_blocking(9);
    });
    EXPECT_EQ(queue.get().get(), 9);
    later.join();
}
