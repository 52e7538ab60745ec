// One program in every style that led to co_await, always with the same output.
#include <tandem/tandem.hpp>

#include <chrono>
#include <coroutine>
#include <cstdio>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

using namespace tandem;
using namespace std::chrono_literals;

// D5: a page is fetched in three steps

namespace callbacks {

void closed(EventLoop& loop, const std::string& page) {
    std::printf("closed, got %s\n", page.c_str());
    loop.stop();
}
void received(EventLoop& loop) {
    std::puts("received");
    loop.call_later(100ms, [&loop] { closed(loop, "a page"); });
}
void connected(EventLoop& loop) {
    std::puts("connected");
    loop.call_later(100ms, [&loop] { received(loop); });
}
void fetch(EventLoop& loop) {
    std::puts("connecting");
    loop.call_later(100ms, [&loop] { connected(loop); });
}

}  // namespace callbacks

namespace trampoline {

Generator<Duration> fetch() {
    std::puts("connecting");
    co_yield 100ms;
    std::puts("connected");
    co_yield 100ms;
    std::puts("received");
    co_yield 100ms;
    std::puts("closed, got a page");
}

}  // namespace trampoline

namespace delegation {

Generator<Duration, void, std::string> receive() {
    co_yield 100ms;
    std::puts("received");
    co_return "a page";
}
Generator<Duration> connect() {
    std::puts("connecting");
    co_yield 100ms;
    std::puts("connected");
}
Generator<Duration> fetch() {
    co_yield elements_of(connect());
    const std::string page = co_yield elements_of(receive());
    co_yield 100ms;
    std::printf("closed, got %s\n", page.c_str());
}

}  // namespace delegation

void bounce(EventLoop& loop, const std::shared_ptr<Generator<Duration>>& steps) {
    if (const auto delay = steps->next())
        loop.call_later(*delay, [&loop, steps] { bounce(loop, steps); });
    else
        loop.stop();
}

namespace awaited {

Task<void> connect() {
    std::puts("connecting");
    co_await sleep(100ms);
    std::puts("connected");
}
Task<std::string> receive() {
    co_await sleep(100ms);
    std::puts("received");
    co_return "a page";
}
Task<void> fetch() {
    co_await connect();
    const std::string page = co_await receive();
    co_await sleep(100ms);
    std::printf("closed, got %s\n", page.c_str());
}

}  // namespace awaited

void run_loop(const std::function<void(EventLoop&)>& start) {
    EventLoop loop;
    start(loop);
    loop.run_forever();
}

// K3: three steps, each with the value of the one before

void add_one(EventLoop& loop, int value, const std::function<void(int)>& then) {
    loop.call_later(100ms, [value, then] {
        std::printf("%d + 1 = %d\n", value, value + 1);
        then(value + 1);
    });
}

void three_callbacks(EventLoop& loop) {
    add_one(loop, 1, [&loop](int two) {
        add_one(loop, two, [&loop](int three) { add_one(loop, three, [&loop](int) { loop.stop(); }); });
    });
}

Future<int> add_one(EventLoop& loop, int value) {
    Future<int> sum(loop);
    add_one(loop, value, [sum](int result) { sum.set_result(result); });
    return sum;
}

void three_promises(EventLoop& loop) {
    const auto next = [&loop](int value) { return add_one(loop, value); };
    loop.run_until_complete(next(1).then(next).then(next));
}

Task<int> add_one(int value) {
    co_await sleep(100ms);
    std::printf("%d + 1 = %d\n", value, value + 1);
    co_return value + 1;
}

Task<void> three_awaits() {
    const int two = co_await add_one(1);
    const int three = co_await add_one(two);
    co_await add_one(three);
}

// Q3h: multiply after a second

Future<int> multiply_deferred(int x, int y) {
    Future<int> deferred;
    this_loop().call_later(1s, [=] { deferred.set_result(x * y); });
    return deferred;
}

Task<void> deferred() {
    co_await multiply_deferred(2, 5).then([](int result) { std::printf("result: %d\n", result); });
}

Task<int> multiply(int x, int y) {
    co_await sleep(1s);
    co_return x* y;
}

Task<void> coroutine() {
    const int result = co_await multiply(2, 5);
    std::printf("result: %d\n", result);
}

// U25l: from callbacks over a loop to coroutines, from zero

namespace from_zero {

void greet_by_callback(const std::function<void()>& then) {
    std::puts("hello");
    then();
}

void with_callbacks() {
    greet_by_callback([] { greet_by_callback([] { std::puts("bye"); }); });
}

std::deque<std::function<void()>> ready;

void with_a_loop() {
    ready.push_back([] {
        std::puts("hello");
        ready.push_back([] {
            std::puts("hello");
            ready.push_back([] { std::puts("bye"); });
        });
    });
    for (; !ready.empty(); ready.pop_front()) std::function<void()>(ready.front())();
}

struct Coroutine {
    struct promise_type {
        Coroutine get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

struct NextTurn {
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiting) { ready.push_back(waiting); }
    void await_resume() const {}
};

Coroutine greet() {
    std::puts("hello");
    co_await NextTurn();
    std::puts("hello");
    co_await NextTurn();
    std::puts("bye");
}

void with_coroutines() {
    greet();
    for (; !ready.empty(); ready.pop_front()) std::function<void()>(ready.front())();
}

}  // namespace from_zero

// AA3: the running average, with co_await

AsyncGenerator<double, double> averager() {
    double total = 0;
    double average = 0;
    for (int n = 1;; ++n) {
        total += co_yield average;
        average = total / n;
        co_await sleep(100ms);
    }
}

Task<void> averages() {
    auto average = averager();
    co_await average.next();
    for (double value : {10, 20, 30}) {
        const auto so_far = co_await average.send(value);
        std::printf("%g\n", *so_far);
    }
}

int main() {
    std::puts("D5");
    run_loop(callbacks::fetch);
    run_loop(
        [](EventLoop& loop) { bounce(loop, std::make_shared<Generator<Duration>>(trampoline::fetch())); });
    run_loop(
        [](EventLoop& loop) { bounce(loop, std::make_shared<Generator<Duration>>(delegation::fetch())); });
    run(awaited::fetch());

    std::puts("K3");
    run_loop(three_callbacks);
    EventLoop loop;
    three_promises(loop);
    loop.close();
    run(three_awaits());

    std::puts("Q3h");
    run(deferred());
    run(coroutine());

    std::puts("U25l");
    from_zero::with_callbacks();
    from_zero::with_a_loop();
    from_zero::with_coroutines();

    std::puts("AA3");
    run(averages());
}
