// Signals as callbacks of the loop, and a program that ends in good order when it is asked to.
#include <tandem/tandem.hpp>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <utility>

using namespace tandem;
using namespace std::chrono_literals;

// S13: a callback for each of three signals.

const std::pair<int, const char*> names[] = {{SIGHUP, "SIGHUP"}, {SIGUSR1, "SIGUSR1"}, {SIGINT, "SIGINT"}};

void signal_handler(const char* name) { std::printf("signal_handler('%s')\n", name); }

Task<void> send_signals() {
    for (const auto& [number, name] : names) this_loop().add_signal_handler(number, signal_handler, name);
    for (const int number : {SIGHUP, SIGHUP, SIGUSR1, SIGINT}) {
        std::puts("sending");
        std::raise(number);
        std::puts("yielding control");
        co_await sleep(10ms);
    }
    for (const auto& signal : names) this_loop().remove_signal_handler(signal.first);
}

// U25c: workers clean up before the program ends.

Task<void> cleanup(int number) {
    std::printf("worker %d: cancelled, cleaning up...\n", number);
    co_await sleep(500ms);
    std::printf("worker %d: cleanup done\n", number);
}

Task<void> work(int number) {
    for (;;) {
        std::printf("worker %d: working...\n", number);
        co_await sleep(1s);
    }
}

Task<void> worker(int number) { co_await with_finally(work(number), cleanup(number)); }

Task<void> workers_until_told(int signal) {
    TaskGroup workers;
    TimePoint told{};
    this_loop().add_signal_handler(signal, [&] {
        told = this_loop().time();
        workers.cancel("the program was told to end");
    });
    for (int number = 1; number <= 2; ++number) workers.create_task(worker(number));
    this_loop().call_later(100ms, [signal] { std::raise(signal); });
    co_await workers.join();
    std::puts("All tasks cancelled");
    const auto took = this_loop().time() - told;
    std::puts(took >= 500ms && took < 1s ? "0.5 s after the signal" : "not in time");
    this_loop().remove_signal_handler(signal);
}

int main() {
    std::puts("S13");
    run(send_signals(), {.handle_sigint = false});
    std::puts("U25c");
    for (const int signal : {SIGINT, SIGTERM}) run(workers_until_told(signal), {.handle_sigint = false});
}
