// An instrument hears what a loop does: every task, every step, every wait.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <string>

using namespace tandem;
using namespace std::chrono_literals;

// G14: Trio's tracer, on the two coroutines that hand over to each other.

Task<void> foo() {
    std::puts("Running in foo");
    co_await sleep(0s);
    std::puts("Explicit context switch to foo again");
}

Task<void> bar() {
    std::puts("Explicit context to bar");
    co_await sleep(0s);
    std::puts("Implicit context switch back to bar");
}

class Tracer : public Instrument {
public:
    void run_started(EventLoop&) override { tell("!!! run started"); }
    void task_spawned(const EntryInfo& task) override {
        tell("### new task spawned: " + task.name);
        ++spawned;
    }
    void task_scheduled(const EntryInfo& task) override { tell("### task scheduled: " + task.name); }
    void before_step(const EntryInfo& task) override {
        tell(">>> about to run one step of task: " + task.name);
    }
    void after_step(const EntryInfo& task) override { tell("<<< task step finished: " + task.name); }
    void before_wait(const LoopWait& wait) override {
        tell(wait.timeout == 0s ? "### doing a quick check for I/O" : "### waiting for I/O");
    }
    void after_wait(const LoopWait& wait) override {
        tell("### finished I/O check (took " + std::to_string(wait.duration / 1s) + " seconds)");
    }
    void task_exited(const EntryInfo& task) override {
        tell("### task exited: " + task.name);
        ++exited;
    }
    void run_finished(EventLoop&) override { tell("!!! run finished"); }

    int calls = 0;
    int spawned = 0;
    int exited = 0;

private:
    void tell(const std::string& line) {
        ++calls;
        std::puts(line.c_str());
    }
};

// U6: how many timers are there: before each wait, after a long one, and at the end?

class Timers : public Instrument {
public:
    void before_wait(const LoopWait& wait) override { std::printf("%zu\n", wait.timers); }
    void after_wait(const LoopWait& wait) override {
        if (wait.timeout > 0s) std::printf("%zu\n", wait.timers);
    }
    void run_finished(EventLoop& loop) override { std::printf("%zu\n", loop.timers().live()); }
};

Task<void> nap() {
    co_await sleep(3s);
    std::puts("sleep: 3 sec");
}

// U25k: the same, counting what is ready too.

class Counter : public Instrument {
public:
    void before_wait(const LoopWait& wait) override {
        std::printf("ready: %zu, scheduled: %zu\n", wait.ready, wait.timers);
    }
};

Task<void> say(Duration delay, const char* what) {
    co_await sleep(delay);
    std::puts(what);
}

Task<void> three() { co_await gather(say(100ms, "one"), say(200ms, "two"), say(300ms, "three")); }

int main() {
    std::puts("G14");
    Tracer tracer;
    run(gather(foo(), bar()), {.instrument = &tracer});
    std::printf("%d tasks spawned, %d exited\n", tracer.spawned, tracer.exited);
    const int calls = tracer.calls;
    run(gather(foo(), bar()));
    std::printf("without it: %d calls\n", tracer.calls - calls);
    std::puts("U6");
    Timers timers;
    run(nap(), {.instrument = &timers});
    std::puts("U25k");
    Counter counter;
    run(three(), {.instrument = &counter});
}
