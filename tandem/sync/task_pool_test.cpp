#include <tandem/sync/task_pool.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<void> talk(std::string message, std::vector<std::string>& lines) {
    for (int i = 0; i < 3; ++i) lines.push_back(message);
    co_return;
}

Task<int> intensive(int n) {
    co_await sleep(std::chrono::seconds(3 - n));
    co_return n;
}

Task<void> greet(std::string message, Duration delay, std::vector<std::string>& lines) {
    co_await sleep(delay);
    lines.push_back(message);
}

// A class with a body of its own to run.
class Greeter {
public:
    Greeter(std::string message, Duration delay) : message_(std::move(message)), delay_(delay) {}
    Task<std::string> operator()() {
        co_await sleep(delay_);
        co_return message_;
    }

private:
    std::string message_;
    Duration delay_;
};

struct Socket {
    explicit Socket(int& open_sockets) : open(open_sockets) { ++open; }
    ~Socket() { --open; }
    Socket(const Socket&) = delete;
    int& open;
};

class SocketPool {
public:
    void add_handler(std::shared_ptr<Socket> socket) {
        if (pool_.full()) throw std::runtime_error("At maximum pool size");
        pool_.spawn(listen(std::move(socket)));
    }
    Task<void> shutdown() { return pool_.kill(); }

private:
    static Task<void> listen(std::shared_ptr<Socket> socket) {
        while (socket->open > 0) co_await sleep(1h);
    }
    TaskPool pool_{1000};
};

}  // namespace

ASYNC_TEST(J6, a_function_a_lambda_and_a_class_are_spawned) {
    const auto start = this_loop().time();
    std::vector<std::string> lines;
    TaskPool all;

    all.spawn(greet("Hello", 1s, lines));
    all.spawn(greet("I live!", 2s, lines));
    auto sum = all.spawn([](int x) -> Task<int> { co_return x + 1; }, 2);
    auto greeter = all.spawn(Greeter("Hi there!", 3s));
    co_await all.join();

    EXPECT_EQ(lines, (std::vector<std::string>{"Hello", "I live!"}));
    EXPECT_EQ(sum.result(), 3);
    EXPECT_EQ(greeter.result(), "Hi there!");
    EXPECT_EQ(this_loop().time() - start, 3s);
}

ASYNC_TEST(J13a, a_group_is_joined_added_to_and_joined_again) {
    std::vector<std::string> lines;
    TaskPool group;

    group.spawn(talk("bar", lines));
    group.spawn(talk("foo", lines));
    co_await group.join();
    const auto first = lines.size();
    group.spawn(talk("fizz", lines));
    co_await group.join();

    EXPECT_EQ(first, 6U);
    EXPECT_EQ(lines,
              (std::vector<std::string>{"bar", "bar", "bar", "foo", "foo", "foo", "fizz", "fizz", "fizz"}));
}

ASYNC_TEST(J13b, map_and_imap_keep_the_order_and_imap_unordered_does_not) {
    const auto start = this_loop().time();
    const auto seconds = [start] { return (this_loop().time() - start) / 1s; };
    std::vector<std::size_t> sizes;
    const std::vector<int> items = {0, 1, 2};
    TaskPool group;
    const auto hello_from = [](TaskPool* own, std::vector<std::size_t>* seen, int n) -> Task<int> {
        seen->push_back(own->size());
        co_await sleep(std::chrono::seconds(3 - n));
        co_return n;
    };
    const auto hello = [&](int n) { return hello_from(&group, &sizes, n); };

    const auto mapped = co_await group.map(hello, items);
    const auto after_map = seconds();
    std::vector<std::pair<int, std::int64_t>> ordered;
    TaskPool ogroup;
    auto in_order = ogroup.imap(intensive, items);
    while (auto value = co_await in_order.next()) ordered.emplace_back(*value, seconds() - 3);
    std::vector<std::pair<int, std::int64_t>> unordered;
    TaskPool igroup;
    auto as_they_end = igroup.imap_unordered(intensive, items);
    while (auto task = co_await as_they_end.next()) unordered.emplace_back(task->result(), seconds() - 6);

    EXPECT_EQ(mapped, items);
    EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 3, 3}));
    EXPECT_EQ(after_map, 3);
    EXPECT_EQ(ordered, (std::vector<std::pair<int, std::int64_t>>{{0, 3}, {1, 3}, {2, 3}}));
    EXPECT_EQ(unordered, (std::vector<std::pair<int, std::int64_t>>{{2, 1}, {1, 2}, {0, 3}}));
}

ASYNC_TEST(J13c, a_pool_of_two_never_runs_three) {
    TaskPool pool(2);
    std::size_t most = 0;
    int done = 0;
    const auto job_of = [](TaskPool* own, std::size_t* seen, int* ended) -> Task<void> {
        *seen = std::max(*seen, own->running());
        co_await sleep(1s);
        ++*ended;
    };
    const auto start = this_loop().time();

    for (int i = 0; i < 3; ++i) pool.spawn(job_of(&pool, &most, &done));
    const bool full = pool.full();
    co_await pool.join();

    EXPECT_TRUE(full);
    EXPECT_EQ(most, 2U);
    EXPECT_EQ(done, 3);
    EXPECT_EQ(this_loop().time() - start, 2s);
}

ASYNC_TEST(J13d, a_socket_pool_refuses_number_1001_and_its_end_closes_all) {
    int open = 0;
    SocketPool pool;
    std::string refused;

    try {
        for (int i = 0; i < 1001; ++i) pool.add_handler(std::make_shared<Socket>(open));
    } catch (const std::runtime_error& error) {
        refused = error.what();
    }
    co_await sleep(1s);
    const int open_before = open;
    co_await pool.shutdown();

    EXPECT_EQ(refused, "At maximum pool size");
    EXPECT_EQ(open_before, 1000);
    EXPECT_EQ(open, 0);
}

ASYNC_TEST(TaskPool, destroyed_with_members_it_cancels_them) {
    bool cancelled = false;
    const auto waits = [](bool* told) -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            *told = true;
            throw;
        }
    };
    const auto leaves_early = [](auto body, bool* told) -> Task<void> {
        TaskPool pool;
        pool.spawn(body(told));
        co_await sleep(1s);
    };

    auto outer = create_task(leaves_early(waits, &cancelled));
    co_await outer;

    EXPECT_TRUE(cancelled);
}
