// Row R-B9: which thread runs a function is the function's own affair.
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using ThreadIds = std::set<std::thread::id>;

/// A library that may only be called in one thread: whoever calls it need not know.
Task<std::thread::id> query_database() {
    return to_thread(ToThreadOptions().affinity("database"), std::this_thread::get_id);
}
Task<std::thread::id> draw_window() {
    return to_thread(ToThreadOptions().affinity("window"), std::this_thread::get_id);
}

/// One session of a library that allows many, each in one thread at a time.
class Session {
public:
    struct Overlap {
        std::atomic<int> inside = 0;
        std::atomic<int> most = 0;
        void enter() {
            const int now = ++inside;
            int before = most;
            while (before < now && !most.compare_exchange_weak(before, now)) {
            }
        }
    };
    explicit Session(Overlap& among_sessions) : among_sessions_(&among_sessions) {}

    Task<std::thread::id> call() {
        return to_thread(ToThreadOptions().affinity(strand_), [this] {
            own_.enter();
            among_sessions_->enter();
            std::this_thread::sleep_for(2ms);
            --among_sessions_->inside;
            --own_.inside;
            return std::this_thread::get_id();
        });
    }
    int most_at_once() const { return own_.most; }

private:
    Strand strand_;
    Overlap own_;
    Overlap* among_sessions_;
};

Task<ThreadIds> threads_of(int calls, Task<std::thread::id> (*call)()) {
    std::vector<Task<std::thread::id>> all;
    for (int i = 0; i < calls; ++i) all.push_back(call());
    const auto ids = co_await gather(std::move(all));
    co_return ThreadIds(ids.begin(), ids.end());
}

}  // namespace

ASYNC_TEST_REAL_TIME(RB9, a_thousand_calls_of_one_library_run_on_its_one_thread) {
    const ThreadIds database = co_await threads_of(1'000, query_database);
    const ThreadIds window = co_await threads_of(1'000, draw_window);
    EXPECT_EQ(database.size(), 1U);
    EXPECT_EQ(window.size(), 1U);
    EXPECT_NE(*database.begin(), *window.begin());
    EXPECT_FALSE(database.contains(std::this_thread::get_id()));
}

ASYNC_TEST_REAL_TIME(RB9, a_callers_context_changes_nothing_about_it) {
    const std::thread::id awaited = co_await query_database();
    const std::thread::id through_a_worker = co_await to_thread([] { return query_database().get(); });
    EXPECT_EQ(awaited, through_a_worker);
}

ASYNC_TEST_REAL_TIME(RB9, two_contexts_overlap_and_one_does_not_overlap_with_itself) {
    Session::Overlap among_sessions;
    Session first(among_sessions);
    Session second(among_sessions);
    std::vector<Task<std::thread::id>> calls;
    for (int i = 0; i < 20; ++i) {
        calls.push_back(first.call());
        calls.push_back(second.call());
    }
    const auto ids = co_await gather(std::move(calls));
    ThreadIds of_first;
    ThreadIds of_second;
    for (std::size_t i = 0; i < ids.size(); ++i) (i % 2 == 0 ? of_first : of_second).insert(ids[i]);
    EXPECT_EQ(of_first.size(), 1U);
    EXPECT_EQ(of_second.size(), 1U);
    EXPECT_EQ(first.most_at_once(), 1);
    EXPECT_EQ(second.most_at_once(), 1);
    EXPECT_EQ(among_sessions.most, 2);
}

ASYNC_TEST_REAL_TIME(RB9, no_call_shares_a_thread_unless_it_says_so) {
    Session::Overlap at_once;
    const auto meet = [&at_once] {
        at_once.enter();
        for (int i = 0; i < 2'000 && at_once.most < 2; ++i) std::this_thread::sleep_for(1ms);
        --at_once.inside;
    };
    co_await gather(to_thread(meet), to_thread(meet));
    EXPECT_EQ(at_once.most, 2);
}
