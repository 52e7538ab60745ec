// What a program may choose when it runs.
#include <tandem/backend/backend.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/sync/queue.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<int> consume(Queue<int>& queue, int items) {
    int sum = 0;
    for (int i = 0; i < items; ++i) sum += co_await queue.get();
    co_return sum;
}
Task<int> produce(Queue<int>& queue, int items) {
    for (int i = 1; i <= items; ++i) {
        co_await queue.put(i);
        co_await sleep(100us);
    }
    co_return items;
}

/// The same program, whatever runs it: where it ran, and its result.
Task<std::string> program() {
    Queue<int> queue(2);
    const auto [sum, items] = co_await gather(consume(queue, 10), produce(queue, 10));
    co_return std::string(this_loop().backend_name()) + " " + std::to_string(sum) + " of " +
        std::to_string(items);
}

}  // namespace

TEST(T3, one_program_runs_on_the_backend_that_it_is_told_to_use) {
    EXPECT_EQ(run(program(), {.backend = BackendChoice::epoll}), "epoll 55 of 10");
    EXPECT_EQ(run(program(), {.backend = BackendChoice::sim}), "sim 55 of 10");
    // Which a kernel or a sandbox may refuse.
    if (choose_backend().backend->name() == "io_uring") {
        EXPECT_EQ(run(program(), {.backend = BackendChoice::uring}), "io_uring 55 of 10");
    }
}

TEST(T3, and_on_the_one_that_its_environment_names) {
    const char* const before = std::getenv("TANDEM_BACKEND");
    const std::string restored = before ? before : "auto";
    ::setenv("TANDEM_BACKEND", "epoll", 1);
    EXPECT_EQ(run(program()), "epoll 55 of 10");
    ::setenv("TANDEM_BACKEND", "abacus", 1);
    EXPECT_THROW(run(program()), BackendUnavailable);
    ::setenv("TANDEM_BACKEND", restored.c_str(), 1);
}
