// A loop on the simulated backend: its time is exact, and nothing of the kernel is opened.
#include <tandem/base/unique_fd.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/leftovers.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace tandem {
namespace {

using tandem::testing::open_descriptors;

using namespace std::chrono_literals;

EventLoopOptions on_sim() {
    EventLoopOptions options;
    options.backend = BackendChoice::sim;
    return options;
}

Task<void> rest(Duration length) { co_await sleep(length); }

TEST(SIM1, a_loop_without_kernel_opens_no_descriptor) {
    const auto before = open_descriptors();
    EventLoop loop(on_sim());
    loop.run_until_complete(rest(1h));
    EXPECT_EQ(open_descriptors(), before);
    EXPECT_EQ(loop.backend_name(), "sim");
}

TEST(SemL14, on_sim_ten_hours_pass_at_once_and_to_the_nanosecond) {
    EventLoop loop(on_sim());
    const auto before = loop.time();
    const auto real = std::chrono::steady_clock::now();
    loop.run_until_complete(rest(10h));
    EXPECT_EQ(loop.time() - before, 10h);
    EXPECT_LT(std::chrono::steady_clock::now() - real, 1s);
}

TEST(SemL14, on_sim_time_moves_only_between_turns) {
    EventLoop loop(on_sim());
    Duration within = 1h;
    TimePoint fired;
    const auto before = loop.time();
    loop.call_later(1s, [&] {
        fired = loop.time();
        std::this_thread::sleep_for(5ms);
        within = loop.time() - fired;
        loop.stop();
    });
    loop.run_forever();
    EXPECT_EQ(fired - before, 1s);
    EXPECT_EQ(within, 0s);
}

TEST(SemL14, a_clock_that_the_maker_of_the_loop_can_turn_is_the_one_that_sim_turns) {
    VirtualTime time;
    const auto before = time.now();
    auto options = on_sim();
    options.time = &time;
    EventLoop loop(options);
    loop.run_until_complete(rest(3s));
    EXPECT_EQ(time.now() - before, 3s);
}

TEST(SemL4, on_sim_a_turn_runs_old_callbacks_then_posts_then_completions_then_timers) {
    EventLoop loop(on_sim());
    std::vector<std::string> order;
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const UniqueFd reader(pipe[0]);
    const UniqueFd writer(pipe[1]);
    loop.add_reader(reader.get(), [&] {
        order.push_back("completion");
        loop.remove_reader(reader.get());
    });
    loop.poll_once();
    loop.call_soon([&] {
        loop.call_soon([&] { order.push_back("callback"); });
        loop.call_later(0s, [&] { order.push_back("timer"); });
        loop.call_soon_threadsafe([&] { order.push_back("post"); });
        EXPECT_EQ(::write(writer.get(), "x", 1), 1);
    });
    for (int i = 0; i < 8; ++i) loop.poll_once();
    EXPECT_EQ(order.size(), 4U);
    EXPECT_EQ(order.front(), "callback");
    EXPECT_EQ(order.at(1), "post");
}

/// A job for a thread of the pool, awaited.
struct Job final : Operation {
    explicit Job(std::function<int()> what) : work(std::move(what)) { code = OpCode::job; }
    void completed(std::int32_t result) noexcept override { then(result); }
    std::int32_t run_job() noexcept override { return work(); }
    std::function<int()> work;
    std::function<void(int)> then;
};

TEST(SIM2, jobs_on_threads_take_no_time_and_end_in_the_order_in_which_they_were_given) {
    EventLoop loop(on_sim());
    const auto before = loop.time();
    std::vector<int> ended;
    std::vector<std::unique_ptr<Job>> jobs;
    for (int i = 0; i < 4; ++i) {
        jobs.push_back(std::make_unique<Job>([i] {
            std::this_thread::sleep_for(std::chrono::milliseconds(20 - 5 * i));
            return i;
        }));
        jobs.back()->then = [&](int result) {
            ended.push_back(result);
            if (ended.size() == 4) loop.stop();
        };
        EXPECT_FALSE(loop.backend().submit(*jobs.back()).done);
    }
    const auto timer = loop.call_later(1ms, [&] { ended.push_back(99); });
    loop.run_forever();
    Handle(timer).cancel();
    EXPECT_EQ(ended, (std::vector<int>{0, 1, 2, 3}));
    EXPECT_EQ(loop.time(), before);
}

TEST(SIM2, a_job_that_waits_for_a_timer_does_not_stop_time_for_ever) {
    EventLoop loop(on_sim());
    std::atomic<bool> go = false;
    Job job([&] {
        while (!go) std::this_thread::sleep_for(1ms);
        return 0;
    });
    job.then = [&](int) { loop.stop(); };
    EXPECT_FALSE(loop.backend().submit(job).done);
    loop.call_later(10s, [&] { go = true; });
    loop.run_forever();
    EXPECT_TRUE(go);
}

TEST(SIM2, a_post_from_another_thread_ends_the_sleep_of_a_loop_that_has_nothing_else) {
    EventLoop loop(on_sim());
    std::thread poster([&] {
        std::this_thread::sleep_for(20ms);
        loop.stop_threadsafe();
    });
    loop.run_forever();
    poster.join();
}

ASYNC_TEST(SIM5, a_gather_of_sleeps_takes_the_longest) {
    EventLoop& loop = this_loop();
    const auto before = loop.time();
    co_await gather(rest(1s), rest(3s), rest(2s));
    EXPECT_EQ(loop.time() - before, 3s);
}

}  // namespace
}  // namespace tandem
