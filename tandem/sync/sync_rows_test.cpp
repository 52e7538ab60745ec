// Rows of the reading list that are judged here, and small programs made of this room's types.
#include <tandem/base/errors.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/sync/semaphore.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

struct Busy {
    int now = 0;
    int most = 0;
};

Task<int> fetch(Busy& site, Semaphore& semaphore, int number) {
    auto permit = co_await semaphore.hold();
    site.most = std::max(site.most, ++site.now);
    co_await sleep(1s);
    --site.now;
    co_return number;
}

/// A permit for each call, which comes back a second after it was taken.
Task<void> limited(Semaphore& rate, std::vector<long>& seconds, TimePoint start) {
    co_await rate.acquire();
    this_loop().call_later(1s, [&rate] { rate.release(); });
    seconds.push_back(static_cast<long>((this_loop().time() - start) / 1s));
}

/// Connections that are lent, by a queue.
class ConnectionPool {
public:
    explicit ConnectionPool(int size) : idle_(static_cast<std::size_t>(size)) {
        for (int i = 0; i < size; ++i) idle_.put_nowait(i);
    }
    bool full() const { return idle_.full(); }
    Task<int> lend() { co_return co_await idle_.get(); }
    void give_back(int connection) { idle_.put_nowait(connection); }

private:
    Queue<int> idle_;
};

Task<void> use(ConnectionPool& pool, std::vector<int>& used) {
    const int connection = co_await pool.lend();
    co_await sleep(1s);
    used.push_back(connection);
    pool.give_back(connection);
}

/// An actor: one task with an inbox.
class Counter {
public:
    struct Message {
        Message(std::string f, int a) : from(std::move(f)), amount(a) {}
        std::string from;
        int amount;
        std::shared_ptr<Queue<int>> answer;
    };
    explicit Counter(std::size_t room) : inbox_(room) {}

    Task<void> tell(std::string from, int amount) { co_await inbox_.put(Message(from, amount)); }
    Task<int> ask(std::string from) {
        Message message(from, 0);
        message.answer = std::make_shared<Queue<int>>(1);
        auto answer = message.answer;
        co_await inbox_.put(std::move(message));
        co_return co_await answer->get();
    }
    void stop() { inbox_.shutdown(); }
    Task<void> run() {
        while (auto message = co_await inbox_.next()) {
            if (message->amount < 0) throw std::domain_error("a negative amount");
            seen.push_back(message->from + std::to_string(message->amount));
            sum_ += message->amount;
            if (message->answer) message->answer->put_nowait(sum_);
            co_await sleep(1ms);
        }
    }
    /// Starts it again when it fails.
    Task<void> supervise() {
        for (;;) {
            try {
                co_await run();
                co_return;
            } catch (const std::domain_error&) {
                ++restarts;
                sum_ = 0;
            }
        }
    }

    std::vector<std::string> seen;
    int restarts = 0;

private:
    Queue<Message> inbox_;
    int sum_ = 0;
};

Task<void> tell_all(Counter& counter, std::string name, int count) {
    for (int i = 1; i <= count; ++i) co_await counter.tell(name, i);
}

}  // namespace

ASYNC_TEST(R7, twelve_fetches_are_three_at_once) {
    Busy site;
    Semaphore semaphore(3);
    std::vector<Task<int>> fetches;
    for (int i = 0; i < 12; ++i) fetches.push_back(fetch(site, semaphore, i));
    const auto start = this_loop().time();
    const auto results = co_await gather(std::move(fetches));

    EXPECT_EQ(results.size(), 12u);
    EXPECT_EQ(site.most, 3);
    EXPECT_EQ(this_loop().time() - start, 4s);
}

ASYNC_TEST(U25b, ten_fetches_of_a_second_three_at_once_take_four_seconds) {
    Busy site;
    Semaphore semaphore(3);
    std::vector<Task<int>> fetches;
    for (int i = 0; i < 10; ++i) fetches.push_back(fetch(site, semaphore, i));
    const auto start = this_loop().time();
    const auto results = co_await gather(std::move(fetches));

    EXPECT_EQ(results.back(), 9);
    EXPECT_EQ(site.most, 3);
    EXPECT_EQ(this_loop().time() - start, 4s);
}

ASYNC_TEST(SemS13, a_semaphore_and_a_timer_limit_a_rate) {
    Semaphore rate(3);
    std::vector<long> seconds;
    TaskGroup group;
    const auto start = this_loop().time();
    for (int i = 0; i < 10; ++i) group.create_task(limited(rate, seconds, start));
    co_await group.join();
    co_await sleep(2s);

    EXPECT_EQ(seconds, (std::vector<long>{0, 0, 0, 1, 1, 1, 2, 2, 2, 3}));
}

ASYNC_TEST(SemS17, a_pool_of_connections_is_a_queue) {
    ConnectionPool pool(2);
    std::vector<int> used;
    const bool full_before = pool.full();
    TaskGroup group;
    const auto start = this_loop().time();
    for (int i = 0; i < 5; ++i) group.create_task(use(pool, used));
    co_await sleep(1ms);
    const bool full_during = pool.full();
    co_await group.join();

    EXPECT_TRUE(full_before);
    EXPECT_FALSE(full_during);
    EXPECT_TRUE(pool.full());
    EXPECT_EQ(used, (std::vector<int>{0, 1, 0, 1, 0}));
    EXPECT_EQ(this_loop().time() - start, 3s);
}

ASYNC_TEST(SemS22, an_actor_keeps_each_senders_order_answers_and_slows_its_senders_down) {
    Counter counter(2);
    auto running = create_task(counter.supervise());
    const auto start = this_loop().time();
    co_await gather(tell_all(counter, "a", 5), tell_all(counter, "b", 5));
    const auto told = this_loop().time() - start;
    const int sum = co_await counter.ask("c");
    counter.stop();
    co_await running;
    std::string of_a;
    for (const auto& line : counter.seen) {
        if (line.starts_with('a')) of_a += line;
    }

    EXPECT_EQ(sum, 30);
    EXPECT_EQ(of_a, "a1a2a3a4a5");
    EXPECT_GE(told, 7ms);
    EXPECT_EQ(counter.restarts, 0);
}

ASYNC_TEST(SemS22, an_actor_that_fails_is_started_again_with_its_inbox_whole) {
    Counter counter(10);
    auto running = create_task(counter.supervise());
    for (const int amount : {1, -1, 2}) co_await counter.tell("x", amount);
    const int sum = co_await counter.ask("y");
    counter.stop();
    co_await running;

    EXPECT_EQ(counter.restarts, 1);
    EXPECT_EQ(sum, 2);
}
