// The rows of the article "Controlling Python Async Creep" that need no network.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/dual.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/loop_thread.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::LoopThread;

std::thread::id leaf_thread;

Task<int> leaf() {
    leaf_thread = std::this_thread::get_id();
    co_await sleep(1ms);
    co_return 42;
}
int c() { return leaf().get(); }
int b() { return c(); }
int a() { return b(); }
static_assert(std::is_same_v<decltype(a()), int> && std::is_same_v<decltype(b()), int> &&
              std::is_same_v<decltype(c()), int>);

std::size_t threads() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
    return count;
}

Task<std::string> after(Duration delay, std::string name) {
    co_await sleep(delay);
    co_return name;
}

Task<std::string> fails_after(Duration delay) {
    co_await sleep(delay);
    throw std::domain_error("the second one fails");
}

Task<std::string> notes_cancel(Duration delay, std::string name, std::vector<std::string>& lines) {
    try {
        co_await sleep(delay);
    } catch (const Cancelled&) {
        lines.push_back(name + " cancelled");
        throw;
    }
    lines.push_back(name + " went on");
    co_return name;
}

Task<std::thread::id> thread_of_loop() { co_return std::this_thread::get_id(); }

/// A loop on a thread of its own, as the article builds it.
}  // namespace

TEST(A1, plain_functions_call_a_coroutine_and_stay_plain) {
    EXPECT_EQ(a(), 42);
    EXPECT_NE(leaf_thread, std::this_thread::get_id());
    EXPECT_EQ(leaf_thread, thread_of_loop().get());
}

TEST(A2, run_of_a_gather_gives_results_in_argument_order_in_the_time_of_the_longest) {
    VirtualTime time;
    RunOptions options;
    options.time = &time;
    const auto start = time.now();

    const auto results = run(gather(after(300ms, "u1"), after(200ms, "u2"), after(100ms, "u3")), options);

    EXPECT_EQ(results, std::make_tuple(std::string("u1"), std::string("u2"), std::string("u3")));
    EXPECT_EQ(time.now() - start, 300ms);
}

TEST(A2, a_loop_by_hand_does_the_same) {
    EventLoop loop;
    const auto results = loop.run_until_complete(gather(after(3ms, "u1"), after(1ms, "u2")));

    EXPECT_EQ(results, std::make_tuple(std::string("u1"), std::string("u2")));
}

TEST(A3, blocks_in_one_linear_program_share_one_loop_and_leave_nothing_between_them) {
    EventLoop loop;
    auto first = loop.run_until_complete(gather(after(1ms, "a"), after(1ms, "b")));
    EXPECT_EQ(all_tasks(loop).size(), 0U);
    EXPECT_EQ(loop.timers().live(), 0U);
    EXPECT_EQ(loop.operations().in_use(), 0U);
    auto second = loop.run_until_complete(after(1ms, std::get<0>(first) + std::get<1>(first)));

    EXPECT_EQ(second, "ab");
}

ASYNC_TEST(A4, create_task_returns_before_the_first_line_and_it_runs_while_its_creator_sleeps) {
    std::vector<std::string> trace;
    const auto f = [](std::vector<std::string>& lines) -> Task<int> {
        lines.push_back("f starts");
        co_await sleep(1ms);
        lines.push_back("f ends");
        co_return 1;
    };
    auto handle = create_task(f(trace));
    trace.push_back("created");
    co_await sleep(5ms);
    trace.push_back("slept");
    const auto spawned = TaskDomain::of(this_loop()).spawned();
    auto same = create_task(handle);

    EXPECT_EQ(trace, (std::vector<std::string>{"created", "f starts", "f ends", "slept"}));
    EXPECT_EQ(TaskDomain::of(this_loop()).spawned(), spawned);
    EXPECT_TRUE(same == handle);
}

ASYNC_TEST(A5, one_failure_cancels_the_others_and_is_thrown_when_they_have_ended) {
    std::vector<std::string> lines;
    const auto start = this_loop().time();
    try {
        co_await gather(notes_cancel(300ms, "first", lines), fails_after(100ms),
                        notes_cancel(200ms, "third", lines));
    } catch (const std::domain_error& error) {
        lines.push_back(std::string("caught ") + error.what());
    }

    EXPECT_EQ(lines, (std::vector<std::string>{"first cancelled", "third cancelled",
                                               "caught the second one fails"}));
    EXPECT_EQ(this_loop().time() - start, 100ms);
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
}

