// Ctrl-C: what runs is cancelled and cleans up; then `run()` throws `Interrupted`.
#include <tandem/tandem.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

Task<void> work(int number) {
    std::printf("worker %d: working\n", number);
    co_await sleep(1h);
}

Task<void> cleanup(int number) {
    std::printf("worker %d: cleaned up\n", number);
    co_return;
}

Task<void> worker(int number) { co_await with_finally(work(number), cleanup(number)); }

// Whoever sits at the keyboard.
void press_ctrl_c() { std::raise(SIGINT); }

// B9: tasks that are nobody's children,
Task<void> start_workers() {
    for (int number = 1; number <= 3; ++number) create_task(worker(number));
    this_loop().call_later(10ms, press_ctrl_c);
    co_await sleep(1h);
}

// a program that asks them itself,
Task<void> cancel_each() {
    std::vector<TaskHandle<void>> workers;
    for (int number = 1; number <= 3; ++number) workers.push_back(create_task(worker(number)));
    this_loop().add_signal_handler(SIGINT, [&workers] {
        for (const auto& each : workers) std::printf("cancel: %s\n", each.cancel() ? "true" : "false");
    });
    this_loop().call_later(10ms, press_ctrl_c);
    for (const auto& each : workers) co_await each.join_only();
}

// and everything under one task.
Task<void> gather_workers() {
    this_loop().call_later(10ms, press_ctrl_c);
    co_await gather(worker(1), worker(2), worker(3));
}

// J8: a fiber, ended by another signal.
void run_forever() {
    struct Cleanup {
        ~Cleanup() { std::puts("fiber: cleaned up"); }
    };
    const Cleanup cleanup;
    std::puts("fiber: working");
    sleep(1000s).get();
}

Task<void> until_sigquit() {
    auto thread = create_task(in_fiber(run_forever));
    this_loop().add_signal_handler(SIGQUIT, [thread] { thread.cancel("SIGQUIT"); });
    this_loop().call_later(10ms, [] { std::raise(SIGQUIT); });
    co_await thread.join_only();
    std::printf("killed: %s\n", thread.cancelled() ? "true" : "false");
}

int interrupted(Task<void> task) {
    try {
        run(std::move(task));
    } catch (const Interrupted&) {
        std::puts("Interrupted");
        return 128 + SIGINT;
    }
    return EXIT_SUCCESS;
}

// The same as a whole program: its exit status.
int status_of(int (*program)()) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
        const int code = program();
        std::fflush(stdout);
        ::_exit(code);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WEXITSTATUS(status);
}

int main() {
    std::puts("B9");
    run(cancel_each(), {.handle_sigint = false});
    std::printf("exit status %d\n", status_of([] { return interrupted(start_workers()); }));
    std::printf("exit status %d\n", status_of([] { return interrupted(gather_workers()); }));
    std::puts("J8");
    const auto start = std::chrono::steady_clock::now();
    run(until_sigquit());
    std::printf("within half a second: %s\n",
                std::chrono::steady_clock::now() - start < 500ms ? "true" : "false");
}
