// The client called in every way: R-B3 (no second code base for blocking callers), R-B18, C3, sem:Bt13.
#include <tandem/bridge/background_loop.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/run_blocking.hpp>
#include <tandem/http/client.hpp>
#include <tandem/http/errors.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/testing/bars.hpp>
#include <tandem/testing/demo_site.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

Task<std::string> page(std::string url) {
    auto response = co_await http::get(url);
    co_return co_await response.text();
}

std::size_t threads_now() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/task")) ++count;
    return count;
}

enum class Way { drives_a_loop, blocks, waits_for_the_background_loop };

/// The same client code, executed in three ways.
class RB3 : public ::testing::TestWithParam<Way> {
protected:
    template <class T>
    T execute(Task<T> task) {
        switch (GetParam()) {
            case Way::drives_a_loop:
                return run(std::move(task));
            case Way::blocks:
                return run_blocking(std::move(task));
            case Way::waits_for_the_background_loop:
                break;
        }
        return std::move(task).get();
    }
    tandem::testing::DemoServer& server() { return server_; }

private:
    tandem::testing::DemoServer server_{tandem::testing::DemoOptions().delay_scale(0)};
};

/// What a thread keeps for its blocking calls ends with it.
template <class F>
void in_a_thread(F fn) {
    std::thread(std::move(fn)).join();
}

}  // namespace

TEST_P(RB3, an_answer_its_status_its_headers_and_its_body) {
    in_a_thread([&] {
        const auto whole = [](std::string url) -> Task<std::string> {
            auto response = co_await http::get(url);
            std::string text = co_await response.text();
            co_return std::to_string(response.status()) + " " + text;
        };
        EXPECT_EQ(execute(whole(server().url("/ip"))), "200 {\"ip\": \"10.0.0.1\"}");
        EXPECT_EQ(execute(page(server().url("/get?a=5"))), "{\"args\": {\"a\": \"5\"}}");
        for (const int number : {1, 2, 3}) {
            const std::string text = execute(page(server().url(server().world().page_path(number))));
            EXPECT_TRUE(text == server().world().page_text(number)) << number;
        }
    });
}

TEST_P(RB3, redirects_are_followed_and_too_many_are_an_error) {
    in_a_thread([&] {
        const auto status = [](std::string url) -> Task<int> {
            auto response = co_await http::get(url);
            co_return response.status();
        };
        EXPECT_EQ(execute(status(server().url("/redirect/3"))), 200);
        EXPECT_EQ(execute(status(server().url("/error"))), 500);
        EXPECT_THROW(execute(status(server().url("/redirect/40"))), http::Error);
    });
}

TEST_P(RB3, a_limit_of_time_and_a_refused_connection_are_errors_of_the_same_types) {
    in_a_thread([&] {
        const auto impatient = [](std::string url) -> Task<void> {
            auto response = co_await http::get(url, http::Options().timeout(50ms));
            co_await response.text();
        };
        const auto start = Clock::now();
        EXPECT_THROW(execute(impatient(server().url("/delay/5"))), http::Error);
        EXPECT_LT(Clock::now() - start, 3s);
        EXPECT_THROW(execute(page("http://127.0.0.1:1/")), net::ConnectError);
    });
}

