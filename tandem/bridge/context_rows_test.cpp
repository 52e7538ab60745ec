#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

ContextVar<std::string> request("request", "none");

Task<std::string> read_request() {
    const std::string before = request.get();
    request.set("changed on the loop");
    co_await sleep(1ms);
    co_return before;
}

/// A variable's value for the time of a test, in the thread of the test.
struct Set {
    explicit Set(std::string value) : token(request.set(std::move(value))) {}
    ~Set() { request.reset(token); }
    ContextVar<std::string>::Token token;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST(SemK42, start_and_get_and_run_copy_the_submitters_context_and_change_nothing_in_it) {
    const Set set("plain thread");
    EXPECT_EQ(read_request().get(), "plain thread");
    EXPECT_EQ(request.get(), "plain thread");
    EXPECT_EQ(run(read_request()), "plain thread");
    EXPECT_EQ(request.get(), "plain thread");

    auto started = [] {
        Context at_submission;
        return at_submission.run([] {
            request.set("submitter");
            return read_request().start();
        });
    }();
    EXPECT_EQ(std::move(started).get(), "submitter");
}

TEST(J15, a_value_set_in_one_task_is_not_there_in_another) {
    Lines lines;
    ContextVar<int> x("x");
    const auto f1 = [&]() -> Task<void> {
        x.set(1);
        lines.push_back(std::to_string(x.get()));
        co_await sleep(1ms);
        x.set(2);
        lines.push_back(std::to_string(x.get()));
    };
    const auto f2 = [&]() -> Task<void> {
        co_await sleep(2ms);
        lines.push_back(x.is_set() ? "leaked" : "x is not local to f2");
    };
    run(gather(f1(), f2()));
    EXPECT_EQ(lines, (Lines{"1", "2", "x is not local to f2"}));
}

TEST(T7, set_in_a_task_it_is_seen_below_and_not_outside_and_a_token_resets) {
    Lines lines;
    const auto note = [&lines]() -> Task<void> {
        lines.push_back(request.get());
        co_return;
    };
    const auto body = [&]() -> Task<void> {
        auto token = request.set("inside");
        co_await note();
        auto child = create_task(note());
        request.reset(token);
        co_await child;
        co_await note();
    };
    run(body());
    EXPECT_EQ(lines, (Lines{"inside", "inside", "none"}));
    EXPECT_EQ(request.get(), "none");
}

TEST(U25g, interleaved_requests_keep_their_ids_through_both_steps) {
    Lines lines;
    const auto work = [&](std::string id, Duration pause) -> Task<void> {
        request.set(std::move(id));
        lines.push_back("[" + request.get() + "] Step 1");
        co_await sleep(pause);
        lines.push_back("[" + request.get() + "] Step 2");
    };
    run(gather(work("a", 4ms), work("b", 2ms)));
    EXPECT_EQ(lines, (Lines{"[a] Step 1", "[b] Step 1", "[b] Step 2", "[a] Step 2"}));
}

TEST(V20, a_hundred_ids_set_at_the_edge_show_in_spawns_callbacks_timers_and_other_loops) {
    int wrong = 0;
    const auto edge = [&wrong](int i) -> Task<void> {
        const std::string id = std::to_string(i);
        request.set(id);
        const auto check = [&wrong, id] { wrong += request.get() != id; };
        this_loop().call_soon(check);
        this_loop().call_later(1ms, check);
        const auto child = [&check]() -> Task<void> {
            check();
            co_await sleep(1ms);
            check();
        };
        auto spawned = create_task(child());
        auto elsewhere = read_request().start();
        const std::string seen = co_await elsewhere;
        wrong += seen != id;
        co_await spawned;
        co_await sleep(2ms);
        check();
    };
    const auto all = [&]() -> Task<void> {
        TaskGroup group;
        for (int i = 0; i < 100; ++i) group.create_task(edge(i));
        co_await group.join();
    };
    run(all());
    EXPECT_EQ(wrong, 0);
}
