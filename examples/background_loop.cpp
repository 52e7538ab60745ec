// Plain code that works with a loop on another thread: the built-in background loop, or one of its own.
#include <tandem/tandem.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

Task<std::string> fetch(std::string name) {
    co_await sleep(200ms);
    co_return "the page " + name;
}

Task<std::string> fetch_broken() {
    co_await sleep(50ms);
    throw std::domain_error("no such page");
}

Task<std::thread::id> thread_of_loop() { co_return std::this_thread::get_id(); }

Task<void> tick(int& ticks) {
    for (;;) {
        co_await sleep(10ms);
        ++ticks;
    }
}

using Clock = std::chrono::steady_clock;

template <class F>
double seconds_of(F work) {
    const auto start = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

const char* yes_or_no(bool condition) { return condition ? "yes" : "no"; }

// A12: stopped, joined, and started again when it is needed.
void start_and_stop() {
    const auto threads = [] {
        return std::distance(std::filesystem::directory_iterator("/proc/self/task"),
                             std::filesystem::directory_iterator());
    };
    auto outstanding = fetch("four").start();
    shutdown();
    try {
        outstanding.get();
    } catch (const LoopClosed&) {
        std::puts("stopped: the outstanding page will not come");
    }
    const auto before = threads();
    std::puts(fetch("five").get().c_str());
    shutdown();
    std::printf("threads left: %d\n", static_cast<int>(threads() - before));
}

// A13: the library's loop and the caller's, each blocked in turn.
Task<int> ticks_in(Duration time) {
    int ticks = 0;
    const auto end = this_loop().time() + time;
    while (this_loop().time() < end) {
        co_await sleep(10ms);
        ++ticks;
    }
    co_return ticks;
}

Task<void> block(Duration time) {
    std::this_thread::sleep_for(time);
    co_return;
}

void two_loops() {
    auto library_blocks = block(500ms).start();
    std::printf("the caller's loop ticks: %s\n", yes_or_no(run(ticks_in(400ms)) >= 20));
    library_blocks.get();
    auto library_ticks = ticks_in(400ms).start();
    run(block(500ms));
    std::printf("the library's loop ticks: %s\n", yes_or_no(library_ticks.get() >= 20));
}

// B10
void more_work(int x) {
    std::printf("More work %d\n", x);
    std::this_thread::sleep_for(std::chrono::seconds(x));
    std::printf("Finished more work %d\n", x);
}

// B11
Task<void> do_some_work(int x) {
    std::printf("Waiting %d\n", x);
    co_await sleep(std::chrono::seconds(x));
    std::printf("Done after %ds\n", x);
}

// B13: the status of a program that leaves `main` with a task in the background.
void leave_a_task_behind() {
    std::fflush(stdout);
    int status = -1;
    const double took = seconds_of([&] {
        const pid_t child = ::fork();
        if (child == 0) {
            static_cast<void>(do_some_work(3'600).start(on_background("daemon")));
            std::this_thread::sleep_for(50ms);
            std::exit(EXIT_SUCCESS);
        }
        ::waitpid(child, &status, 0);
    });
    std::printf("exit status %d, at once: %s\n", WEXITSTATUS(status), yes_or_no(took < 0.55));
}

// C1: waiting together needs one thread, computing together needs several.
Task<void> hundred_sleeps() {
    std::vector<Task<void>> sleeps;
    for (int i = 0; i < 100; ++i) sleeps.push_back([]() -> Task<void> { co_await sleep(1s); }());
    co_await gather(std::move(sleeps));
}

Task<unsigned> compute() {
    unsigned value = 1;
    for (int i = 0; i < 30'000'000; ++i) value = value * 1'664'525 + 1'013'904'223;
    co_return value;
}

void sleeps_and_computations() {
    const double slept = seconds_of([] { run(hundred_sleeps()); });
    std::printf("100 sleeps of 1 s on one thread take %.0f s\n", slept);
    const double one = seconds_of([] {
        for (int i = 0; i < 4; ++i) run(compute());
    });
    const double four = seconds_of([] {
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) threads.emplace_back([] { run(compute()); });
        for (auto& thread : threads) thread.join();
    });
    const bool faster = four < 0.5 * one || std::thread::hardware_concurrency() < 4;
    std::printf("4 computations on 4 loops are done sooner: %s\n", yes_or_no(faster));
}

// C2: threads that each run a loop, and stop it when they are told to.
struct Worker {
    EventLoop loop;
    std::thread thread{[this] { loop.run_forever(); }};

    void stop() {
        loop.call_soon_threadsafe([this] { loop.stop(); });
        thread.join();
    }
};

void hand_over() {
    std::array<Worker, 3> workers;
    int at_home = 0;
    for (auto& worker : workers) {
        const auto home = worker.thread.get_id();
        std::promise<std::thread::id> called;
        worker.loop.call_soon_threadsafe([&] { called.set_value(std::this_thread::get_id()); });
        if (called.get_future().get() == home) ++at_home;
        if (thread_of_loop().start(on(worker.loop)).get() == home) ++at_home;
    }
    for (auto& worker : workers) worker.stop();
    std::printf("%d of 6 jobs ran on the thread they were given to\n", at_home);
}

// C3: a foreground that draws, and loop threads that fetch.
void draw_while_fetching() {
    std::mutex mutex;
    std::deque<std::string> arrived;
    for (int i = 0; i < 50; ++i) {
        fetch(std::to_string(i)).start().on_done([&](const Pending<std::string>& page) {
            const std::lock_guard lock(mutex);
            arrived.push_back(page.get());
        });
    }
    int shown = 0;
    double longest = 0;
    for (auto last = Clock::now(); shown < 50;) {
        std::this_thread::sleep_for(10ms);  // drawing
        const auto now = Clock::now();
        longest = std::max(longest, std::chrono::duration<double>(now - last).count());
        last = now;
        const std::lock_guard lock(mutex);
        for (; !arrived.empty(); arrived.pop_front()) ++shown;
    }
    std::printf("%d pages shown, every frame in time: %s\n", shown, yes_or_no(longest < 0.15));
}

// U25d: async code, called from a thread of one's own.
Task<int> async_work(int value) {
    co_await sleep(1s);
    co_return value * 2;
}

void thread_function(EventLoop& loop) {
    const int result = async_work(21).start(on(loop)).get();
    std::printf("Thread got result: %d\n", result);
}

int main() {
    std::puts("A6");
    const auto first = thread_of_loop().get();
    bool same = true;
    for (int i = 0; i < 1'000; ++i) same = same && thread_of_loop().get() == first;
    std::printf("1000 calls, %s, not this one\n",
                same && first != std::this_thread::get_id() ? "one thread" : "wrong");

    EventLoop loop;
    std::thread worker([&] { loop.run_forever(); });

    std::puts("A7");
    std::promise<void> arrived;
    int next = 0;
    bool in_order = true;
    for (int i = 0; i < 1'000; ++i) {
        loop.call_soon_threadsafe([&, i] {
            in_order = in_order && next++ == i;
            if (i == 999) arrived.set_value();
        });
    }
    arrived.get_future().wait();
    std::printf("1000 callbacks %s\n", in_order ? "in order" : "out of order");

    std::puts("A8");
    int ticks = 0;
    auto ticker = tick(ticks).start(on(loop));
    std::puts(fetch("one").start(on(loop)).get().c_str());
    ticker.cancel_and_wait();
    std::printf("the loop went on meanwhile: %s\n", ticks >= 10 ? "yes" : "no");

    std::puts("A9");
    auto slow = fetch("two").start(on(loop));
    try {
        slow.get(50ms);
    } catch (const TimeoutError&) {
        std::puts("not yet");
    }
    std::puts(slow.get().c_str());

    std::puts("A10");
    std::promise<void> called;
    fetch("three").start(on(loop)).on_done([&](const Pending<std::string>& done) {
        std::printf("callback: %s\n", done.get().c_str());
        called.set_value();
    });
    called.get_future().wait();

    std::puts("A11");
    try {
        fetch_broken().start(on(loop)).get();
    } catch (const std::domain_error& error) {
        std::printf("caught: %s\n", error.what());
    }

    std::puts("A12");
    start_and_stop();

    std::puts("A13");
    two_loops();

    std::puts("B10");
    const double handed_over = seconds_of([&] {
        loop.call_soon_threadsafe(more_work, 6);
        loop.call_soon_threadsafe(more_work, 3);
    });
    thread_of_loop().start(on(loop)).get();  // behind them
    std::printf("main was not blocked: %s\n", yes_or_no(handed_over < 0.05));

    std::puts("B11");
    std::vector<Pending<void>> work;
    const double submitted = seconds_of([&] {
        work.push_back(do_some_work(6).start(on(loop)));
        work.push_back(do_some_work(4).start(on(loop)));
    });
    for (const auto& each : work) each.get();
    std::printf("main was not blocked: %s\n", yes_or_no(submitted < 0.05));

    std::puts("B13");
    leave_a_task_behind();

    std::puts("C1");
    sleeps_and_computations();

    std::puts("C2");
    hand_over();

    std::puts("C3");
    draw_while_fetching();

    std::puts("U25d");
    std::thread([&] { thread_function(loop); }).join();

    loop.stop_threadsafe();
    worker.join();
}
