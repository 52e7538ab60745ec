// Two coroutines that sleep at the same time, in one thread.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

const std::thread::id main_thread = std::this_thread::get_id();

std::string current_thread() {
    return std::this_thread::get_id() == main_thread ? "MainThread" : "another thread";
}

Task<void> hello() {
    std::printf("Hello world! (%s)\n", current_thread().c_str());
    co_await sleep(1s);
    std::printf("Hello again! (%s)\n", current_thread().c_str());
}

// async_hello: a list of tasks, and a wait for all of them.
Task<void> wait_for_both() {
    const auto begin = this_loop().time();
    std::vector<TaskHandle<void>> tasks;
    for (int i = 0; i < 2; ++i) tasks.push_back(create_task(hello()));
    co_await wait(tasks);
    const auto seconds = std::chrono::round<std::chrono::seconds>(this_loop().time() - begin);
    std::printf("%d s\n", static_cast<int>(seconds.count()));
}

// async_hello2: the same, gathered.
Task<void> gather_both() { co_await gather(hello(), hello()); }

int main() {
    std::puts("E1");
    run(wait_for_both());
    run(gather_both());
}
