// Two coroutines that hand over to each other, three that sleep side by side, and nine beside nine threads.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
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

int main() {
    std::puts("G1");
    run(gather(foo(), bar()));
    std::puts("G2");
    run(three());
    std::puts("G12");
    run(threads());
}
