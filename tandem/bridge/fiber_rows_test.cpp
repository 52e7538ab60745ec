// Greenlets' rows: plain functions that switch, wait and are cancelled.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/loop/signals.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/task_pool.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace legacy {

std::string bill(const std::vector<int>& articles, const std::function<int(int)>& ask);
std::string sorted(std::vector<int> numbers, int (*compare)(const void*, const void*));

}  // namespace legacy

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

void foo(Lines& lines) {
    lines.push_back("Running in foo");
    sleep(0s).get();
    lines.push_back("Explicit context switch to foo again");
}

void bar(Lines& lines) {
    lines.push_back("Explicit context to bar");
    sleep(0s).get();
    lines.push_back("Implicit context switch back to bar");
}

int echo(int i) {
    sleep(1ms).get();
    return i;
}

Task<std::vector<int>> echoes_as_they_end() {
    const auto echo_in_fiber = [](int i) { return in_fiber(echo, i); };
    std::vector<int> order;
    std::vector<int> numbers(10);
    for (int i = 0; i < 10; ++i) numbers[static_cast<std::size_t>(i)] = i;
    TaskPool pool(10);
    auto ended = pool.imap_unordered(echo_in_fiber, numbers);
    while (auto task = co_await ended.next()) order.push_back(task->result());
    co_return order;
}

Task<int> price(int article) {
    co_await sleep(1ms);
    co_return 3 * article;
}

int ask_by_get(int article) { return price(article).get(); }

int compare_by_get(const void* a, const void* b) {
    return price(*static_cast<const int*>(a)).get() - price(*static_cast<const int*>(b)).get();
}

ContextVar<int> number("number", 0);

}  // namespace

ASYNC_TEST(J1, two_fibers_switch_as_two_coroutines_do) {
    Lines lines;

    co_await gather(in_fiber(foo, std::ref(lines)), in_fiber(bar, std::ref(lines)));

    EXPECT_EQ(lines, Lines({"Running in foo", "Explicit context to bar",
                            "Explicit context switch to foo again", "Implicit context switch back to bar"}));
}

