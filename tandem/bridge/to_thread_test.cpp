#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

int slow_square(int n) {
    std::this_thread::sleep_for(20ms);
    return n * n;
}

struct OwnError {
    int code;
};

Task<int> twice_later(int n) {
    co_await sleep(1ms);
    co_return 2 * n;
}

Task<std::uint64_t> id_of_task() {
    co_await sleep(0s);
    const auto task = current_task();
    co_return task ? task->id : 0;
}

/// Opened by a test to let its jobs go on; they give up after a second.
struct Barrier {
    std::promise<void> promise;
    std::shared_future<void> future = promise.get_future().share();
    void open() { promise.set_value(); }
    bool wait() const { return future.wait_for(60s) == std::future_status::ready; }
};

}  // namespace

ASYNC_TEST_REAL_TIME(SemG36, the_value_of_a_function_on_a_worker_thread_comes_back) {
    const auto here = std::this_thread::get_id();

    const int square = co_await to_thread(slow_square, 7);
    const auto there = co_await to_thread([] { return std::this_thread::get_id(); });
    auto text = co_await to_thread([](std::unique_ptr<int> n) { return std::make_unique<int>(*n + 1); },
                                   std::make_unique<int>(41));

    EXPECT_EQ(square, 49);
    EXPECT_NE(there, here);
    EXPECT_EQ(std::this_thread::get_id(), here);
    EXPECT_EQ(*text, 42);
}

ASYNC_TEST_REAL_TIME(SemG36, an_exception_keeps_its_type) {
    int code = 0;

    try {
        co_await to_thread([] { throw OwnError{7}; });
    } catch (const OwnError& error) {
        code = error.code;
    }

    EXPECT_EQ(code, 7);
}

ASYNC_TEST_REAL_TIME(SemG36, the_loop_goes_on_meanwhile_and_a_hundred_jobs_all_end) {
    std::vector<Task<int>> jobs;
    int ticks = 0;
    for (int i = 0; i < 100; ++i) jobs.push_back(to_thread([](int n) { return n; }, i));
    auto ticker = create_task([](int& count) -> Task<void> {
        for (;;) {
            co_await sleep(1ms);
            ++count;
        }
    }(ticks));

    const int slow = co_await to_thread(slow_square, 3);
    const auto all = co_await gather(std::move(jobs));
    ticker.cancel();
    co_await ticker.join();

    EXPECT_EQ(slow, 9);
    EXPECT_GE(ticks, 5);
    TANDEM_CO_ASSERT_EQ(all.size(), 100U);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], i);
}

ASYNC_TEST(SemG36, under_a_virtual_clock_a_quick_job_takes_no_time) {
    const auto start = this_loop().time();

    const int sum = co_await to_thread([](int a, int b) { return a + b; }, 1, 2);

    EXPECT_EQ(sum, 3);
    EXPECT_EQ(this_loop().time(), start);
}

TEST(SemG36, plain_code_may_use_it_too) {
    EXPECT_EQ(to_thread(slow_square, 4).get(), 16);
    shutdown();
}

ASYNC_TEST_REAL_TIME(SemG37, a_limiter_bounds_the_jobs_and_lets_them_in_in_order) {
    auto two = std::make_shared<SlotLine>(2);
    std::atomic<int> at_once = 0;
    std::atomic<int> most = 0;
    std::mutex mutex;
    std::vector<int> order;
    const auto job = [&](int n) {
        const int now = ++at_once;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        {
            const std::lock_guard lock(mutex);
            order.push_back(n);
        }
        std::this_thread::sleep_for(5ms);
        --at_once;
    };
    std::vector<Task<void>> jobs;
    for (int i = 0; i < 8; ++i) jobs.push_back(to_thread(ToThreadOptions().limiter(two), job, i));

    co_await gather(std::move(jobs));

    EXPECT_EQ(most, 2);
    TANDEM_CO_ASSERT_EQ(order.size(), 8U);
    for (int i = 0; i < 8; ++i) EXPECT_NEAR(order[static_cast<std::size_t>(i)], i, 1) << "two begin at once";
    EXPECT_EQ(two->taken(), 0U);
}

