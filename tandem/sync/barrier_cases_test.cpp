// A barrier in twenty situations (sem:St6), each a script: who comes, who is cancelled, what is called, and
// how each one ended.
#include <tandem/sync/barrier.hpp>

#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<std::string> arrive(Barrier& barrier) {
    std::string end;
    try {
        const std::size_t place = co_await barrier.wait();
        end = std::to_string(place);
    } catch (const BrokenBarrierError&) {
        end = "broken";
    }
    co_return end;
}
std::string end_of(const TaskHandle<std::string>& handle) {
    if (!handle.done()) return "waits";
    return handle.cancelled() ? "cancelled" : handle.result();
}

struct Case {
    const char* name;
    std::size_t parties;
    // a: one arrives. r: reset. x: abort. t: two turns pass. 0-9: that one is cancelled.
    const char* script;
    const char* ends;
    const char* state;
};

const Case cases[] = {
    {"alone", 1, "a", "0", "filling"},
    {"alone again and again", 1, "aaa", "0 0 0", "filling"},
    {"filling", 3, "at at", "waits waits", "filling"},
    {"full", 3, "aaa", "0 1 2", "filling"},
    {"full one by one", 3, "atatat", "0 1 2", "filling"},
    {"one too many", 2, "aaa", "0 1 waits", "filling"},
    {"two rounds at once", 2, "aaaa", "0 1 0 1", "filling"},
    {"two rounds apart", 2, "aataa", "0 1 0 1", "filling"},
    {"cancelled while it fills", 2, "at0a", "cancelled waits", "filling"},
    {"cancelled and replaced", 2, "at0aa", "cancelled 0 1", "filling"},
    {"all cancelled", 3, "aat01t", "cancelled cancelled", "filling"},
    {"cancelled before it came", 2, "a0aa", "cancelled 0 1", "filling"},
    {"reset while it is empty", 2, "raa", "0 1", "filling"},
    {"reset while it fills", 3, "aatr", "broken broken", "filling"},
    {"reset and filled again", 2, "atraa", "broken 0 1", "filling"},
    {"abort while it fills", 3, "aatx", "broken broken", "broken"},
    {"arriving after an abort", 2, "xa", "broken", "broken"},
    {"abort twice, reset, filled", 2, "xxraa", "0 1", "filling"},
    {"abort and a cancel in one step", 2, "atx0", "cancelled", "broken"},
    {"a cancel and a reset in one step", 3, "aat0r", "cancelled broken", "filling"},
};

const char* name_of(Barrier::State state) {
    return state == Barrier::State::filling    ? "filling"
           : state == Barrier::State::draining ? "draining"
                                               : "broken";
}

}  // namespace

ASYNC_TEST(SemSt6, twenty_situations_end_for_everybody_as_they_should) {
    int number = 0;
    for (const Case& c : cases) {
        Barrier barrier(c.parties);
        std::vector<TaskHandle<std::string>> tasks;
        for (const char* step = c.script; *step; ++step) {
            if (*step == 'a') tasks.push_back(create_task(arrive(barrier)));
            if (*step == 'r') barrier.reset();
            if (*step == 'x') barrier.abort();
            if (*step == 't') co_await sleep(1ms);
            if (*step >= '0' && *step <= '9') tasks[static_cast<std::size_t>(*step - '0')].cancel();
        }
        co_await sleep(1ms);
        std::string ends;
        for (const auto& task : tasks) ends += (ends.empty() ? "" : " ") + end_of(task);

        EXPECT_EQ(ends, c.ends) << c.name;
        EXPECT_STREQ(name_of(barrier.statistics().state), c.state) << c.name;
        barrier.abort();
        for (auto& task : tasks) co_await task.join();
        ++number;
    }
    EXPECT_EQ(number, 20);
}

namespace {

Task<void> nested_rounds(Barrier& outer, Barrier& inner, int& inside, int& broken) {
    for (int round = 0; round < 3; ++round) {
        co_await outer.wait();
        for (int step = 0; step < 2; ++step) {
            ++inside;
            co_await inner.wait();
            broken += inside % 3 != 0;  // all three have come before any goes on
            co_await inner.wait();
        }
    }
}

}  // namespace

ASYNC_TEST(SemSt6, rounds_of_one_barrier_nest_in_rounds_of_another) {
    Barrier outer(3);
    Barrier inner(3);
    int inside = 0;
    int broken = 0;
    std::vector<TaskHandle<void>> tasks;
    for (int i = 0; i < 3; ++i) tasks.push_back(create_task(nested_rounds(outer, inner, inside, broken)));
    for (auto& task : tasks) co_await task;

    EXPECT_EQ(inside, 18);
    EXPECT_EQ(broken, 0);
}