ASYNC_TEST(J3, ten_fibers_one_by_one_keep_their_order_and_at_once_take_as_long_as_the_longest) {
    std::mt19937 random(3);
    std::vector<Duration> lengths;
    for (int i = 0; i < 10; ++i) lengths.push_back(std::chrono::milliseconds(1 + random() % 2000));
    std::vector<int> order;
    auto task = [&](int pid) {
        sleep(lengths[static_cast<std::size_t>(pid)]).get();
        order.push_back(pid);
    };
    Duration sum{};
    Duration longest{};
    for (const auto length : lengths) {
        sum += length;
        longest = std::max(longest, length);
    }

    const auto start = this_loop().time();
    for (int pid = 0; pid < 10; ++pid) co_await in_fiber(task, pid);
    const auto one_by_one = this_loop().time() - start;
    const auto in_order = std::exchange(order, {});
    std::vector<Task<void>> tasks;
    for (int pid = 0; pid < 10; ++pid) tasks.push_back(in_fiber(task, pid));
    co_await gather(std::move(tasks));
    const auto at_once = this_loop().time() - start - one_by_one;

    EXPECT_EQ(in_order, std::vector<int>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_EQ(one_by_one, sum);
    EXPECT_EQ(at_once, longest);
    EXPECT_EQ(order.size(), 10U);
}

ASYNC_TEST(J5, a_pool_of_fibers_gives_one_order_in_every_run) {
    std::vector<std::vector<int>> runs;
    for (int run = 0; run < 4; ++run) runs.push_back(co_await echoes_as_they_end());

    EXPECT_EQ(runs[0], std::vector<int>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    for (const auto& order : runs) EXPECT_EQ(order, runs[0]);
}

TEST(J5, a_hundred_runs_with_one_seed_are_identical) {
    const tandem::testing::TestRunOptions options{.seed = 5, .backend = BackendChoice::sim};
    const auto first = tandem::testing::run(echoes_as_they_end(), options);
    EXPECT_EQ(first.size(), 10U);
    for (int i = 1; i < 100; ++i) EXPECT_EQ(tandem::testing::run(echoes_as_they_end(), options), first);
}

TEST(J8, sigquit_cancels_the_fiber_which_cleans_up_and_the_program_goes_on) {
    Lines lines;
    auto run_forever = [&] {
        struct Cleanup {
            ~Cleanup() { lines.push_back("cleaned up"); }
            Lines& lines;
        };
        const Cleanup cleanup{lines};
        sleep(1000s).get();
        lines.push_back("not here");
    };
    auto main_task = [&]() -> Task<void> {
        auto thread = create_task(in_fiber(run_forever));
        this_loop().add_signal_handler(SIGQUIT, [&thread] { thread.cancel("SIGQUIT"); });
        this_loop().call_later(10ms, [] { std::raise(SIGQUIT); });
        co_await thread.join_only();
        lines.push_back(thread.cancelled() ? "cancelled" : "ended otherwise");
        this_loop().remove_signal_handler(SIGQUIT);
    };
    const auto start = std::chrono::steady_clock::now();

    run(main_task());

    EXPECT_EQ(lines, Lines({"cleaned up", "cancelled"}));
    EXPECT_LT(std::chrono::steady_clock::now() - start, 500ms);
}

TEST(A21, code_compiled_without_tandem_gives_the_same_from_a_thread_a_worker_and_a_fiber) {
    const std::vector<int> articles = {4, 1, 3};
    const std::string expected = "article 4: 12\narticle 1: 3\narticle 3: 9\ntotal: 24\n";

    const auto in_plain_code = legacy::bill(articles, ask_by_get);
    const auto on_worker = run(to_thread(legacy::bill, articles, ask_by_get));
    const auto on_fiber = run(in_fiber(legacy::bill, articles, ask_by_get));
    const auto by_qsort = legacy::sorted(articles, compare_by_get);
    const auto by_qsort_on_fiber = run(in_fiber(legacy::sorted, articles, compare_by_get));
    shutdown();

    EXPECT_EQ(in_plain_code, expected);
    EXPECT_EQ(on_worker, expected);
    EXPECT_EQ(on_fiber, expected);
    EXPECT_EQ(by_qsort, "1 3 4 ");
    EXPECT_EQ(by_qsort_on_fiber, by_qsort);
}

// Locals of a task, a flag that stops, a pool with a limit, in gevent's plain style.
ASYNC_TEST(SemFt5, greenlet_style_programs_keep_their_locals_flags_and_limits) {
    Lines lines;
    bool stop = false;
    int running = 0;
    int most = 0;
    auto local = [&](int mine) {
        number.set(mine);
        sleep(1ms).get();
        lines.push_back(std::to_string(number.get()));
    };
    auto ticker = [&] {
        int ticks = 0;
        while (!stop) {
            sleep(1ms).get();
            ++ticks;
        }
        return ticks;
    };
    auto limited = [&](int) {
        most = std::max(most, ++running);
        sleep(1ms).get();
        --running;
    };
    auto limited_in_fiber = [&](int i) { return in_fiber(limited, i); };

    co_await gather(in_fiber(local, 1), in_fiber(local, 2));
    auto ticking = create_task(in_fiber(ticker));
    TaskPool pool(3);
    std::vector<int> items(9);
    auto results = pool.imap_unordered(limited_in_fiber, items);
    while (auto task = co_await results.next()) task->result();
    stop = true;
    const int ticks = co_await ticking;

    EXPECT_EQ(lines, Lines({"1", "2"}));
    EXPECT_EQ(number.get(), 0);
    EXPECT_EQ(most, 3);
    EXPECT_EQ(ticks, 4);
}
