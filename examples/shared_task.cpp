// Two tasks await a third one and one of them is cancelled: that ends its wait, and nothing else.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

Task<int> shared_work() {
    co_await sleep(100ms);
    co_return 42;
}

Task<void> awaiter(const char* name, TaskHandle<int> shared) {
    try {
        const int value = co_await shared;
        std::printf("%s: the value %d\n", name, value);
    } catch (const Cancelled&) {
        std::printf("%s: Cancelled\n", name);
        throw;
    }
}

Task<void> program() {
    auto shared = create_task(shared_work());
    auto first = create_task(awaiter("first", shared));
    auto second = create_task(awaiter("second", shared));
    co_await sleep(10ms);
    first.cancel();
    const std::vector awaiters{first, second};
    co_await wait(awaiters);
    std::printf("shared: %s\n", shared.cancelled() ? "cancelled" : "finished");
}

int main() {
    std::puts("V15");
    run(program());
}
