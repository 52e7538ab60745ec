// Coroutines that hand over to each other and sleep side by side, threads beside them, and the same in
// fibers.
#include <tandem/tandem.hpp>

#include <sys/select.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

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

long seconds_since(TimePoint start) {
    return std::chrono::round<std::chrono::seconds>(this_loop().time() - start).count();
}

Task<void> gr(const char* name, Duration length, TimePoint start) {
    std::printf("%s started work: %ld s\n", name, seconds_since(start));
    co_await sleep(length);
    std::printf("%s ended work: %ld s\n", name, seconds_since(start));
}

Task<void> three() {
    const auto start = this_loop().time();
    co_await gather(gr("gr1", 2s, start), gr("gr2", 2s, start), gr("gr3", 1s, start));
}

// G12: threads, and coroutines beside them

int block(int number) {
    std::this_thread::sleep_for(50ms);
    return number;
}

Task<int> coroutine(int number) {
    co_await sleep(50ms);
    co_return number;
}

void print(const char* what, const std::vector<int>& done) {
    std::printf("%s:", what);
    for (const int number : done) std::printf(" %d", number);
    std::puts("");
}

Task<void> threads() {
    WorkerPool executor(8);
    std::vector<Task<int>> jobs;
    std::vector<Task<int>> coroutines;
    for (int i = 1; i <= 9; ++i) jobs.push_back(run_in_executor(executor, block, i));
    for (int i = 1; i <= 9; ++i) coroutines.push_back(coroutine(i));
    auto [blocked, awaited] = co_await gather(gather(std::move(jobs)), gather(std::move(coroutines)));
    print("blocking jobs, 8 at a time", blocked);
    print("coroutines", awaited);
}

// J1: plain functions in fibers, that switch,

void foo_in_fiber() {
    std::puts("Running in foo");
    sleep(0s).get();
    std::puts("Explicit context switch to foo again");
}

void bar_in_fiber() {
    std::puts("Explicit context to bar");
    sleep(0s).get();
    std::puts("Implicit context switch back to bar");
}

// J2: call what blocks,

void select_two_seconds(const std::string& name, TimePoint start) {
    std::printf("%s started polling: %ld s\n", name.c_str(), seconds_since(start));
    timeval two_seconds{2, 0};
    select(0, nullptr, nullptr, nullptr, &two_seconds);
    std::printf("%s ended polling: %ld s\n", name.c_str(), seconds_since(start));
}

void gr3_in_fiber(TimePoint start) {
    std::printf("Hey lets do some stuff while the fibers poll, %ld s\n", seconds_since(start));
    sleep(1s).get();
}

Task<void> three_fibers() {
    const FiberOptions patched{.hook_blocking_calls = true};
    const auto start = this_loop().time();
    co_await gather(in_fiber(patched, select_two_seconds, "gr1", start),
                    in_fiber(patched, select_two_seconds, "gr2", start), in_fiber(gr3_in_fiber, start));
}

// J3: sleep each as long as it likes,

std::vector<int> done;

void task(int pid, Duration length) {
    sleep(length).get();
    done.push_back(pid);
}

Task<void> ten() {
    std::mt19937 random(3);
    std::vector<Duration> lengths;
    for (int i = 0; i < 10; ++i) lengths.push_back(std::chrono::milliseconds(random() % 100));
    for (int i = 0; i < 10; ++i) co_await in_fiber(task, i, lengths[static_cast<std::size_t>(i)]);
    print("sync", std::exchange(done, {}));
    std::vector<Task<void>> fibers;
    for (int i = 0; i < 10; ++i) fibers.push_back(in_fiber(task, i, lengths[static_cast<std::size_t>(i)]));
    const auto start = this_loop().time();
    co_await gather(std::move(fibers));
    const auto longest = *std::max_element(lengths.begin(), lengths.end());
    const auto total = this_loop().time() - start;
    std::printf("async: %zu done in the time of the longest: %s\n", done.size(),
                total >= longest && total < longest + 50ms ? "yes" : "no");
}

// J5: and give one order in every run.

int echo(int i) {
    sleep(1ms).get();
    return i;
}

Task<void> four_runs() {
    for (int run = 1; run <= 4; ++run) {
        const auto echo_in_fiber = [](int i) { return in_fiber(echo, i); };
        const std::vector<int> numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        std::vector<int> order;
        TaskPool pool(10);
        auto ended = pool.imap_unordered(echo_in_fiber, numbers);
        while (auto one = co_await ended.next()) order.push_back(one->result());
        print("run", order);
    }
}

int main() {
    std::puts("G1");
    run(gather(foo(), bar()));
    std::puts("G2");
    run(three());
    std::puts("G12");
    run(threads());
    std::puts("J1");
    run(gather(in_fiber(foo_in_fiber), in_fiber(bar_in_fiber)));
    std::puts("J2");
    run(three_fibers());
    std::puts("J3");
    run(ten());
    std::puts("J5");
    run(four_runs());
}
