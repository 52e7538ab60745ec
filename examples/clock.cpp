// Hours of waiting: clocks, a loop that is stopped early, pi on a thread, hellos, and sleepers side by side.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

long seconds_since(TimePoint start) {
    return std::chrono::round<std::chrono::seconds>(this_loop().time() - start).count();
}

// Counts all lines and prints those around the first minute.
struct Printer {
    TimePoint start = this_loop().time();
    int minutes = 0;
    int seconds = 0;

    void line(int value, const char* unit) const {
        const long now = seconds_since(start);
        if (now >= 58 && now <= 61) std::printf("%d %s\n", value, unit);
    }
};

Task<void> print_every_minute(Printer& printer) {
    for (int i = 0; i < 10; ++i) {
        co_await sleep(60s);
        printer.line(i, "minute");
        ++printer.minutes;
    }
}

Task<void> print_every_second(Printer& printer) {
    for (int minute = 0; minute < 600; ++minute) {
        for (int i = 0; i < 60; ++i) {
            printer.line(i, "s");
            ++printer.seconds;
            co_await sleep(1s);
        }
    }
}

Task<void> hello_clock() {
    Printer printer;
    co_await gather(print_every_minute(printer), print_every_second(printer));
    std::printf("%d lines for minutes, %d for seconds, after %ld s\n", printer.minutes, printer.seconds,
                seconds_since(printer.start));
}

Task<void> say(std::string what, Duration when) {
    co_await sleep(when);
    std::puts(what.c_str());
}

Task<void> stop_after(Duration when) {
    co_await sleep(when);
    this_loop().stop();
}

void stopped_early() {
    EventLoop loop;
    loop.set_exception_handler([](EventLoop&, const ErrorContext& context) {
        const auto what = context.message.substr(0, context.message.find(','));
        std::printf("logged: %s: %s\n", context.task.c_str(), what.c_str());
    });
    loop.create_task(say("first hello", 2s), {.name = "first"});
    loop.create_task(say("second hello", 1s), {.name = "second"});
    loop.create_task(say("third hello", 4s), {.name = "third"});
    loop.create_task(stop_after(3s), {.name = "stopper"});
    loop.run_forever();
    loop.close();
}

// Rabinowitz and Wagon's spigot.
std::string compute_pi(int digits) {
    std::vector<int> rest(static_cast<std::size_t>(digits * 10 / 3 + 1), 2);
    std::string pi;
    int held = 0;
    int nines = 0;
    for (int round = 0; round <= digits + 1; ++round) {
        int carry = 0;
        for (int i = static_cast<int>(rest.size()) - 1; i > 0; --i) {
            const int x = 10 * rest[static_cast<std::size_t>(i)] + carry * (i + 1);
            rest[static_cast<std::size_t>(i)] = x % (2 * i + 1);
            carry = x / (2 * i + 1);
        }
        const int digit = (10 * rest[0] + carry) / 10;
        rest[0] = (10 * rest[0] + carry) % 10;
        if (digit == 9) {
            ++nines;
            continue;
        }
        if (round > 0) pi += static_cast<char>('0' + held + digit / 10);
        pi.append(static_cast<std::size_t>(nines), digit == 10 ? '0' : '9');
        held = digit % 10;
        nines = 0;
    }
    return pi.substr(0, static_cast<std::size_t>(digits));
}

Task<int> tick(int times) {
    int ticks = 0;
    for (; ticks < times; ++ticks) co_await sleep(10ms);
    co_return ticks;
}

Task<void> run_in_thread() {
    auto ticker = create_task(tick(5));
    const std::string digits = co_await to_thread(compute_pi, 50);
    std::printf("pi: %s\n", digits.c_str());
    const int ticks = co_await ticker;
    std::printf("%d ticks\n", ticks);
}

Task<void> two_hellos() {
    auto first = create_task(say("first hello", 2s));
    auto second = create_task(say("second hello", 1s));
    co_await first;
    co_await second;
}

Task<void> sleepers() {
    auto start = this_loop().time();
    co_await sleep(1s);
    co_await sleep(2s);
    co_await sleep(3s);
    std::printf("one after the other: %ld s\n", seconds_since(start));
    start = this_loop().time();
    co_await gather(sleep(1s), sleep(2s), sleep(3s));
    std::printf("side by side: %ld s\n", seconds_since(start));
}

int main() {
    std::puts("Q3a");
    run(hello_clock());
    std::puts("Q3b");
    stopped_early();
    std::puts("Q3c");
    run(run_in_thread());
    std::puts("Q3k");
    run(say("hello world", 1s));
    run(two_hellos());
    std::puts("Y1a");
    run(sleepers());
}
