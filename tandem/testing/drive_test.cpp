#include <tandem/testing/drive.hpp>

#include <tandem/task/current_task.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/generator.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <deque>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

std::size_t entries(const char* folder) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
    return count;
}

Task<int> three_steps(Lines& lines) {
    lines.push_back("step 1");
    co_await sleep(10h);
    lines.push_back("step 2");
    co_await checkpoint();
    lines.push_back("step 3");
    co_return 42;
}

Generator<int, int> echo_doubled() {
    int value = 0;
    while (value < 4) value = co_yield 2 * value;
}

/// Hands a number to whoever drives the task, who answers it.
class Question {
public:
    explicit Question(int number) : number_(number) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> asker) {
        asker_ = asker;
        asked = this;
    }
    int await_resume() const { return answer_; }
    int number() const { return number_; }
    void answer(int value) {
        answer_ = value;
        asker_.resume();
    }
    static inline Question* asked = nullptr;

private:
    int number_;
    int answer_ = 0;
    std::coroutine_handle<> asker_;
};

Task<int> asks() {
    Question first(1);
    const int a = co_await first;
    Question second(2);
    const int b = co_await second;
    co_return a + b;
}

Task<void> fails() {
    co_await checkpoint();
    throw std::runtime_error("failed");
}

void round_robin(std::vector<tandem::testing::Drive<void>> tasks) {
    for (bool any = true; any;) {
        any = false;
        for (auto& task : tasks) any |= task.step();
    }
}

Task<void> three_times(std::string name, Lines& lines) {
    for (int i = 0; i < 3; ++i) {
        lines.push_back(name + std::to_string(i));
        co_await checkpoint();
    }
}

Task<void> nap() { co_await sleep(1s); }

template <class F>
auto coroutine(F fn) {
    using Made = std::invoke_result_t<F>;
    if constexpr (is_task_v<Made>)
        return fn();
    else if constexpr (is_future_v<Made>)
        return as_task(fn());
    else
        return [](F plain) -> Task<Made> { co_return plain(); }(fn);
}

class Slow {
public:
    Slow(Duration delay, Lines& lines) : delay_(delay), lines_(&lines) { lines.push_back("init"); }
    Task<std::string> to_task() const {
        lines_->push_back("await sleep");
        co_await sleep(delay_);
        co_return "ok";
    }

private:
    Duration delay_;
    Lines* lines_;
};

class AfterAnother {
public:
    Task<int> to_task() const {
        const auto other = create_task(nap());
        co_await other;
        co_await sleep(1s);
        co_return 2;
    }
};

struct ByOperator {
    struct Awaiter {
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiting) const { waiting.resume(); }
        int await_resume() const { return 3; }
    };
    Awaiter operator co_await() const { return {}; }
};

struct ByMember {
    Future<int> future;
    auto awaiter() const { return future.awaiter(); }
};

class Pool;
class Connection {
public:
    explicit Connection(Pool& pool) : pool_(&pool) {}
    Connection(Connection&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
    Connection& operator=(Connection&&) = delete;
    ~Connection();

private:
    Pool* pool_;
};

class Pool {
public:
    explicit Pool(int size) : free_(size) {}
    Task<Connection> to_task() {
        while (free_ == 0) {
            waiting_.emplace_back();
            const auto turn = waiting_.back();
            co_await turn;
        }
        --free_;
        most_used_ = std::max(most_used_, ++used_);
        co_return Connection(*this);
    }
    void give_back() {
        --used_;
        ++free_;
        if (waiting_.empty()) return;
        waiting_.front().set_result();
        waiting_.pop_front();
    }
    int most_used() const { return most_used_; }

private:
    int free_;
    int used_ = 0;
    int most_used_ = 0;
    std::deque<Future<void>> waiting_;
};

Connection::~Connection() {
    if (pool_) pool_->give_back();
}

Task<void> echo(Pool& pool, std::string message, Lines& lines) {
    const Connection connection = co_await pool;
    co_await sleep(1s);
    lines.push_back(message);
}

}  // namespace

TEST(SemK12, a_task_is_stepped_without_a_running_loop) {
    Lines lines;
    auto driven = tandem::testing::drive(three_steps(lines));
    EXPECT_TRUE(lines.empty());
    EXPECT_TRUE(driven.step());
    EXPECT_EQ(driven.awaits(), "sleep");
    EXPECT_EQ(this_loop_or_null(), nullptr);
    EXPECT_TRUE(driven.step());
    EXPECT_EQ(lines, (Lines{"step 1", "step 2"}));
    EXPECT_TRUE(driven.step());
    EXPECT_TRUE(driven.done());
    EXPECT_FALSE(driven.step());
    EXPECT_EQ(driven.result(), 42);
}

TEST(SemK12, errors_come_out_of_result_and_a_cancel_is_delivered_by_the_next_step) {
    auto failing = tandem::testing::drive(fails());
    EXPECT_THROW(failing.result(), InvalidStateError);
    while (failing.step()) {
    }
    EXPECT_THROW(failing.result(), std::runtime_error);

    Lines lines;
    auto cancelled = tandem::testing::drive(three_steps(lines));
    cancelled.step();
    cancelled.cancel();
    cancelled.step();
    EXPECT_THROW(static_cast<void>(cancelled.result()), TaskCancelled);
    EXPECT_EQ(lines, (Lines{"step 1"}));
}

