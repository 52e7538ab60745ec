// Coroutines, callbacks and the loop itself: run_until_complete, run_forever, gather, wait, a timer, futures.
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

// S2: scheduling plain functions

template <class Main>
void run_in_a_loop(Main main) {
    EventLoop loop;
    std::puts("entering event loop");
    loop.run_until_complete(main());
    std::puts("closing event loop");
    loop.close();
}

void invoked(int arg, const std::string& kwarg = "default") {
    std::printf("callback invoked with %d and %s\n", arg, kwarg.c_str());
}

Task<void> call_soon() {
    EventLoop& loop = this_loop();
    std::puts("registering callbacks");
    loop.call_soon([] { invoked(1); });
    loop.call_soon(invoked, 2, "not default");
    co_await sleep(100ms);
}

void numbered(int n) { std::printf("callback %d invoked\n", n); }

Task<void> call_later() {
    EventLoop& loop = this_loop();
    std::puts("registering callbacks");
    loop.call_later(200ms, numbered, 1);
    loop.call_later(100ms, numbered, 2);
    loop.call_soon(numbered, 3);
    co_await sleep(400ms);
}

void timed(int n, TimePoint start) {
    const double after = std::chrono::duration<double>(this_loop().time() - start).count();
    std::printf("callback %d invoked at now + %.1f\n", n, after);
}

Task<void> call_at() {
    EventLoop& loop = this_loop();
    const TimePoint now = loop.time();
    std::puts("registering callbacks");
    loop.call_at(now + 200ms, timed, 1, now);
    loop.call_at(now + 100ms, timed, 2, now);
    loop.call_soon(timed, 3, now);
    co_await sleep(1s);
}

// S3

Task<void> stopper() {
    std::puts("stopper invoked");
    this_loop().stop();
    co_return;
}

void stopped_by_a_task() {
    EventLoop loop;
    loop.create_task(stopper());
    std::puts("entering event loop");
    loop.run_forever();
    std::puts("closing event loop");
    loop.close();
}

// S4: futures

void mark_done(const Future<std::string>& future, const std::string& result) {
    std::printf("setting future result to '%s'\n", result.c_str());
    future.set_result(result);
}

void future_of_a_loop() {
    EventLoop loop;
    const Future<std::string> all_done(loop);
    std::puts("scheduling mark_done");
    loop.call_soon(mark_done, all_done, "the result");
    std::puts("entering event loop");
    const std::string result = loop.run_until_complete(all_done);
    std::printf("returned result: '%s'\n", result.c_str());
    std::puts("closing event loop");
    loop.close();
    std::printf("future result: '%s'\n", all_done.result().c_str());
}

Task<void> future_awaited() {
    Future<std::string> all_done;
    std::puts("scheduling mark_done");
    this_loop().call_soon(mark_done, all_done, "the result");
    const std::string result = co_await all_done;
    std::printf("returned result: '%s'\n", result.c_str());
}

void future_done(int n, const Future<std::string>& future) {
    std::printf("%d: future done: %s\n", n, future.result().c_str());
}

Task<void> register_callbacks(Future<std::string> all_done) {
    std::puts("registering callbacks on future");
    all_done.add_done_callback(std::bind_front(future_done, 1));
    all_done.add_done_callback(std::bind_front(future_done, 2));
    co_return;
}

Task<void> future_with_callbacks() {
    Future<std::string> all_done;
    co_await register_callbacks(all_done);
    std::puts("setting result of future");
    all_done.set_result("the result");
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
    std::puts("S2a");
    run_in_a_loop(call_soon);
    std::puts("S2b");
    run_in_a_loop(call_later);
    std::puts("S2c");
    run_in_a_loop(call_at);
    std::puts("S3");
    stopped_by_a_task();
    std::puts("S4a");
    future_of_a_loop();
    std::puts("S4b");
    run(future_awaited());
    std::puts("S4c");
    run(future_with_callbacks());
}