ASYNC_TEST(A5, gather_results_lets_all_finish) {
    const auto start = this_loop().time();
    auto results = co_await gather_results(after(300ms, "ok 1"), fails_after(100ms), after(200ms, "ok 2"));
    auto& [first, second, third] = results;

    EXPECT_EQ(first.value(), "ok 1");
    EXPECT_TRUE(second.has_error() && second.error().is<std::domain_error>());
    EXPECT_EQ(third.value(), "ok 2");
    EXPECT_EQ(this_loop().time() - start, 300ms);
}

TEST(A6, the_background_loop_is_one_thread_more_however_often_it_is_used) {
    std::thread([] {}).join();  // ThreadSanitizer starts a thread of its own with the first one
    const auto before = threads();
    const auto first = thread_of_loop().get();
    const auto with_loop = threads();
    for (int i = 0; i < 1'000; ++i) ASSERT_EQ(thread_of_loop().get(), first);

    EXPECT_LE(with_loop - before, 1U);
    EXPECT_EQ(threads(), with_loop);
}

TEST(A6, a_loop_on_a_thread_of_its_own_lives_until_it_is_stopped) {
    LoopThread mine;
    EXPECT_EQ(thread_of_loop().start(on(mine.loop)).get(), mine.id());
    EXPECT_EQ(thread_of_loop().start(on(mine.loop)).get(), mine.id());
}

TEST(A7, callbacks_from_another_thread_arrive_in_order_on_the_loops_thread) {
    LoopThread mine;
    std::vector<int> seen;
    std::promise<void> all;
    bool wrong_thread = false;
    for (int i = 0; i < 1'000; ++i) {
        mine.loop.call_soon_threadsafe([&, i] {
            seen.push_back(i);
            wrong_thread |= std::this_thread::get_id() != mine.id();
            if (i == 999) all.set_value();
        });
    }
    all.get_future().wait();

    ASSERT_EQ(seen.size(), 1'000U);
    for (int i = 0; i < 1'000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
    EXPECT_FALSE(wrong_thread);
}

TEST(A8, get_blocks_the_caller_and_not_the_loop) {
    LoopThread mine;
    const auto ticker = [](std::atomic<int>& ticks) -> Task<void> {
        for (;;) {
            co_await sleep(10ms);
            ++ticks;
        }
    };
    std::atomic<int> ticks = 0;
    auto running = ticker(ticks).start(on(mine.loop));
    after(500ms, "done").start(on(mine.loop)).get();
    const int counted = ticks;
    running.cancel_and_wait();

    EXPECT_GE(counted, 25);
    EXPECT_LE(counted, 51);
}

TEST(A9, a_timeout_at_the_caller_cancels_nothing) {
    std::atomic<bool> saw_cancel = false;
    const auto body = [](std::atomic<bool>& saw) -> Task<int> {
        try {
            co_await sleep(150ms);
        } catch (const Cancelled&) {
            saw = true;
            throw;
        }
        co_return 5;
    };
    auto pending = body(saw_cancel).start();

    EXPECT_THROW(pending.get(50ms), TimeoutError);
    EXPECT_EQ(pending.get(), 5);
    EXPECT_FALSE(saw_cancel);
}

TEST(A10, on_done_gets_the_finished_pending_on_the_loops_thread_or_at_once_in_the_caller) {
    LoopThread mine;
    std::promise<std::thread::id> from;
    std::atomic<int> calls = 0;
    auto pending = after(20ms, "x").start(on(mine.loop));
    pending.on_done([&](const Pending<std::string>& finished) {
        EXPECT_EQ(finished.get(), "x");
        ++calls;
        from.set_value(std::this_thread::get_id());
    });
    EXPECT_EQ(from.get_future().get(), mine.id());
    std::thread::id at_once;
    pending.on_done([&](const Pending<std::string>&) { at_once = std::this_thread::get_id(); });

    EXPECT_EQ(at_once, std::this_thread::get_id());
    EXPECT_EQ(calls, 1);
}

TEST(A10, a_throwing_callback_is_logged_and_the_next_one_runs) {
    LoopThread mine;
    std::mutex mutex;
    std::vector<std::string> order;
    std::vector<std::string> log;
    std::promise<void> third;
    mine.loop.call_soon_threadsafe([&] {
        mine.loop.set_exception_handler(
            [&](EventLoop&, const ErrorContext& context) { log.push_back(describe(context.exception)); });
    });
    const auto note = [&](const char* name) {
        const std::lock_guard lock(mutex);
        order.push_back(name);
    };
    auto pending = after(20ms, "x").start(on(mine.loop));
    pending.on_done([&](const auto&) { note("1"); });
    pending.on_done([&](const auto&) { throw std::runtime_error("second"); });
    pending.on_done([&](const auto&) {
        note("3");
        third.set_value();
    });
    third.get_future().wait();

    EXPECT_EQ(order, (std::vector<std::string>{"1", "3"}));
    EXPECT_EQ(log, (std::vector<std::string>{"std::runtime_error: second"}));
}

TEST(A11, the_exception_arrives_as_the_same_object) {
    struct Special : std::runtime_error {
        using std::runtime_error::runtime_error;
    };
    const std::exception_ptr thrown = std::make_exception_ptr(Special("special text"));
    const auto body = [](std::exception_ptr error) -> Task<int> {
        co_await sleep(1ms);
        std::rethrow_exception(error);
    };
    std::exception_ptr caught;
    try {
        body(thrown).get();
    } catch (const Special& error) {
        EXPECT_STREQ(error.what(), "special text");
        caught = std::current_exception();
    }

    EXPECT_EQ(caught, thrown);
}

namespace {

std::thread::id body_thread;

std::string fetch_blocking(std::string url) {
    body_thread = std::this_thread::get_id();
    return "page of " + url;
}
Task<std::string> fetch_async(std::string url) {
    body_thread = std::this_thread::get_id();
    co_await sleep(1ms);
    co_return "page of " + url;
}
constexpr auto fetch = dual(fetch_blocking, fetch_async);

Task<std::string> coroutine_caller() { co_return co_await fetch(std::string("u")); }

}  // namespace

TEST(A14, one_body_serves_plain_code_and_coroutines) {
    const auto caller = []() -> Task<std::string> { co_return co_await fetch_async("u"); };

    EXPECT_EQ(fetch_async("u").get(), run(caller()));
}

TEST(A14, a_dual_function_runs_its_blocking_body_on_the_callers_thread_and_takes_no_step_of_a_loop) {
    background_loop();
    std::promise<std::uint64_t> before;
    background_loop().call_soon_threadsafe(
        [&] { before.set_value(TaskDomain::of(background_loop()).spawned()); });
    const auto spawned = before.get_future().get();

    const auto blocking = fetch(std::string("u")).get();
    EXPECT_EQ(body_thread, std::this_thread::get_id());
    std::promise<std::uint64_t> now;
    background_loop().call_soon_threadsafe(
        [&] { now.set_value(TaskDomain::of(background_loop()).spawned()); });
    EXPECT_EQ(now.get_future().get(), spawned);

    const auto async = coroutine_caller().get();
    EXPECT_EQ(body_thread, thread_of_loop().get());
    EXPECT_EQ(blocking, async);
}

ASYNC_TEST(A18, an_async_caller_goes_on_and_gets_the_result_in_a_callback) {
    std::vector<std::string> trace;
    create_task(fetch_async("u")).on_done([&](TaskHandle<std::string> handle) {
        trace.push_back("callback " + handle.result());
    });
    trace.push_back("called");
    trace.push_back("other work");
    co_await sleep(5ms);

    EXPECT_EQ(trace, (std::vector<std::string>{"called", "other work", "callback page of u"}));
}

TEST(A20, the_running_loop_is_never_made_silently) {
    EXPECT_EQ(this_loop_or_null(), nullptr);
    try {
        this_loop();
        FAIL() << "this_loop() without a loop";
    } catch (const std::runtime_error& error) {
        EXPECT_NE(std::string(error.what()).find("no event loop runs on this thread"), std::string::npos);
    }
    EXPECT_EQ(this_loop_or_null(), nullptr);
}
