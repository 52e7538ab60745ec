// What can be awaited, and who drives what awaits.
#include <tandem/tandem.hpp>
#include <tandem/testing/drive.hpp>

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <deque>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

TimePoint started;
void start_clock() { started = this_loop().time(); }
long seconds() { return std::chrono::round<std::chrono::seconds>(this_loop().time() - started).count(); }

// X1: driven by hand

Generator<int, int> doubles() {
    int value = 0;
    while (value < 4) value = co_yield 2 * value;
}

Task<std::string> three_steps() {
    std::puts("step 1");
    co_await sleep(1s);
    std::puts("step 2");
    co_await checkpoint();
    std::puts("step 3");
    co_return "the result";
}

// X2: a value for the driver, an answer from it

class Question {
public:
    explicit Question(std::string text) : text_(std::move(text)) {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> asker) {
        asker_ = asker;
        asked = this;
    }
    std::string await_resume() { return answer_; }

    const std::string& text() const { return text_; }
    void answer(std::string text) {
        answer_ = std::move(text);
        asker_.resume();
    }
    static inline Question* asked = nullptr;

private:
    std::string text_;
    std::string answer_;
    std::coroutine_handle<> asker_;
};

Task<std::string> conversation() {
    Question name("what is your name?");
    const std::string answer = co_await name;
    co_return "hello, " + answer;
}

// X3: a scheduler

void round_robin(std::vector<testing::Drive<void>> tasks) {
    for (bool any = true; any;) {
        any = false;
        for (auto& task : tasks) any |= task.step();
    }
}

Task<void> three_times(char name) {
    for (int i = 0; i < 3; ++i) {
        std::printf("%c%d\n", name, i);
        co_await checkpoint();
    }
}

// X4: await runs nothing in parallel

Task<void> nap() { co_await sleep(1s); }

Task<void> one_after_the_other() {
    start_clock();
    co_await nap();
    co_await nap();
    std::printf("awaited: %ld s\n", seconds());
    start_clock();
    co_await gather(nap(), nap());
    std::printf("gathered: %ld s\n", seconds());
}

// U1: a plain function that returns a value, a future or a coroutine becomes a coroutine

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

Future<void> foo() {
    Future<void> slept;
    this_loop().call_later(1s, [slept] {
        std::puts("Hello Foo");
        slept.set_result();
    });
    return slept;
}

int bar() {
    std::puts("Hello Bar");
    return 0;
}

Task<void> decorated() { co_await gather(coroutine(foo), coroutine(bar), coroutine(nap)); }

// U5: a type that is awaited, and awaits something itself

class Slow {
public:
    explicit Slow(int n) : n_(n) { std::puts("init"); }
    Task<const char*> to_task() const {
        std::printf("await sleep(%d)\n", n_);
        co_await sleep(std::chrono::seconds(n_));
        co_return "ok";
    }

private:
    int n_;
};

class AfterAnother {
public:
    Task<const char*> to_task() const {
        const auto other = create_task(nap());
        co_await other;
        co_await sleep(1s);
        co_return "ok";
    }
};

Task<void> future_like() {
    const Slow slow(3);
    const char* const word = co_await slow;
    std::puts(word);
    start_clock();
    const AfterAnother after;
    const char* const second = co_await after;
    std::printf("%s after %ld s\n", second, seconds());
}

// U20: a connection pool that is itself awaitable

class Pool;

class Connection {
public:
    Connection(Pool& pool, int number) : pool_(&pool), number_(number) {}
    Connection(Connection&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), number_(other.number_) {}
    Connection& operator=(Connection&&) = delete;
    ~Connection();

    Task<std::string> echo(std::string message) {
        co_await sleep(1s);
        co_return message;
    }

private:
    Pool* pool_;
    int number_;
};

class Pool {
public:
    explicit Pool(int size) {
        for (int number = 1; number <= size; ++number) free_.push_back(number);
    }
    Task<Connection> to_task() {
        while (free_.empty()) {
            waiting_.emplace_back();
            const auto turn = waiting_.back();
            co_await turn;
        }
        const int number = free_.front();
        free_.pop_front();
        most_used_ = std::max(most_used_, ++used_);
        co_return Connection(*this, number);
    }
    void give_back(int number) {
        --used_;
        free_.push_back(number);
        if (waiting_.empty()) return;
        waiting_.front().set_result();
        waiting_.pop_front();
    }
    int most_used() const { return most_used_; }

private:
    std::deque<int> free_;
    std::deque<Future<void>> waiting_;
    int used_ = 0;
    int most_used_ = 0;
};

Connection::~Connection() {
    if (pool_) pool_->give_back(number_);
}

Task<void> send(Pool& pool, std::string message) {
    Connection connection = co_await pool;
    const std::string answer = co_await connection.echo(message);
    std::printf("%s at %ld s\n", answer.c_str(), seconds());
}

Task<void> five_messages() {
    start_clock();
    Pool pool(3);
    std::vector<Task<void>> messages;
    for (int i = 1; i <= 5; ++i) messages.push_back(send(pool, "message " + std::to_string(i)));
    co_await gather(std::move(messages));
    std::printf("never more than %d connections\n", pool.most_used());
}

int main() {
    std::puts("X1");
    auto numbers = doubles();
    numbers.next();
    for (int i = 1; const auto value = numbers.send(i); i *= 2) std::printf("sent %d, got %d\n", i, *value);
    auto driven = testing::drive(three_steps());
    while (driven.step())
        std::printf("awaits %s\n", driven.done() ? "nothing more" : driven.awaits().c_str());
    std::printf("%s\n", driven.result().c_str());

    std::puts("X2");
    auto talk = testing::drive(conversation());
    talk.step();
    std::puts(Question::asked->text().c_str());
    Question::asked->answer("Julien");
    talk.step();
    std::puts(talk.result().c_str());

    std::puts("X3");
    std::vector<testing::Drive<void>> tasks;
    for (char name : {'a', 'b', 'c'}) tasks.push_back(testing::drive(three_times(name)));
    round_robin(std::move(tasks));

    std::puts("X4");
    run(one_after_the_other());
    std::puts("U1");
    run(decorated());
    std::puts("U5");
    run(future_like());
    std::puts("U20");
    run(five_messages());
}
