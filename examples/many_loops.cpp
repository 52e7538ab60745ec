// Several event loops: one after another, at once in several threads, and what happens to things that cross.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

Task<int> answer(int value) {
    co_await sleep(10ms);
    co_return value;
}

void one_after_another() {
    int sum = 0;
    for (int i = 0; i < 100; ++i) {
        EventLoop loop;
        sum += loop.run_until_complete(answer(i));
        loop.close();
    }
    std::printf("100 loops, sum %d, a loop left over: %s\n", sum, this_loop_or_null() ? "yes" : "no");
}

struct Guard {
    bool* gone;
    explicit Guard(bool& flag) : gone(&flag) {}
    Guard(Guard&& other) noexcept : gone(std::exchange(other.gone, nullptr)) {}
    ~Guard() {
        if (gone) *gone = true;
    }
};

Task<void> never_run(Guard) {
    std::puts("this never runs");
    co_return;
}

void after_close() {
    EventLoop loop;
    loop.close();
    bool gone = false;
    try {
        loop.create_task(never_run(Guard(gone)));
    } catch (const LoopClosed& error) {
        std::printf("%.20s\n", error.what());
    }
    std::printf("its arguments are destroyed: %s\n", gone ? "yes" : "no");
}

Task<bool> stays(std::thread::id home) {
    bool same = true;
    for (int i = 0; i < 3; ++i) {
        co_await sleep(1ms);
        same = same && std::this_thread::get_id() == home;
    }
    co_return same;
}

Task<int> thousand_tasks() {
    std::vector<Task<bool>> tasks;
    for (int i = 0; i < 1000; ++i) tasks.push_back(stays(std::this_thread::get_id()));
    auto stayed = co_await gather(std::move(tasks));
    int count = 0;
    for (const bool each : stayed) count += each ? 1 : 0;
    co_return count;
}

void at_once() {
    std::vector<int> counts(8);
    std::vector<std::thread> threads;
    for (int& count : counts) threads.emplace_back([&count] { count = run(thousand_tasks()); });
    for (auto& thread : threads) thread.join();
    for (const int count : counts) std::printf("%d tasks on their own thread\n", count);
}

int main() {
    std::puts("P1");
    one_after_another();
    std::puts("P2");
    after_close();
    std::puts("P3");
    at_once();
}
