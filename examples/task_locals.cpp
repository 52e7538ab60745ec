// A variable of the running task: what it awaits, starts and registers sees it, nobody else does.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

using namespace tandem;
using namespace std::chrono_literals;

ContextVar<int> x("x");
ContextVar<std::string> user("user", "nobody");
ContextVar<std::string> request_id("request id", "-");

// A log line knows whose it is, however deep the function that writes it.
void log(const char* what) { std::printf("[%s] %s\n", request_id.get().c_str(), what); }

Task<void> f1() {
    x.set(1);
    std::printf("%d\n", x.get());
    x.set(2);
    std::printf("%d\n", x.get());
    co_return;
}
Task<void> f2() {
    std::puts(x.is_set() ? "x leaked" : "x is not local to f2");
    co_return;
}

Task<void> greet(const char* who) {
    std::printf("%s: %s\n", who, user.get().c_str());
    co_return;
}
Task<void> logged_in() {
    auto token = user.set("ada");
    co_await greet("awaited");
    auto child = create_task(greet("spawned"));
    user.reset(token);
    co_await child;
    co_await greet("after the reset");
}

Task<void> work(std::string id, Duration pause) {
    request_id.set(std::move(id));
    log("Step 1");
    co_await sleep(pause);
    log("Step 2");
}

Task<void> below() {
    log("an awaited function");
    co_return;
}
Task<void> edge(std::string id) {
    request_id.set(std::move(id));
    co_await below();
    this_loop().call_soon([] { log("a callback"); });
    this_loop().call_later(1ms, [] { log("a timer"); });
    auto child = create_task(below());
    co_await child;
    co_await sleep(2ms);
}

int main() {
    std::puts("J15");
    run(gather(f1(), f2()));
    std::puts("T7");
    run(logged_in());
    std::puts("U25g");
    run(gather(work("req-1", 20ms), work("req-2", 10ms), work("req-3", 30ms)));
    std::puts("V20");
    run(edge("req-9"));
    log("outside");
}