ASYNC_TEST_REAL_TIME(SemG37, a_waiter_for_a_slot_can_be_cancelled) {
    auto one = std::make_shared<SlotLine>(1);
    Barrier go_on;
    const auto hold = [&] { return go_on.wait(); };
    const auto nothing = [] { return true; };
    auto holder = create_task(to_thread(ToThreadOptions().limiter(one), hold));
    auto second = create_task(to_thread(ToThreadOptions().limiter(one), nothing));
    auto third = create_task(to_thread(ToThreadOptions().limiter(one), nothing));
    co_await sleep(1ms);

    second.cancel();
    co_await second.join();
    go_on.open();
    const bool held = co_await holder;
    const bool went = co_await third;

    EXPECT_TRUE(second.cancelled());
    EXPECT_TRUE(held && went);
}

ASYNC_TEST_REAL_TIME(SemG37, jobs_of_one_key_run_on_one_thread_in_order_and_two_keys_overlap) {
    struct Seen {
        std::mutex mutex;
        std::vector<std::pair<int, std::thread::id>> jobs;
        std::atomic<int> of_this_key = 0;
        bool overlapped = false;
    } a, b;
    std::atomic<int> all = 0;
    std::atomic<bool> keys_overlapped = false;
    const auto job = [&](Seen* seen, int n) {
        if (++seen->of_this_key > 1) seen->overlapped = true;
        if (++all > 1) keys_overlapped = true;
        std::this_thread::sleep_for(3ms);
        {
            const std::lock_guard lock(seen->mutex);
            seen->jobs.emplace_back(n, std::this_thread::get_id());
        }
        --all;
        --seen->of_this_key;
    };
    const Strand strand;
    std::vector<Task<void>> jobs;
    for (int i = 0; i < 5; ++i) {
        jobs.push_back(to_thread(ToThreadOptions().affinity("a"), job, &a, i));
        jobs.push_back(to_thread(ToThreadOptions().affinity(strand), job, &b, i));
    }

    co_await gather(std::move(jobs));

    EXPECT_TRUE(keys_overlapped);
    for (const Seen* seen : {&a, &b}) {
        EXPECT_FALSE(seen->overlapped);
        TANDEM_CO_ASSERT_EQ(seen->jobs.size(), 5U);
        for (int i = 0; i < 5; ++i) {
            EXPECT_EQ(seen->jobs[static_cast<std::size_t>(i)].first, i);
            EXPECT_EQ(seen->jobs[static_cast<std::size_t>(i)].second, seen->jobs[0].second);
        }
    }
    EXPECT_NE(a.jobs[0].second, b.jobs[0].second);
}

ASYNC_TEST_REAL_TIME(SemG37, after_shutdown_workers_it_throws_loop_closed) {
    std::atomic<bool> began = false;
    std::atomic<bool> ended = false;
    const auto job = [&] {
        began = true;
        const int square = slow_square(5);
        ended = true;
        return square;
    };
    auto running = create_task(to_thread(job));
    while (!began) co_await sleep(1ms);

    co_await this_loop().shutdown_workers(60s);
    const bool was_waited_for = ended;
    co_await running;
    bool refused = false;
    try {
        co_await to_thread(slow_square, 1);
    } catch (const LoopClosed&) {
        refused = true;
    }

    EXPECT_TRUE(was_waited_for);
    EXPECT_EQ(running.result(), 25);
    EXPECT_TRUE(refused);
}

ASYNC_TEST_REAL_TIME(SemG37, shutdown_workers_warns_of_what_does_not_end_in_time) {
    std::vector<std::string> warnings;
    this_loop().set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        if (context.severity == Severity::warning) warnings.push_back(context.message);
    });
    auto go_on = std::make_shared<Barrier>();
    auto began = std::make_shared<std::atomic<bool>>(false);
    const auto job = [](std::shared_ptr<Barrier> barrier, std::shared_ptr<std::atomic<bool>> begins) {
        *begins = true;
        return barrier->wait();
    };
    auto running = create_task(to_thread(job, go_on, began));
    while (!*began) co_await sleep(1ms);

    co_await this_loop().shutdown_workers(5ms);
    go_on->open();
    const bool ended = co_await running;

    EXPECT_TRUE(ended);
    TANDEM_CO_ASSERT_EQ(warnings.size(), 1U);
    EXPECT_EQ(warnings[0],
              "shutdown_workers(): 1 thread job(s) did not end in time and are left to themselves");
}

