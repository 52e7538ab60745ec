// Three phases, waited for in every way there is.
#include <tandem/tandem.hpp>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

Task<std::string> phase(int number, Duration length) {
    std::printf("in phase %d\n", number);
    try {
        co_await sleep(length);
    } catch (const Cancelled&) {
        std::printf("phase %d cancelled\n", number);
        throw;
    }
    std::printf("done with phase %d\n", number);
    co_return "phase " + std::to_string(number) + " result";
}

std::vector<TaskHandle<std::string>> three_phases() {
    std::vector<TaskHandle<std::string>> phases;
    for (int i = 0; i < 3; ++i) phases.push_back(create_task(phase(i, 50ms * (i + 1))));
    return phases;
}

Task<void> wait_for_all() {
    auto result = co_await wait(three_phases());
    for (auto& done : result.done) std::puts(done.result().c_str());
}

Task<void> wait_a_moment() {
    std::vector<TaskHandle<std::string>> phases = three_phases();
    auto result = co_await wait(phases, {.timeout = 75ms});
    std::printf("%zu completed and %zu pending\n", result.done.size(), result.pending.size());
    std::puts("cancelling tasks");
    for (auto& pending : result.pending) pending.cancel();
    std::puts("exiting main");
}

Task<int> quick(int number) {
    std::printf("in phase%d\n", number);
    const Duration length = number == 1 ? 100ms : 50ms;
    co_await sleep(length);
    std::printf("done phase%d\n", number);
    co_return number;
}

Task<void> gathered() {
    auto results = co_await gather(quick(1), quick(2));
    std::printf("[phase%d, phase%d]\n", std::get<0>(results), std::get<1>(results));
}

Task<void> completed() {
    std::vector<Task<std::string>> phases;
    for (int i = 0; i < 3; ++i) phases.push_back(phase(i, 50ms * (3 - i)));
    auto done = as_completed(std::move(phases));
    while (auto handle = co_await done.next()) std::printf("answer: %s\n", handle->result().c_str());
}

Task<int> sleeper(int seconds) {
    std::printf("sleep \"%d\" sec\n", seconds);
    co_await sleep(10ms * seconds);
    co_return seconds;
}

/// A wait of one's own: every done callback counts, the last one wakes.
Task<void> own_wait(std::vector<TaskHandle<int>> handles) {
    std::size_t left = handles.size();
    CancelScope until_all_are_done;
    for (auto& handle : handles) {
        handle.on_done([&left, until_all_are_done](const TaskHandle<int>&) mutable {
            if (--left == 0) until_all_are_done.cancel("all done");
        });
    }
    const auto forever = []() -> Task<void> { co_await sleep(Duration::max()); };
    co_await until_all_are_done.run(forever());
}

Task<void> waited_by_hand() {
    std::vector<TaskHandle<int>> handles;
    for (int i = 1; i <= 2; ++i) handles.push_back(create_task(sleeper(i)));
    co_await own_wait(handles);
    for (auto& handle : handles) std::printf("%d finished\n", handle.result());
}

int main() {
    std::puts("S6a");
    run(wait_for_all());
    std::puts("S6b");
    run(wait_a_moment());
    std::puts("S6c");
    run(gathered());
    std::puts("S6d");
    run(completed());
    std::puts("U4");
    run(waited_by_hand());
}
