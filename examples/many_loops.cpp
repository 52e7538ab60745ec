// Several event loops: one after another, at once in several threads, and what happens to things that cross.
#include <tandem/tandem.hpp>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <thread>
#include <utility>
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

// P4: what is made under one loop and used under another works, or says at once that it does not.

template <class Use>
void use_under_another_loop(const char* what, Use use) {
    EventLoop other;
    try {
        other.run_until_complete(use());
        std::printf("%s: works\n", what);
    } catch (const WrongLoop&) {
        std::printf("%s: WrongLoop\n", what);
    }
}

Task<void> wait_for(Event& event) { co_await event.wait(); }

void crossing() {
    Event event;
    EventLoop loop;
    auto handle = loop.create_task(wait_for(event), {.name = "waiter"});
    UniversalQueue<int> queue;
    loop.run_until_complete(
        [](UniversalQueue<int>& numbers) -> Task<void> { co_await numbers.put(1); }(queue));

    use_under_another_loop("an event that has a waiter", [&] { return wait_for(event); });
    use_under_another_loop("a task's handle", [&] {
        return [](TaskHandle<void> task) -> Task<void> { co_await task; }(handle);
    });
    use_under_another_loop("a queue for several loops", [&] {
        return [](UniversalQueue<int>& numbers) -> Task<void> { co_await numbers.get(); }(queue);
    });
}

// R9: 240 requests in four ways

constexpr int requests = 240;

int request(int number) {
    std::this_thread::sleep_for(20ms);
    return number;
}

Task<int> async_request(int number) {
    co_await sleep(20ms);
    co_return number;
}

class Stopwatch {
public:
    /// Prints how many answers came, and whether in at least and not much more than `time`.
    void stop(std::size_t answers, Duration time) const {
        const auto took = std::chrono::steady_clock::now() - start_;
        std::printf("%zu answers in about %.1f s: %s\n", answers, std::chrono::duration<double>(time).count(),
                    took >= time && took < 2 * time + 1s ? "yes" : "no");
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void blocking_calls_in_three_threads() {
    const Stopwatch watch;
    std::atomic<int> next = 0;
    std::vector<std::set<int>> answers(3);
    std::vector<std::thread> threads;
    for (auto& mine : answers)
        threads.emplace_back([&] {
            for (int n = next++; n < requests; n = next++) mine.insert(request(n));
        });
    for (auto& thread : threads) thread.join();
    watch.stop(answers[0].size() + answers[1].size() + answers[2].size(), 1600ms);
}

Task<void> tick(int& ticks) {
    for (;; ++ticks) co_await sleep(0s);
}

Task<void> a_loop_with_three_workers() {
    const Stopwatch watch;
    int ticks = 0;
    auto ticker = create_task(tick(ticks));
    WorkerPool three(3);
    std::vector<Task<int>> calls;
    for (int i = 0; i < requests; ++i) calls.push_back(run_in_executor(three, request, i));
    const std::vector<int> answers = co_await gather(std::move(calls));
    ticker.cancel();
    watch.stop(std::set<int>(answers.begin(), answers.end()).size(), 1600ms);
    std::printf("the loop ticked meanwhile: %s\n", ticks > 100 ? "yes" : "no");
}

Task<http::Response> say_number(http::Request& asked) {
    const std::string number(asked.path_value("number"));
    co_await sleep(20ms);
    co_return http::Response::text(number);
}

Task<int> fetch(http::Client& client, std::string url) {
    auto response = co_await client.get(url);
    const std::string number = co_await response.text();
    co_return std::stoi(number);
}

Task<void> the_async_client_on_one_loop() {
    http::Router routes;
    routes.get("/{number}", say_number);
    http::Server server(routes);
    co_await server.start();
    http::Client client;
    std::vector<Task<int>> calls;
    for (int i = 0; i < requests; ++i) calls.push_back(fetch(client, server.url("/" + std::to_string(i))));
    const TimePoint start = this_loop().time();
    const std::vector<int> answers = co_await gather(std::move(calls));
    const bool fast = this_loop().time() - start < 1600ms / 5;
    std::printf("%zu answers in less than a fifth of that: %s\n",
                std::set<int>(answers.begin(), answers.end()).size(), fast ? "yes" : "no");
    co_await client.close();
    co_await server.shutdown(1s);
}

Task<std::vector<int>> eighty_requests(int first) {
    std::vector<Task<int>> tasks;
    for (int i = first; i < first + requests / 3; ++i) tasks.push_back(async_request(i));
    co_return co_await gather(std::move(tasks));
}

void three_loops_in_a_thread_pool() {
    std::vector<std::vector<int>> answers(3);
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back(
            [&answers, i] { answers[static_cast<std::size_t>(i)] = run(eighty_requests(i * requests / 3)); });
    for (auto& thread : threads) thread.join();
    std::set<int> all;
    for (const auto& mine : answers) {
        std::printf("a thread's loop gave %zu answers\n", mine.size());
        all.insert(mine.begin(), mine.end());
    }
    std::printf("%zu different ones\n", all.size());
}

// V18: nothing guesses a loop

Task<bool> runs_on_its_own_loop() {
    EventLoop& before = this_loop();
    co_await sleep(1ms);
    co_return &this_loop() == &before;
}

void no_guessing() {
    std::vector<int> right(4);
    std::vector<std::thread> threads;
    for (int& each : right) threads.emplace_back([&each] { each = run(runs_on_its_own_loop()) ? 1 : 0; });
    for (auto& thread : threads) thread.join();
    std::printf("threads with their own loop: %d\n", right[0] + right[1] + right[2] + right[3]);
    std::thread([] {
        try {
            create_task(runs_on_its_own_loop());
        } catch (const std::runtime_error& error) {
            std::printf("a thread without: %.33s\n", error.what());
        }
    }).join();
}

int main() {
    std::puts("P1");
    one_after_another();
    std::puts("P2");
    after_close();
    std::puts("P3");
    at_once();
    std::puts("P4");
    crossing();
    std::puts("R9a");
    blocking_calls_in_three_threads();
    std::puts("R9b");
    run(a_loop_with_three_workers());
    std::puts("R9c");
    run(the_async_client_on_one_loop());
    std::puts("R9d");
    three_loops_in_a_thread_pool();
    std::puts("V18");
    no_guessing();
}