ASYNC_TEST_REAL_TIME(SemG39, a_thread_that_cannot_start_is_an_error_at_the_await_and_frees_the_slot) {
    // A stack of 128 TiB: pthread_create() gives EAGAIN.
    WorkerPool none(WorkerPoolOptions().stack_bytes(std::size_t{1} << 47).name("huge"));
    auto one = std::make_shared<SlotLine>(1);
    std::string text;
    int code = 0;

    try {
        co_await to_thread(ToThreadOptions().pool(none).limiter(one), slow_square, 1);
    } catch (const std::system_error& error) {
        code = error.code().value();
        text = error.what();
    }
    const auto taken = one->taken();
    const int square = co_await to_thread(ToThreadOptions().limiter(one), slow_square, 2);

    EXPECT_EQ(code, EAGAIN);
    EXPECT_NE(text.find("cannot start thread huge-1 for a job"), std::string::npos) << text;
    EXPECT_EQ(taken, 0U);
    EXPECT_EQ(square, 4);
}

ASYNC_TEST_REAL_TIME(SemL56, run_waits_for_thread_jobs_that_were_abandoned) {
    struct Flags {
        std::atomic<bool> begun = false;
        std::atomic<bool> ended = false;
    };
    const auto flags = std::make_shared<Flags>();
    // run() wants a thread without a loop.
    std::thread plain([flags] {
        const auto main = [](std::shared_ptr<Flags> seen) -> Task<void> {
            const auto job = [](std::shared_ptr<Flags> mine) {
                mine->begun = true;
                std::this_thread::sleep_for(100ms);
                mine->ended = true;
            };
            auto left = create_task(to_thread(ToThreadOptions().abandon_on_cancel(), job, seen));
            while (!seen->begun) co_await sleep(1ms);
            left.cancel();
            co_await left.join();
            EXPECT_FALSE(seen->ended);
        };
        run(main(flags));
        EXPECT_TRUE(flags->ended);
    });
    co_await to_thread([&plain] { plain.join(); });

    EXPECT_TRUE(flags->ended);
}

ASYNC_TEST_REAL_TIME(CallerKinds, a_worker_is_one_and_names_its_thread) {
    WorkerPool pool(WorkerPoolOptions().max_threads(1).name("clerk"));

    const auto kind = co_await to_thread(caller_kind);
    const auto name = co_await run_in_executor(pool, worker_name);

    EXPECT_EQ(kind, CallerKind::worker);
    EXPECT_EQ(name, "clerk-1");
    EXPECT_EQ(worker_name(), "");
}

ASYNC_TEST_REAL_TIME(CallerKinds, get_in_a_worker_runs_in_the_awaiting_task) {
    const auto id = co_await id_of_task();
    const auto loop_thread = std::this_thread::get_id();

    const auto inside = co_await to_thread([] { return id_of_task().get(); });
    const auto thread = co_await to_thread([] {
        const auto whereabouts = []() -> Task<std::thread::id> { co_return std::this_thread::get_id(); };
        return whereabouts().get();
    });
    // Down and up five times.
    const int deep = co_await to_thread(
        [] { return to_thread([] { return to_thread([] { return twice_later(21).get(); }).get(); }).get(); });
    bool timed_out = false;
    try {
        co_await to_thread([] { twice_later(1).get(0s); });
    } catch (const TimeoutError&) {
        timed_out = true;
    }

    EXPECT_EQ(inside, id);
    EXPECT_EQ(thread, loop_thread);
    EXPECT_EQ(deep, 42);
    EXPECT_TRUE(timed_out);
}

ASYNC_TEST_REAL_TIME(WorkerPool, a_thread_without_work_ends_and_the_next_job_starts_another) {
    WorkerPool pool(WorkerPoolOptions().idle_time(2ms));
    const auto nothing = [] {};

    co_await run_in_executor(pool, nothing);
    for (int i = 0; i < 500 && pool.threads() > 0; ++i) co_await sleep(2ms);
    const auto left = pool.threads();
    co_await run_in_executor(pool, nothing);

    EXPECT_EQ(left, 0U);
}
