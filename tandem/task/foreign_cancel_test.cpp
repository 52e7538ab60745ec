#include <tandem/task/task_handle.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/processor_time.hpp>

#include <gtest/gtest.h>

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<void> sleep_long() { co_await sleep(1h); }
Task<void> brief() { co_await sleep(0s); }

}  // namespace

TEST(SemK27, cancel_from_another_thread_is_a_post_and_keeps_its_reason) {
    EventLoop loop;
    auto handle = loop.create_task(sleep_long());
    std::thread other([&] {
        while (!loop.is_running()) std::this_thread::yield();
        EXPECT_TRUE(handle.cancel("from outside"));
    });
    try {
        loop.run_until_complete(handle);
        ADD_FAILURE() << "the task went on";
    } catch (const TaskCancelled& cancelled) {
        EXPECT_EQ(cancelled.reason(), "from outside");
    }
    other.join();
    EXPECT_FALSE(handle.cancel());
}

TEST(SemL50, tasks_cancelled_from_three_threads_while_their_handles_are_dropped_all_end_once) {
    EventLoop loop;
    constexpr int rounds = 300;
    std::atomic<TaskHandle<void>*> offered = nullptr;
    std::atomic<int> round = -1;  // the one that `offered` belongs to
    std::atomic<int> asked = 0;
    const auto offer = [&]() -> Task<void> {
        for (int i = 0; i < rounds; ++i) {
            auto handle = std::make_unique<TaskHandle<void>>(create_task(sleep_long()));
            offered.store(handle.get());
            round.store(i);
            while (asked.load() < 3 * (i + 1)) co_await brief();
            if (i % 2 == 0) co_await handle->join_only();
            handle.reset();  // the posts of the three may still be on their way
        }
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < rounds; ++i) {
                while (round.load() != i) std::this_thread::yield();
                offered.load()->cancel("round");
                asked.fetch_add(1);
            }
        });
    }
    loop.run_until_complete(offer());
    for (auto& thread : threads) thread.join();
    while (!all_tasks(loop).empty()) loop.poll_once(1ms);

    EXPECT_EQ(asked.load(), 3 * rounds);
}

TEST(SemKt12, every_live_task_is_listed_from_four_threads_while_tasks_are_born_and_die) {
    EventLoop loop;
    constexpr int askers = 4;
    std::atomic<int> finished = 0;
    std::atomic<int> without_keeper = 0;
    auto keeper = loop.create_task(sleep_long(), {.name = "keeper"});
    const auto churn = [&]() -> Task<void> {
        while (finished.load() < askers) {
            for (int i = 0; i < 100; ++i) create_task(brief());
            co_await brief();
        }
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < askers; ++t) {
        threads.emplace_back([&] {
            while (!loop.is_running()) std::this_thread::yield();
            for (int i = 0; i < 25; ++i) {
                const auto tasks = all_tasks(loop);
                if (tasks.size() < 2 || tasks.front().name != "keeper") ++without_keeper;
            }
            ++finished;
        });
    }
    loop.run_until_complete(churn());
    for (auto& thread : threads) thread.join();
    keeper.cancel();
    while (!all_tasks(loop).empty()) loop.poll_once(1ms);

    EXPECT_EQ(without_keeper.load(), 0);
}

TEST(SemW3, a_thread_that_ends_itself_inside_a_task_ends_without_ending_the_process) {
    struct Shared {
        bool unwound = false;
        bool returned = false;
        std::optional<EventLoop> loop;
    } shared;
    shared.loop.emplace();
    pthread_t thread{};
    const auto body = [](void* argument) -> void* {
        auto& state = *static_cast<Shared*>(argument);
        const auto inner = [&state]() -> Task<void> {
            struct Unwound {
                bool& flag;
                ~Unwound() { flag = true; }
            } unwound{state.unwound};
            co_await sleep(1ms);
            ::pthread_exit(nullptr);
        };
        const auto outer = [&inner]() -> Task<void> { co_await inner(); };
        state.loop->run_until_complete(outer());
        state.returned = true;
        return nullptr;
    };
    ASSERT_EQ(::pthread_create(&thread, nullptr, body, &shared), 0);
    ASSERT_EQ(::pthread_join(thread, nullptr), 0);

    EXPECT_TRUE(shared.unwound);
    EXPECT_FALSE(shared.returned);
    EXPECT_TRUE(all_tasks(*shared.loop).empty());
    EXPECT_FALSE(shared.loop->is_running());
}

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool slow = true;
#elif defined(__has_feature)
constexpr bool slow = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool slow = false;
#endif

Task<void> come_and_go(const bool& over) {
    while (!over) {
        auto handle = create_task(brief());
        co_await handle;
    }
}

}  // namespace

TEST(SemK32, all_tasks_is_answered_to_another_thread_while_tasks_churn_and_never_stops_the_loop_for_long) {
    EventLoop loop;
    bool over = false;
    std::atomic<int> answers = 0;
    std::vector<TaskHandle<void>> tasks;
    for (int i = 0; i < 100; ++i) tasks.push_back(loop.create_task(come_and_go(over)));
    std::thread asker([&] {
        while (!loop.is_running()) std::this_thread::yield();
        while (answers < 50) {
            const auto all = all_tasks(loop);
            if (all.size() < 100) break;
            ++answers;
        }
        loop.stop_threadsafe();
    });
    // What one turn takes of the processor besides its hundred tasks.
    Duration worst{};
    Duration last = tandem::testing::processor_time();
    std::function<void()> each_turn = [&] {
        const auto now = tandem::testing::processor_time();
        worst = std::max(worst, now - std::exchange(last, now));
        loop.call_soon(each_turn);
    };
    loop.call_soon(each_turn);
    loop.run_forever();
    asker.join();
    over = true;
    while (!all_tasks(loop).empty()) loop.poll_once();
    EXPECT_EQ(answers, 50);
    EXPECT_LT(worst, slow ? 50ms : 2ms);
}

TEST(SemK32, between_two_polls_of_a_host_all_tasks_is_answered_by_the_next) {
    EventLoop loop;
    auto handle = loop.create_task(sleep_long());
    loop.poll_once();
    std::atomic<bool> answered = false;
    std::thread asker([&] {
        EXPECT_EQ(all_tasks(loop).size(), 1U);
        answered = true;
    });
    std::this_thread::sleep_for(20ms);
    EXPECT_FALSE(answered);  // nobody reads what the host may be changing
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!answered && std::chrono::steady_clock::now() < end) loop.poll_once();
    EXPECT_TRUE(answered);
    asker.join();
    handle.cancel();
    loop.poll_once();
}

TEST(SemK32, all_tasks_asked_while_a_drive_ends_is_answered_each_time) {
    EventLoop loop;
    auto handle = loop.create_task(sleep_long());
    constexpr int rounds = 300;
    std::atomic<int> round = 0;
    std::atomic<int> answers = 0;
    std::thread asker([&] {
        for (int i = 1; i <= rounds; ++i) {
            while (round != i) std::this_thread::yield();
            EXPECT_EQ(all_tasks(loop).size(), 1U);
            answers = i;
        }
    });
    for (int i = 1; i <= rounds; ++i) {
        loop.call_soon([&round, &loop, i] {
            round = i;
            loop.stop();
        });
        loop.run_forever();
        while (answers != i) std::this_thread::yield();
    }
    asker.join();
    handle.cancel();
    loop.poll_once();
}

TEST(SemK32, a_plain_callback_is_no_task) {
    EventLoop loop;
    bool none = false;
    loop.call_soon([&none] { none = !current_task(); });
    loop.poll_once();
    EXPECT_TRUE(none);
}
