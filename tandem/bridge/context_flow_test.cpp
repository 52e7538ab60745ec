// Which task-locals travel over the bridge, and which come back: sem:7.7.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/loop/context.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/timeout.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

ContextVar<std::string> request("request", "none");
ContextVar<int> depth("depth", 0);

/// A variable's value for the time of a test.
struct Set {
    explicit Set(std::string value) : token(request.set(std::move(value))) {}
    ~Set() { request.reset(token); }
    ContextVar<std::string>::Token token;
};

/// What the caller had set; sets another.
Task<std::string> changes_it(Duration delay = 0s) {
    if (delay > 0s) co_await sleep(delay);
    const std::string before = request.get();
    request.set("changed");
    if (delay > 0s) co_await sleep(delay);
    co_return before;
}
Task<void> changes_it_and_fails() {
    request.set("changed");
    co_await sleep(1ms);
    throw std::runtime_error("failed");
}
Task<int> nested(int levels) {
    depth.set(levels);
    if (levels == 0) co_return depth.get();
    const auto below = [](int left) { return nested(left).get(); };
    const int deepest = co_await to_thread(below, levels - 1);
    co_return depth.get() == levels ? deepest : -1;
}

}  // namespace

TEST(SemB50, every_way_down_takes_a_copy_of_the_submitters) {
    const Set set("mine");
    EXPECT_EQ(changes_it().get(), "mine");
    EXPECT_EQ(changes_it(1ms).get(), "mine");
    EXPECT_EQ(changes_it().get(5s), "mine");
    EXPECT_EQ(changes_it().start().get(), "mine");
    EXPECT_EQ(to_future(changes_it()).get(), "mine");
    const auto in_worker = []() -> Task<std::string> {
        co_return co_await to_thread([] {
            request.set(request.get() + ", in a worker");
            return changes_it().get();
        });
    };
    EXPECT_EQ(in_worker().get(), "mine, in a worker");
    EXPECT_EQ(request.get(), "mine");
}

TEST(SemB52, a_deadline_and_a_cancel_of_the_awaiting_task_reach_what_its_worker_called) {
    std::string seen;
    const auto body = [](std::string& out) -> Task<void> {
        const auto blocks = [&out] {
            const auto sleeps = []() -> Task<void> { co_await sleep(1h); };
            try {
                sleeps().get();
            } catch (const Cancelled& cancelled) {
                out = "cancelled";
                throw;
            }
        };
        co_await timeout(20ms, to_thread(blocks));
    };
    EXPECT_THROW(run(body(seen)), TimeoutError);
    EXPECT_EQ(seen, "cancelled");
}

TEST(SemB52, thread_locals_and_errno_stay_where_they_are) {
    thread_local int mine = 0;
    mine = 5;
    errno = ENOENT;
    const auto body = []() -> Task<int> {
        errno = EPIPE;
        co_return mine;
    };
    EXPECT_EQ(body().get(), 0);
    EXPECT_EQ(mine, 5);
    EXPECT_NE(errno, EPIPE);
}

TEST(SemB53, changes_come_back_if_asked_for_by_value_and_by_exception) {
    const Set set("mine");
    EXPECT_EQ(changes_it().get({.context = ContextFlow::back}), "mine");
    EXPECT_EQ(request.get(), "changed");
    request.set("again mine");
    EXPECT_EQ(changes_it(1ms).get({.deadline = 10s, .context = ContextFlow::back}), "again mine");
    EXPECT_EQ(request.get(), "changed");
    request.set("mine");
    EXPECT_THROW(changes_it_and_fails().get({.context = ContextFlow::back}), std::runtime_error);
    EXPECT_EQ(request.get(), "changed");
    request.set("mine");
    EXPECT_THROW(changes_it_and_fails().get(), std::runtime_error);
    EXPECT_EQ(request.get(), "mine");
}

TEST(SemB53, a_worker_functions_changes_come_back_to_the_task_that_awaits_it) {
    std::vector<std::string> lines;
    const auto body = [](std::vector<std::string>& out) -> Task<void> {
        request.set("task");
        co_await to_thread([] { request.set("worker"); });
        out.push_back(request.get());
        ToThreadOptions options;
        options.context(ContextFlow::back);
        co_await to_thread(options, [] { request.set("worker"); });
        out.push_back(request.get());
        const auto fails = [] {
            request.set("failed worker");
            throw std::runtime_error("failed");
        };
        try {
            co_await to_thread(options, fails);
        } catch (const std::runtime_error&) {
            out.push_back(request.get());
        }
        const auto calls_up = [] {
            static_cast<void>(changes_it(1ms).get({.context = ContextFlow::back}));
            return request.get();
        };
        std::string in_worker = co_await to_thread(calls_up);
        out.push_back(in_worker);
        out.push_back(request.get());
    };
    run(body(lines));
    EXPECT_EQ(lines,
              (std::vector<std::string>{"task", "worker", "failed worker", "changed", "failed worker"}));
}

TEST(SemB54, nothing_leaks_between_jobs_of_a_worker_or_callers_of_the_background_loop) {
    const auto jobs = []() -> Task<int> {
        int leaked = 0;
        const auto job = [] {
            const bool leaks = request.is_set();
            request.set("of a job");
            return leaks ? 1 : 0;
        };
        ToThreadOptions one_thread;
        one_thread.affinity("one");
        for (int i = 0; i < 1'000; ++i) leaked += co_await to_thread(one_thread, job);
        co_return leaked;
    };
    EXPECT_EQ(run(jobs()), 0);

    std::vector<std::thread> callers;
    std::atomic<int> leaked = 0;
    for (int t = 0; t < 4; ++t) {
        callers.emplace_back([&, t] {
            for (int i = 0; i < 200; ++i) {
                if (i % 2 == 0) {
                    leaked += changes_it().get() != "none";
                } else {
                    const Set set("caller " + std::to_string(t));
                    leaked += changes_it(i % 20 == 1 ? 1ms : 0ms).get() != "caller " + std::to_string(t);
                }
            }
        });
    }
    for (auto& caller : callers) caller.join();
    EXPECT_EQ(leaked, 0);
}

TEST(RB13, three_values_cross_nested_and_come_home_only_where_asked) {
    EXPECT_EQ(run(nested(3)), 0);
    EXPECT_EQ(depth.get(), 0);
    const auto sets_three = []() -> Task<void> {
        request.set("r");
        depth.set(3);
        co_await sleep(0s);
    };
    Context here;
    here.run([&] {
        sets_three().get();
        EXPECT_EQ(depth.get(), 0);
        sets_three().get({.context = ContextFlow::back});
        EXPECT_EQ(depth.get(), 3);
        EXPECT_EQ(request.get(), "r");
    });
    EXPECT_EQ(depth.get(), 0);
}
