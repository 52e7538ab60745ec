// The rows of rows.md about blocking work beside a loop. R9's requests are blocking sleeps here; ST1's HTTP
// server comes with the row's other halves.
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

Task<void> count_ticks(int& ticks) {
    for (;;) {
        co_await sleep(1ms);
        ++ticks;
    }
}

struct Square {
    std::string thread;
    int value;
};
Square slow_square(int n) {
    std::this_thread::sleep_for(20ms);
    return {worker_name(), n * n};
}

int blocking_request(int n) {
    std::this_thread::sleep_for(2ms);
    return n;
}

// Rabinowitz and Wagon's spigot.
std::string digits_of_pi(int count) {
    std::vector<int> rest(static_cast<std::size_t>(count * 10 / 3 + 1), 2);
    std::string digits;
    int predigit = 0;
    int nines = 0;
    for (int round = 0; round <= count + 1; ++round) {
        int carry = 0;
        for (int i = static_cast<int>(rest.size()) - 1; i >= 0; --i) {
            auto& digit = rest[static_cast<std::size_t>(i)];
            const int x = 10 * digit + carry;
            digit = i == 0 ? x % 10 : x % (2 * i + 1);
            carry = (i == 0 ? x / 10 : x / (2 * i + 1)) * (i == 0 ? 1 : i);
        }
        if (carry == 9) {
            ++nines;
            continue;
        }
        if (round > 0) digits += static_cast<char>('0' + predigit + carry / 10);
        digits.append(static_cast<std::size_t>(nines), carry >= 10 ? '0' : '9');
        predigit = carry % 10;
        nines = 0;
    }
    return digits.substr(0, static_cast<std::size_t>(count));
}

}  // namespace

ASYNC_TEST_REAL_TIME(S14a, six_blocking_jobs_in_a_pool_of_three_threads_take_two_rounds) {
    WorkerPool pool(WorkerPoolOptions().max_threads(3).name("squares"));
    std::vector<Task<Square>> jobs;
    for (int i = 0; i < 6; ++i) jobs.push_back(run_in_executor(pool, slow_square, i));
    const auto start = Clock::now();

    const auto squares = co_await gather(std::move(jobs));
    const auto took = Clock::now() - start;

    std::set<std::string> names;
    std::vector<int> values;
    for (const auto& square : squares) {
        names.insert(square.thread);
        values.push_back(square.value);
    }
    EXPECT_EQ(names, (std::set<std::string>{"squares-1", "squares-2", "squares-3"}));
    EXPECT_EQ(values, (std::vector<int>{0, 1, 4, 9, 16, 25}));
    EXPECT_GE(took, 40ms);
    EXPECT_LT(took, 110ms + 500ms);  // a busy machine
}

ASYNC_TEST_REAL_TIME(U7, a_file_is_read_in_an_executor_while_the_loop_ticks) {
    const auto path = std::filesystem::temp_directory_path() /
                      ("tandem_u7_" + std::to_string(Clock::now().time_since_epoch().count()));
    {
        std::ofstream file(path);
        for (int i = 0; i < 1000; ++i) file << "line " << i << '\n';
    }
    const auto read_slowly = [](std::filesystem::path file_path) {
        std::this_thread::sleep_for(20ms);
        std::ostringstream text;
        text << std::ifstream(file_path).rdbuf();
        return text.str();
    };
    int ticks = 0;
    auto ticker = create_task(count_ticks(ticks));

    const auto text = co_await to_thread(read_slowly, path);
    ticker.cancel();
    co_await ticker.join();
    std::filesystem::remove(path);

    EXPECT_EQ(text.size(), 10U * 7 + 90U * 8 + 900U * 9);
    EXPECT_TRUE(text.starts_with("line 0\nline 1\n") && text.ends_with("line 999\n"));
    EXPECT_GE(ticks, 3);
}

ASYNC_TEST_REAL_TIME(Q3c, digits_of_pi_are_computed_off_the_loop_and_the_ticker_keeps_its_count) {
    int ticks = 0;
    auto ticker = create_task(count_ticks(ticks));
    const auto slowly = [](int count) {
        std::this_thread::sleep_for(20ms);
        return digits_of_pi(count);
    };

    const auto digits = co_await to_thread(slowly, 50);
    ticker.cancel();
    co_await ticker.join();

    EXPECT_EQ(digits, "31415926535897932384626433832795028841971693993751");
    EXPECT_GE(ticks, 3);
}

ASYNC_TEST_REAL_TIME(G12, nine_blocking_jobs_in_a_pool_of_eight_beside_nine_coroutines) {
    WorkerPool pool(8);
    std::mutex mutex;
    std::multiset<int> done;
    std::set<std::string> names;
    const auto block = [&](int n) {
        std::this_thread::sleep_for(10ms);
        const std::lock_guard lock(mutex);
        done.insert(n);
        names.insert(worker_name());
    };
    int coroutines = 0;
    const auto wait = [](int& count) -> Task<void> {
        co_await sleep(5ms);
        ++count;
    };
    int ticks = 0;
    auto ticker = create_task(count_ticks(ticks));
    std::vector<Task<void>> all;
    for (int i = 0; i < 9; ++i) all.push_back(run_in_executor(pool, block, i));
    for (int i = 0; i < 9; ++i) all.push_back(wait(coroutines));

    co_await gather(std::move(all));
    ticker.cancel();
    co_await ticker.join();

    EXPECT_EQ(done, (std::multiset<int>{0, 1, 2, 3, 4, 5, 6, 7, 8}));
    EXPECT_LE(names.size(), 8U);
    EXPECT_EQ(coroutines, 9);
    EXPECT_GE(ticks, 2);
}

TEST(R9a, two_hundred_and_forty_blocking_calls_in_three_threads) {
    std::atomic<int> next = 0;
    std::vector<int> answers(240);
    std::vector<std::thread> threads;
    const auto start = Clock::now();

    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] {
            for (int n = next++; n < 240; n = next++)
                answers[static_cast<std::size_t>(n)] = blocking_request(n);
        });
    for (auto& thread : threads) thread.join();
    const auto took = Clock::now() - start;

    for (int n = 0; n < 240; ++n) EXPECT_EQ(answers[static_cast<std::size_t>(n)], n);
    EXPECT_GE(took, 160ms);
    EXPECT_LT(took, 240ms + 500ms);
}

ASYNC_TEST_REAL_TIME(R9b, the_same_from_a_loop_by_three_workers_while_it_ticks) {
    WorkerPool three(3);
    int ticks = 0;
    auto ticker = create_task(count_ticks(ticks));
    std::vector<Task<int>> requests;
    for (int n = 0; n < 240; ++n) requests.push_back(run_in_executor(three, blocking_request, n));
    const auto start = Clock::now();

    const auto answers = co_await gather(std::move(requests));
    const auto took = Clock::now() - start;
    ticker.cancel();
    co_await ticker.join();

    TANDEM_CO_ASSERT_EQ(answers.size(), 240U);
    for (int n = 0; n < 240; ++n) EXPECT_EQ(answers[static_cast<std::size_t>(n)], n);
    EXPECT_GE(took, 160ms);
    EXPECT_LT(took, 240ms + 500ms);
    EXPECT_GE(ticks, 20);
}
