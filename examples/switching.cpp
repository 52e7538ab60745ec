// Two coroutines that hand over to each other, and three that sleep side by side.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>

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

int main() {
    std::puts("G1");
    run(gather(foo(), bar()));
    std::puts("G2");
    run(three());
}