TEST(SemK12, one_that_waits_for_its_driver_does_not_move_until_it_is_answered) {
    auto driven = tandem::testing::drive(asks());
    EXPECT_TRUE(driven.step());
    EXPECT_FALSE(driven.step());
    EXPECT_FALSE(driven.done());
    Question::asked->answer(10);
    EXPECT_TRUE(driven.step());
    EXPECT_EQ(Question::asked->number(), 2);
    Question::asked->answer(20);
    driven.step();
    EXPECT_EQ(driven.result(), 30);
}

TEST(X1, a_generator_and_a_task_are_driven_by_hand_to_their_end_with_no_thread_and_no_descriptor) {
    auto numbers = echo_doubled();
    EXPECT_EQ(numbers.next(), 0);
    EXPECT_EQ(numbers.send(1), 2);
    EXPECT_FALSE(numbers.send(4));

    const auto descriptors = entries("/proc/self/fd");
    const auto threads = entries("/proc/self/task");
    Lines lines;
    auto driven = tandem::testing::drive(three_steps(lines));
    for (std::size_t line = 1; driven.step(); ++line) EXPECT_EQ(lines.size(), line);
    EXPECT_EQ(entries("/proc/self/fd"), descriptors);
    EXPECT_EQ(entries("/proc/self/task"), threads);
    EXPECT_EQ(lines, (Lines{"step 1", "step 2", "step 3"}));
    EXPECT_EQ(driven.result(), 42);
}

TEST(X2, the_driver_sees_the_value_and_its_answer_is_the_awaits_result) {
    auto driven = tandem::testing::drive(asks());
    driven.step();
    EXPECT_EQ(Question::asked->number(), 1);
    Question::asked->answer(5);
    driven.step();
    EXPECT_EQ(Question::asked->number(), 2);
    Question::asked->answer(6);
    driven.step();
    EXPECT_EQ(driven.result(), 11);
}

TEST(X3, a_scheduler_of_a_few_lines_runs_coroutines_in_turn) {
    Lines lines;
    std::vector<tandem::testing::Drive<void>> tasks;
    for (const char* name : {"a", "b", "c"})
        tasks.push_back(tandem::testing::drive(three_times(name, lines)));
    round_robin(std::move(tasks));
    EXPECT_EQ(lines, (Lines{"a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"}));
}

ASYNC_TEST(X4, await_alone_runs_nothing_in_parallel) {
    const auto start = this_loop().time();
    co_await nap();
    co_await nap();
    EXPECT_EQ(this_loop().time() - start, 2s);
    co_await gather(nap(), nap());
    EXPECT_EQ(this_loop().time() - start, 3s);
}

ASYNC_TEST(U1, a_plain_function_that_gives_a_value_a_future_or_a_coroutine_becomes_awaitable) {
    Lines lines;
    const auto start = this_loop().time();
    const auto foo = [&] {
        Future<int> slept;
        this_loop().call_later(1s, [&lines, slept] {
            lines.push_back("Hello Foo");
            slept.set_result(1);
        });
        return slept;
    };
    const auto bar = [&] {
        lines.push_back("Hello Bar");
        return 0;
    };
    co_await gather(coroutine(foo), coroutine(bar), coroutine(nap));
    EXPECT_EQ(lines, (Lines{"Hello Bar", "Hello Foo"}));
    EXPECT_EQ(this_loop().time() - start, 1s);
}

ASYNC_TEST(U5, any_user_type_can_be_awaited_also_one_that_awaits_another_task_first) {
    Lines lines;
    const auto start = this_loop().time();
    const Slow slow(3s, lines);
    lines.push_back(co_await slow);
    EXPECT_EQ(lines, (Lines{"init", "await sleep", "ok"}));
    EXPECT_EQ(this_loop().time() - start, 3s);
    const AfterAnother after;
    co_await after;
    EXPECT_EQ(this_loop().time() - start, 5s);
}

ASYNC_TEST(SemKt14, types_are_made_awaitable_in_three_ways) {
    const ByOperator by_operator;
    const int three = co_await by_operator;
    const ByMember by_member{create_future<int>()};
    this_loop().call_later(1s, [&] { by_member.future.set_result(4); });
    const int four = co_await by_member;
    const AfterAnother by_task;
    const int two = co_await by_task;
    EXPECT_EQ(three, 3);
    EXPECT_EQ(four, 4);
    EXPECT_EQ(two, 2);
}

ASYNC_TEST(SemKt14, a_connection_pool_is_awaited_directly) {
    Pool pool(1);
    const auto take = [](Pool& from) -> Task<void> { const Connection connection = co_await from; };
    co_await take(pool);
    co_await take(pool);
    EXPECT_EQ(pool.most_used(), 1);
}

ASYNC_TEST(U20, three_connections_carry_five_messages_and_nobody_polls) {
    Lines lines;
    Pool pool(3);
    const auto start = this_loop().time();
    const auto turns = this_loop().turns();
    std::vector<Task<void>> messages;
    for (int i = 1; i <= 5; ++i) messages.push_back(echo(pool, "message " + std::to_string(i), lines));
    co_await gather(std::move(messages));
    EXPECT_EQ(lines, (Lines{"message 1", "message 2", "message 3", "message 4", "message 5"}));
    EXPECT_EQ(this_loop().time() - start, 2s);
    EXPECT_EQ(pool.most_used(), 3);
    EXPECT_LT(this_loop().turns() - turns, 40U);
}
