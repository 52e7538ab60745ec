#include <tandem/base/errors.hpp>
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/forked_internal.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::value_after;

/// The reason for which `fn` throws; -1 if it does not.
template <class F>
int closed_for(F fn) {
    try {
        fn();
        return -1;
    } catch (const LoopClosed& error) {
        return static_cast<int>(error.reason());
    }
}
constexpr int forked = static_cast<int>(LoopClosedReason::forked);

enum class Child { does_nothing, uses, execs };

/// Forks here and now; whether the child did what it should.
bool fork_once(Child what) {
    const auto child = ::fork();
    if (child == 0) {
        ::alarm(20);
        if (what == Child::execs) ::execl("/bin/true", "true", static_cast<char*>(nullptr));
        ::_exit(what != Child::uses || value_after(0ms, 7).get() == 7 ? 0 : 9);
    }
    int status = -1;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status == 0;
}

Child kind_of(int round) {
    if (round % 25 == 0) return Child::execs;
    return threads_in_children && round % 5 == 0 ? Child::uses : Child::does_nothing;
}

/// Keeps the process busy with what tandem does in other threads.
class Load {
public:
    Load() {
        for (int i = 0; i < 2; ++i) {
            threads_.emplace_back([this] {
                while (!over_) {
                    try {
                        value_after(0ms, 1).get();
                        to_thread([] {}).get();
                    } catch (const LoopClosed&) {
                    }
                }
            });
        }
    }
    ~Load() {
        over_ = true;
        for (auto& thread : threads_) thread.join();
    }

private:
    std::atomic<bool> over_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace

TEST(SemB47, an_inherited_loop_is_lost_refuses_everything_and_runs_nothing_when_it_is_destroyed) {
    shutdown();
    for (const auto backend : {BackendChoice::uring, BackendChoice::epoll}) {
        const auto before = descriptors_now();
        int destroyed = 0;
        struct Local {
            int* count;
            ~Local() { ++*count; }
        };
        const auto waits = [](int* count) -> Task<void> {
            const Local local{count};
            co_await sleep(1h);
        };
        auto loop = std::make_unique<EventLoop>(EventLoopOptions{.backend = backend});
        auto handle = loop->create_task(waits(&destroyed));
        loop->poll_once();
        loop->poll_once();
        const auto child = in_child([&] {
            int wrong = loop->state() == LoopState::lost ? 0 : 1;
            if (closed_for([&] { loop->call_soon([] {}); }) != forked) wrong += 2;
            if (closed_for([&] { loop->call_soon_threadsafe([] {}); }) != forked) wrong += 4;
            if (closed_for([&] { loop->run_forever(); }) != forked) wrong += 8;
            if (closed_for([&] { value_after(0ms, 1).start(on(*loop)); }) != forked) wrong += 16;
            loop->close();
            loop.reset();
            if (destroyed != 0) wrong += 32;
            if (descriptors_now() != before) wrong += 64;
            if (run(value_after(1ms, 3)) != 3) wrong += 128;
            ::_exit(wrong);
        });
        EXPECT_EQ(child.status, 0) << child.errors;
        // The parent's goes on.
        EXPECT_EQ(loop->run_until_complete(value_after(1ms, 5)), 5);
        handle.cancel();
        EXPECT_THROW(loop->run_until_complete(handle), TaskCancelled);
        loop->close();
        EXPECT_EQ(destroyed, 1);
    }
}

TEST(SemB47, a_child_that_uses_no_loop_has_none_of_the_background_loops_descriptors) {
    shutdown();
    const auto before = descriptors_now();
    EXPECT_EQ(value_after(0ms, 1).get(), 1);
    EXPECT_GT(descriptors_now(), before);
    EXPECT_EQ(in_child([&] { ::_exit(descriptors_now() == before ? 0 : 9); }).status, 0);
    EXPECT_EQ(value_after(0ms, 2).get(), 2);
    shutdown();
}

TEST(SemB48, no_lock_is_held_over_a_fork_that_comes_while_the_background_loop_starts) {
    std::atomic<bool> over = false;
    std::thread restarts([&] {
        while (!over) {
            value_after(0ms, 1).get();
            shutdown();
        }
    });
    for (int i = 0; i < 100; ++i)
        EXPECT_TRUE(fork_once(threads_in_children ? Child::uses : Child::does_nothing)) << i;
    over = true;
    restarts.join();
}

TEST(SemB49, one_thousand_forks_from_callbacks_leave_the_parents_loop_and_ring_unharmed) {
    EventLoop loop;
    int good = 0;
    int ticks = 0;
    loop.call_later(1ms, [&] { ++ticks; });
    std::function<void()> next = [&] {
        if (fork_once(Child::does_nothing)) ++good;
        if (good == 1'000)
            loop.stop();
        else
            loop.call_soon([&] { next(); });
    };
    loop.call_soon([&] { next(); });
    loop.run_forever();
    EXPECT_EQ(good, 1'000);
    EXPECT_EQ(ticks, 1);
    EXPECT_EQ(loop.run_until_complete(value_after(1ms, 4)), 4);
}

TEST(SemB49, a_program_that_is_executed_inherits_no_descriptor) {
    const auto seen_by_a_program = [] {
        std::string seen;
        FILE* const pipe = ::popen("ls /proc/self/fd | wc -l", "r");
        char buffer[64];
        while (std::fgets(buffer, sizeof buffer, pipe)) seen += buffer;
        ::pclose(pipe);
        return seen;
    };
    shutdown();
    const std::string before = seen_by_a_program();
    EventLoop ring({.backend = BackendChoice::uring});
    EventLoop epoll({.backend = BackendChoice::epoll});
    value_after(1ms, 1).get();
    to_thread([] {}).get();
    EXPECT_EQ(seen_by_a_program(), before);
}

TEST(SemT8, a_child_has_a_background_loop_of_its_own_and_the_parents_refuses_it) {
    EventLoop& parents = background_loop();
    auto pending = value_after(1h, 1).start();
    const auto child = in_child([&] {
        int wrong = closed_for([&] { parents.call_soon_threadsafe([] {}); }) == forked ? 0 : 1;
        if (closed_for([&] { value_after(0ms, 1).start(on(parents)); }) != forked) wrong += 2;
        if (threads_in_children) {
            if (&background_loop() == &parents) wrong += 4;
            if (value_after(1ms, 6).get() != 6) wrong += 8;
            if (to_thread([] { return 5; }).get() != 5) wrong += 16;
            // Grandchildren too.
            if (!fork_once(Child::uses)) wrong += 32;
        }
        ::_exit(wrong);
    });
    EXPECT_EQ(child.status, 0) << child.errors;
    EXPECT_FALSE(pending.done());
    EXPECT_EQ(value_after(1ms, 3).get(), 3);
    shutdown();
}

TEST(SemT8, a_child_exits_by_itself_whatever_its_parent_was_at) {
    auto pending = value_after(1h, 1).start();
    const auto child = in_child([] {
        if (threads_in_children) static_cast<void>(value_after(1h, 2).start());
    });
    EXPECT_EQ(child.status, 0) << child.errors;
    EXPECT_LT(child.seconds, 5);
    shutdown();
}

TEST(SemBt9, sixty_four_threads_race_for_the_first_use_and_a_fork_comes_in_between) {
    for (int round = 0; round < 5; ++round) {
        shutdown();
        std::vector<EventLoop*> seen(64);
        std::vector<std::thread> threads;
        std::atomic<bool> go = false;
        for (auto& loop : seen) {
            threads.emplace_back([&] {
                while (!go) std::this_thread::yield();
                loop = &background_loop();
            });
        }
        go = true;
        EXPECT_TRUE(fork_once(threads_in_children ? Child::uses : Child::does_nothing));
        for (auto& thread : threads) thread.join();
        EXPECT_EQ(std::set<EventLoop*>(seen.begin(), seen.end()).size(), 1U);
    }
}

TEST(RB20, one_thousand_forks_under_load_from_plain_threads_callbacks_and_workers) {
    shutdown();
    const auto descriptors = descriptors_now();
    {
        const Load load;
        int good = 0;
        for (int i = 0; i < 1'000; ++i) {
            const Child what = kind_of(i);
            bool fine = false;
            if (i % 4 == 1)
                fine = to_thread([what] { return fork_once(what); }).get();
            else if (i % 4 == 2 && what != Child::uses)
                fine = [](Child w) -> Task<bool> { co_return fork_once(w); }(what).get();
            else
                fine = fork_once(what);
            if (fine) ++good;
        }
        EXPECT_EQ(good, 1'000);
        EXPECT_EQ(value_after(1ms, 3).get(), 3);
    }
    shutdown();
    EXPECT_EQ(descriptors_now(), descriptors);
}
