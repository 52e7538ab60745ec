// Who is told of the end of a Pending, where, and how often: sem:B26 and Bt11.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/loop/signals.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/loop_thread.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::LoopThread;

using tandem::testing::value_after;

/// Lines that several threads write.
class Lines {
public:
    void add(std::string line) {
        const std::lock_guard lock(mutex_);
        lines_.push_back(std::move(line));
    }
    std::vector<std::string> all() const {
        const std::lock_guard lock(mutex_);
        return lines_;
    }
    /// Waits until there are `count` of them.
    std::vector<std::string> wait_for(std::size_t count) const {
        const auto limit = std::chrono::steady_clock::now() + 10s;
        while (all().size() < count && std::chrono::steady_clock::now() < limit)
            std::this_thread::sleep_for(1ms);
        return all();
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
};

ContextVar<std::string> request("request", "none");

}  // namespace

TEST(SemB26, they_run_in_order_posted_to_the_loops_thread_and_see_the_result) {
    LoopThread mine;
    Lines lines;
    auto pending = value_after(5ms, 4).start(on(mine.loop));
    for (const char* name : {"1", "2", "3"}) {
        pending.on_done([&lines, name, &mine](const Pending<int>& done) {
            const bool right = std::this_thread::get_id() == mine.id() && this_loop_or_null() == &mine.loop;
            lines.add(std::string(name) + (right ? " " : " elsewhere ") + std::to_string(done.get()));
        });
    }
    EXPECT_EQ(lines.wait_for(3), (std::vector<std::string>{"1 4", "2 4", "3 4"}));
}

TEST(SemB26, posted_means_behind_what_was_ready_already) {
    EventLoop loop;
    std::vector<std::string> order;
    auto pending = value_after(0s, 1).start(on(loop));
    pending.on_done([&](const Pending<int>&) { order.push_back("callback"); });
    const auto body = [&]() -> Task<void> {
        while (!pending.done()) co_await sleep(0s);
        order.push_back("a step of the same turn");
        co_await sleep(1ms);
    };
    loop.run_until_complete(body());
    EXPECT_EQ(order.size(), 2U);
}

TEST(SemB26, already_done_means_at_once_in_the_calling_thread) {
    auto pending = value_after(1ms, 1).start();
    for (int i = 0; i < 200; ++i) {
        auto each = value_after(0s, i).start();
        each.wait();
        std::thread::id where;
        each.on_done([&](const Pending<int>&) { where = std::this_thread::get_id(); });
        ASSERT_EQ(where, std::this_thread::get_id());
    }
    pending.wait();
}

TEST(SemB26, on_another_loop_it_is_always_posted_there_done_or_not) {
    LoopThread mine;
    LoopThread other;
    Lines lines;
    auto pending = value_after(5ms, 1).start(on(mine.loop));
    const auto note = [&](const Pending<int>&) {
        lines.add(this_loop_or_null() == &other.loop ? "there" : "elsewhere");
    };
    pending.on_done(on(other.loop), note);
    pending.wait();
    pending.on_done(on(other.loop), note);
    EXPECT_EQ(lines.wait_for(2), (std::vector<std::string>{"there", "there"}));
}

TEST(SemB26, when_its_loop_goes_away_it_runs_in_the_thread_that_ends_it) {
    std::vector<std::thread::id> where;
    {
        EventLoop loop;
        loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
        auto stopped = value_after(1h, 1).start(on(loop));
        stopped.on_done([&](const Pending<int>&) { where.push_back(std::this_thread::get_id()); });
        loop.call_later(1ms, [&] { loop.stop(); });
        loop.run_forever();
        EXPECT_EQ(where.size(), 1U);
        loop.poll_once();
        auto closed = value_after(1h, 1).start(on(loop));
        closed.on_done([&](const Pending<int>&) { where.push_back(std::this_thread::get_id()); });
        loop.poll_once();
    }
    EXPECT_EQ(where, std::vector<std::thread::id>(2, std::this_thread::get_id()));
}

TEST(SemB26, a_loop_that_closed_meanwhile_does_not_lose_the_callback) {
    int calls = 0;
    auto pending = value_after(20ms, 1).start();
    {
        EventLoop other;
        pending.on_done(on(other), [&](const Pending<int>&) { ++calls; });
        pending.wait();
        std::this_thread::sleep_for(5ms);  // posted to a loop that never runs
    }
    EXPECT_EQ(calls, 1);
}

TEST(SemBt11, one_throws_and_the_next_ones_run) {
    LoopThread mine;
    Lines lines;
    mine.loop.call_soon_threadsafe([&] {
        mine.loop.set_exception_handler(
            [&](EventLoop&, const ErrorContext& context) { lines.add(describe(context.exception)); });
    });
    auto pending = value_after(5ms, 1).start(on(mine.loop));
    pending.on_done([&](const Pending<int>&) {
        lines.add("1");
        throw std::runtime_error("first");
    });
    pending.on_done([&](const Pending<int>&) { lines.add("2"); });
    pending.on_done([&](const Pending<int>&) { lines.add("3"); });
    EXPECT_EQ(lines.wait_for(4), (std::vector<std::string>{"1", "std::runtime_error: first", "2", "3"}));

    // Afterwards, in this thread: the loop's handler is told on its own thread.
    pending.on_done([](const Pending<int>&) { throw std::runtime_error("late"); });
    EXPECT_EQ(lines.wait_for(5).back(), "std::runtime_error: late");
}

TEST(SemBt11, registered_by_a_callback_of_the_same_pending_it_runs_at_once) {
    LoopThread mine;
    Lines lines;
    auto pending = value_after(5ms, 1).start(on(mine.loop));
    pending.on_done([&](const Pending<int>& done) {
        done.on_done([&](const Pending<int>&) { lines.add("inner"); });
        lines.add("outer");
    });
    EXPECT_EQ(lines.wait_for(2), (std::vector<std::string>{"inner", "outer"}));
}

TEST(SemBt11, a_loop_woken_by_a_signal_registers_one_as_any_other_code) {
    LoopThread mine;
    Lines lines;
    auto pending = value_after(1h, 1).start(on(mine.loop));
    std::promise<void> ready;
    mine.loop.call_soon_threadsafe([&] {
        mine.loop.add_signal_handler(SIGUSR1, [&, pending] {
            pending.on_done(
                [&](const Pending<int>& done) { lines.add(done.cancelled() ? "cancelled" : "?"); });
            pending.cancel();
        });
        ready.set_value();
    });
    ready.get_future().wait();
    ::kill(::getpid(), SIGUSR1);
    EXPECT_EQ(lines.wait_for(1), (std::vector<std::string>{"cancelled"}));
    std::promise<void> removed;
    mine.loop.call_soon_threadsafe([&] {
        mine.loop.remove_signal_handler(SIGUSR1);
        removed.set_value();
    });
    removed.get_future().wait();
}

TEST(SemK42, a_done_callback_runs_in_the_context_of_its_registration) {
    Lines lines;
    auto pending = value_after(5ms, 1).start();
    auto token = request.set("at registration");
    pending.on_done([&](const Pending<int>&) { lines.add(request.get()); });
    request.reset(token);
    EXPECT_EQ(lines.wait_for(1), (std::vector<std::string>{"at registration"}));
}
