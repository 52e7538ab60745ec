// Sequences whose elements are waited for, and scopes that are entered and left by awaiting.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <optional>
#include <ratio>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

TimePoint started;
void start_clock() { started = this_loop().time(); }
double seconds() {
    return std::chrono::round<std::chrono::duration<int, std::deci>>(this_loop().time() - started).count() /
           10.0;
}

// T1

AsyncGenerator<int> ticker(Duration delay, int to) {
    for (int i = 0; i < to; ++i) {
        co_yield i;
        co_await sleep(delay);
    }
}

AsyncGenerator<int> even(AsyncGenerator<int> numbers) {
    while (auto number = co_await numbers.next())
        if (*number % 2 == 0) co_yield *number;
}

struct Database {
    const char* name;
    Task<Database*> enter() {
        co_await sleep(100ms);
        std::printf("%s opened\n", name);
        co_return this;
    }
    Task<void> exit() {
        co_await sleep(100ms);
        std::printf("%s closed\n", name);
    }
};

Task<void> copy(Database* from, Database* to) {
    co_await sleep(100ms);
    std::printf("copied %s to %s\n", from->name, to->name);
}

Task<void> tick() {
    auto ticks = ticker(100ms, 3);
    while (auto i = co_await ticks.next()) std::printf("tick %d\n", *i);

    const auto all = co_await collect(ticker(100ms, 3));
    const auto some = co_await collect(even(ticker(100ms, 3)));
    std::printf("%zu collected, %zu of them even\n", all.size(), some.size());

    const auto with_a = [](Database* a) {
        return async_with(Database{"b"}, [a](Database* b) { return copy(a, b); });
    };
    co_await async_with(Database{"a"}, with_a);
}

// T2

Task<void> say(const char* line) {
    co_await sleep(100ms);
    std::puts(line);
}

Task<void> only_the_first(AsyncGenerator<int>& ticks) {
    while (auto i = co_await ticks.next()) {
        std::printf("tick %d\n", *i);
        break;
    }
}

Task<void> leave_early() {
    auto ticks = with_finally(ticker(100ms, 3), say("the ticker cleaned up"));
    co_await async_closing(ticks, only_the_first(ticks));
    std::puts("after the loop");
}

Task<void> abandon() {
    auto ticks = with_finally(ticker(100ms, 3), say("its loop cleaned it up"));
    co_await only_the_first(ticks);
    std::puts("main ends");
}

// U14, U15

AsyncGenerator<int> slowly(std::vector<int> items) {
    for (int item : items) {
        co_await sleep(1s);
        co_yield item;
    }
}

Task<void> async_for() {
    start_clock();
    auto items = slowly({1, 2, 3});
    while (auto item = co_await items.next()) std::printf("%d at %g s\n", *item, seconds());
}

struct AsyncIterator {
    std::vector<int> items;
    std::size_t next_item = 0;

    Task<std::optional<int>> next() {
        if (next_item == items.size()) co_return std::nullopt;
        co_await sleep(1s);
        co_return items[next_item++];
    }
};

Task<void> without_sugar() {
    start_clock();
    AsyncIterator it{{1, 2, 3}};
    for (;;) {
        const auto item = co_await it.next();
        if (!item) break;
        std::printf("%d at %g s\n", *item, seconds());
    }
}

// U16, U17

struct AsyncContext {
    Duration to_enter;
    Duration to_leave;

    Task<AsyncContext*> enter() {
        co_await sleep(to_enter);
        std::printf("enter at %g\n", seconds());
        co_return this;
    }
    Task<void> exit() {
        co_await sleep(to_leave);
        std::printf("exit at %g\n", seconds());
    }
};

Task<void> block(const char* line) {
    std::puts(line);
    co_return;
}

Task<void> hello() {
    co_await async_with(AsyncContext{3s, 1s}, [](AsyncContext*) { return block("hello block"); });
}

Task<void> hello_and_world() {
    start_clock();
    const auto world = create_task(block("world block"));
    co_await hello();
    co_await world;
}

Task<void> by_hand() {
    start_clock();
    AsyncContext context{5s, 3s};
    co_await context.enter();
    co_await with_finally(block("body"), context.exit());
}

// U18

AsyncGenerator<std::string> greeting(std::string message) {
    co_await sleep(1s);
    co_yield message;
    co_await sleep(500ms);
    std::puts("done");
}

Task<void> print(std::string message) {
    co_await sleep(1s);
    std::puts(message.c_str());
}

Task<void> fail(std::string) {
    throw std::runtime_error("the body failed");
    co_return;
}

Task<void> context_manager() {
    start_clock();
    co_await async_with(greeting("Hello"), print);
    std::printf("%g s\n", seconds());
    try {
        co_await async_with(greeting("Hello"), fail);
    } catch (const std::runtime_error& error) {
        std::printf("and then: %s\n", error.what());
    }
}

int main() {
    std::puts("T1");
    run(tick());
    std::puts("T2");
    run(leave_early());
    run(abandon());
    std::puts("U14");
    run(async_for());
    std::puts("U15");
    run(without_sugar());
    std::puts("U16");
    run(hello_and_world());
    std::puts("U17");
    run(by_hand());
    std::puts("U18");
    run(context_manager());
}
