// Coroutines, callbacks and the loop itself: run_until_complete, run_forever, gather, wait, a timer.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

Task<int> do_some_work(int x) {
    std::printf("Waiting %d\n", x);
    co_await sleep(std::chrono::seconds(x));
    co_return x;
}

Task<int> fails() {
    co_await sleep(100ms);
    throw std::runtime_error("this one fails");
}

Task<void> tick(int& ticks) {
    for (;;) {
        co_await sleep(20ms);
        ++ticks;
    }
}

Task<void> blocking_and_awaited() {
    int ticks = 0;
    auto ticker = create_task(tick(ticks));
    std::this_thread::sleep_for(200ms);
    std::printf("blocking sleep: the other task ticked %s\n", ticks == 0 ? "not once" : "meanwhile");
    co_await sleep(200ms);
    std::printf("awaited sleep: the other task ticked %s\n", ticks == 0 ? "not once" : "meanwhile");
    ticker.cancel();
    co_await ticker.join();
}

Task<void> with_callbacks() {
    auto handle = create_task(do_some_work(1));
    for (const char* bound : {"first", "second"})
        handle.add_done_callback([bound](const TaskHandle<int>& done) {
            std::printf("Done: %s, result %d\n", bound, done.result());
        });
    co_await handle;
    co_await checkpoint();
}

Task<void> gather_and_wait() {
    auto values = co_await gather(do_some_work(1), create_task(do_some_work(0)));
    std::printf("gather: %d and %d by position\n", std::get<0>(values), std::get<1>(values));

    std::vector<TaskHandle<int>> handles;
    handles.push_back(create_task(do_some_work(1)));
    handles.push_back(create_task(fails()));
    auto seen = co_await wait(handles, {.return_when = FIRST_EXCEPTION});
    std::printf("wait: %zu done, %zu pending, nothing thrown\n", seen.done.size(), seen.pending.size());
    std::printf("the failure, when looked at: %s\n", describe(seen.done[0].exception()).c_str());
    co_await seen.pending[0];
}

class Timer {
public:
    Timer(int x, std::function<void(int)> callback)
        : task_(create_task(wait_and_call(x, std::move(callback)))) {}
    TaskHandle<void> task() const { return task_; }

private:
    static Task<void> wait_and_call(int x, std::function<void(int)> callback) {
        co_await sleep(std::chrono::seconds(x));
        callback(x);
    }
    TaskHandle<void> task_;
};

Task<void> with_timer() {
    const ::Timer timer(1, [](int x) { std::printf("timer fired at %d\n", x); });
    co_await timer.task();
}

int main() {
    std::puts("M1");
    run(blocking_and_awaited());
    std::puts("M2");
    run(with_callbacks());
    std::puts("M3");
    auto [a, b, c] = run(gather(do_some_work(0), do_some_work(1), do_some_work(0)));
    std::printf("results %d %d %d\n", a, b, c);

    std::puts("M4");
    EventLoop loop;
    loop.run_until_complete(do_some_work(1));
    loop.create_task(do_some_work(1)).add_done_callback([&](const TaskHandle<int>&) { loop.stop(); });
    loop.run_forever();
    std::puts("both ended");

    std::puts("M5");
    loop.close();
    loop.close();
    try {
        loop.run_until_complete(do_some_work(1));
    } catch (const LoopClosed& error) {
        std::printf("%.20s\n", error.what());
    }
    std::puts("M6");
    run(gather_and_wait());
    std::puts("M7");
    run(with_timer());
}