TEST_P(RB3, several_at_once_wait_together) {
    in_a_thread([&] {
        const auto all = [](std::string url) -> Task<std::size_t> {
            std::vector<Task<std::string>> pages;
            for (int i = 0; i < 10; ++i) pages.push_back(page(url));
            auto together = gather(std::move(pages));
            const auto texts = co_await std::move(together);
            co_return texts.size();
        };
        const auto start = Clock::now();
        EXPECT_EQ(execute(all(server().url("/delay/0.2"))), 10U);
        EXPECT_LT(Clock::now() - start, 1'500ms);
    });
}

TEST_P(RB3, a_client_of_ones_own_keeps_its_connection_from_call_to_call) {
    if (GetParam() == Way::drives_a_loop) GTEST_SKIP() << "a run ends what its loop has";
    in_a_thread([&] {
        http::Client client;
        const auto connects = [&client](std::string url) -> Task<bool> {
            auto response = co_await client.get(url);
            co_await response.text();
            co_return response.timings().connect > Duration::zero();
        };
        int connected = 0;
        for (int i = 0; i < 20; ++i) connected += execute(connects(server().url("/ip"))) ? 1 : 0;
        EXPECT_EQ(connected, 1);
        execute(client.close());
    });
}

INSTANTIATE_TEST_SUITE_P(InEveryWay, RB3,
                         ::testing::Values(Way::drives_a_loop, Way::blocks,
                                           Way::waits_for_the_background_loop));

TEST(RB3, blocking_calls_make_no_thread) {
    tandem::testing::DemoServer server(tandem::testing::DemoOptions().delay_scale(0));
    shutdown();
    const auto threads = threads_now();
    in_a_thread([&] {
        for (int i = 0; i < 100; ++i) {
            run_blocking(page(server.url("/ip")));
            EXPECT_EQ(threads_now(), threads + 1);
        }
    });
}

TEST(RB18, one_function_serves_four_loops_and_four_plain_threads_at_once) {
    static const int each = static_cast<int>(tandem::testing::bar(1'000, 10'000) / 8);
    tandem::testing::DemoServer server(tandem::testing::DemoOptions().delay_scale(0));
    std::atomic<int> good = 0;
    const auto url = [&](int number) { return server.url("/get?a=" + std::to_string(number)); };
    const auto expected = [](int number) {
        return "{\"args\": {\"a\": \"" + std::to_string(number) + "\"}}";
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        const auto many = [&, t]() -> Task<void> {
            for (int i = 0; i < each; ++i) {
                const std::string text = co_await page(url(t * each + i));
                if (text == expected(t * each + i)) ++good;
            }
        };
        threads.emplace_back([many] { run(many()); });
        threads.emplace_back([&, t] {
            for (int i = 0; i < each; ++i) {
                if (page(url(t * each + i)).get() == expected(t * each + i)) ++good;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 8 * each);
    // Nor does it fail in the next loop.
    for (int i = 0; i < 3; ++i) EXPECT_EQ(run(page(url(i))), expected(i));
    shutdown();
    EXPECT_EQ(page(url(7)).get(), expected(7));
}

TEST(SemBt13, requests_by_threads_by_one_loop_and_by_three_loops_give_the_same_results) {
    constexpr int count = 60;
    tandem::testing::DemoServer server(tandem::testing::DemoOptions().delay_scale(0));
    const auto request = [&](int number) { return page(server.url("/get?a=" + std::to_string(number))); };
    const auto requests = [&](int from, int to) -> Task<std::vector<std::string>> {
        std::vector<Task<std::string>> all;
        for (int i = from; i < to; ++i) all.push_back(request(i));
        auto together = gather(std::move(all));
        auto texts = co_await std::move(together);
        co_return texts;
    };
    const auto by_one = run(requests(0, count));
    std::vector<std::string> by_threads(count);
    std::vector<std::vector<std::string>> parts(3);
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, t] {
            const int from = t * count / 3;
            const int to = (t + 1) * count / 3;
            for (int i = from; i < to; ++i)
                by_threads[static_cast<std::size_t>(i)] = run_blocking(request(i));
            parts[static_cast<std::size_t>(t)] = run(requests(from, to));
        });
    }
    for (auto& thread : threads) thread.join();
    std::vector<std::string> by_loops;
    for (const auto& part : parts) by_loops.insert(by_loops.end(), part.begin(), part.end());
    EXPECT_EQ(by_one.size(), std::size_t{count});
    EXPECT_EQ(by_threads, by_one);
    EXPECT_EQ(by_loops, by_one);
}

TEST(C3, a_foreground_that_draws_stays_responsive_while_fifty_fetches_arrive_by_callback) {
    tandem::testing::DemoServer server(tandem::testing::DemoOptions().delay_scale(0));
    double longest = 1;
    // A machine that is busy elsewhere may drop a frame of ours.
    for (int attempt = 0; attempt < 5 && longest > 0.030; ++attempt) {
        std::mutex mutex;
        std::deque<std::string> arrived;
        for (int i = 0; i < 50; ++i) {
            page(server.url("/delay/0.1")).start().on_done([&](const Pending<std::string>& text) {
                const std::lock_guard lock(mutex);
                arrived.push_back(text.get());
            });
        }
        int shown = 0;
        longest = 0;
        for (auto last = Clock::now(); shown < 50;) {
            std::this_thread::sleep_for(5ms);
            const auto now = Clock::now();
            longest = std::max(longest, std::chrono::duration<double>(now - last).count());
            last = now;
            const std::lock_guard lock(mutex);
            for (; !arrived.empty(); arrived.pop_front()) ++shown;
        }
        EXPECT_EQ(shown, 50);
    }
    EXPECT_LE(longest, 0.030);
}
