// Coroutines that take turns, call one another, and wait one after the other.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace tandem;
using namespace std::chrono_literals;

double seconds_since(TimePoint start) {
    return std::chrono::duration<double>(this_loop().time() - start).count();
}

Task<void> factorial(std::string name, int number) {
    int f = 1;
    for (int i = 2; i <= number; ++i) {
        std::printf("Task %s: Compute factorial(%d)...\n", name.c_str(), i);
        co_await sleep(1s);
        f *= i;
    }
    std::printf("Task %s: factorial(%d) = %d\n", name.c_str(), number, f);
}

Task<void> three_factorials() {
    const auto start = this_loop().time();
    co_await gather(factorial("A", 2), factorial("B", 3), factorial("C", 4));
    std::printf("after %.1f s\n", seconds_since(start));
}

Task<int> compute(int x, int y) {
    std::printf("Compute %d + %d ...\n", x, y);
    co_await sleep(1s);
    co_return x + y;
}

Task<void> print_sum(int x, int y) {
    const auto start = this_loop().time();
    const int result = co_await compute(x, y);
    std::printf("%d + %d = %d\n", x, y, result);
    std::printf("after %.1f s\n", seconds_since(start));
}

Task<int> hello(int number) {
    co_await sleep(500ms);
    std::printf("Hello %d\n", number);
    co_return number;
}

Task<int> one_after_the_other() {
    const auto start = this_loop().time();
    co_await hello(1);
    co_await hello(2);
    const int last = co_await hello(3);
    std::printf("after %.1f s\n", seconds_since(start));
    co_return last;
}

Task<void> coroutine() {
    std::puts("in coroutine");
    co_return;
}

Task<std::string> coroutine_with_result() {
    std::puts("in coroutine");
    co_return "result";
}

Task<std::string> phase1() {
    std::puts("in phase1");
    co_return "result1";
}

Task<std::string> phase2(std::string argument) {
    std::puts("in phase2");
    co_return "result2 derived from " + argument;
}

Task<std::string> outer() {
    std::puts("in outer");
    std::puts("waiting for result1");
    auto result1 = co_await phase1();
    std::puts("waiting for result2");
    auto result2 = co_await phase2(result1);
    co_return "('" + result1 + "', '" + result2 + "')";
}

// S1d: the same in generator style: what is yielded is how long to wait, and the loop comes back.

namespace generator_style {

using Steps = Generator<Duration, void, std::string>;

Steps phase1() {
    std::puts("in phase1");
    co_yield 0s;
    co_return "result1";
}

Steps phase2(std::string argument) {
    std::puts("in phase2");
    co_yield 0s;
    co_return "result2 derived from " + argument;
}

Steps outer() {
    std::puts("in outer");
    std::puts("waiting for result1");
    const std::string result1 = co_yield elements_of(phase1());
    std::puts("waiting for result2");
    const std::string result2 = co_yield elements_of(phase2(result1));
    co_return "('" + result1 + "', '" + result2 + "')";
}

void step(EventLoop& loop, Steps& steps) {
    if (const auto delay = steps.next())
        loop.call_later(*delay, [&] { step(loop, steps); });
    else
        loop.stop();
}

std::string run_until_complete(Steps steps) {
    EventLoop loop;
    loop.call_soon([&] { step(loop, steps); });
    loop.run_forever();
    return steps.take_result();
}

}  // namespace generator_style

Task<void> step(const char* name, Duration length, TimePoint start) {
    co_await sleep(length);
    std::printf("%s done at %.1f\n", name, seconds_since(start));
}

Task<void> inline_callbacks() {
    const auto start = this_loop().time();
    co_await step("foo", 1s, start);
    co_await step("bar", 500ms, start);
    co_await step("ker", 3s, start);
}

int main() {
    std::puts("O2");
    run(three_factorials());
    std::puts("O3");
    run(print_sum(1, 2));
    std::puts("R3");
    std::printf("%d\n", run(one_after_the_other()));

    std::puts("S1a");
    {
        EventLoop loop;
        std::puts("starting coroutine");
        auto coro = coroutine();
        std::puts("entering event loop");
        loop.run_until_complete(std::move(coro));
        std::puts("closing event loop");
        loop.close();
    }
    std::puts("S1b");
    {
        EventLoop loop;
        const auto returned = loop.run_until_complete(coroutine_with_result());
        std::printf("it returned: '%s'\n", returned.c_str());
    }
    std::puts("S1c");
    std::printf("return value: %s\n", run(outer()).c_str());

    std::puts("S1d");
    std::printf("return value: %s\n", generator_style::run_until_complete(generator_style::outer()).c_str());

    std::puts("U13");
    run(inline_callbacks());
}
