// The tree of scopes: who owns one, what is inherited, and what a request does at its edges.
#include <tandem/base/errors.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/future.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <coroutine>
#include <memory>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

int scopes_around() {
    int count = 0;
    for (const ScopeNode* node = &current_task_node()->scope(); node->parent(); node = node->parent())
        ++count;
    return count;
}
Task<int> depth() {
    co_await checkpoint();
    co_return scopes_around();
}
Task<int> depth_in_child(TaskGroup& group) {
    const int inside = co_await group.create_task(depth());
    co_return inside;
}

}  // namespace

ASYNC_TEST(SemC1, tasks_groups_timeouts_shields_gathers_and_races_each_own_a_scope) {
    const int here = scopes_around();
    const int in_task = co_await create_task(depth());
    const int plain = co_await depth();
    const int in_timeout = co_await timeout(1s, depth());
    const auto in_move_on = co_await move_on_after(1s, depth());
    const int in_shield = co_await shield(depth());
    CancelScope scope;
    const auto in_scope = co_await scope.run(depth());
    const auto gathered = co_await gather(depth());
    const auto raced = co_await race(depth());
    const int grouped = co_await with_task_group(depth_in_child);

    EXPECT_EQ(in_task, 1);  // the task's own, under the root
    EXPECT_EQ(plain, here);
    EXPECT_EQ(in_timeout, here + 1);
    EXPECT_EQ(in_move_on, here + 1);
    EXPECT_EQ(in_shield, here + 1);
    EXPECT_EQ(in_scope, here + 1);
    EXPECT_EQ(std::get<0>(gathered), here + 2);  // the combinator's and the child's
    EXPECT_EQ(raced.value, here + 2);
    EXPECT_EQ(grouped, here + 2);
    EXPECT_EQ(scopes_around(), here);
}

namespace {

/// Notes what an await asks of its awaiter; completes when it is told, or at once when it is asked to end.
struct Watched {
    struct State {
        Lines lines;
        std::coroutine_handle<> handle;
        bool ready = false;
        bool give_way = true;
    };
    explicit Watched(State& s) : state(s) {}
    bool await_ready() {
        state.lines.push_back("ready?");
        return state.ready;
    }
    void await_suspend(std::coroutine_handle<> handle) {
        state.lines.push_back("started");
        state.handle = handle;
    }
    int await_resume() {
        state.lines.push_back("resumed");
        return 7;
    }
    bool await_cancel(std::coroutine_handle<>) noexcept {
        state.lines.push_back("asked");
        return state.give_way;
    }
    bool await_completed() const noexcept { return !state.give_way; }
    State& state;
};

Task<int> watch(Watched::State& state) {
    const int value = co_await Watched(state);
    co_return value;
}

}  // namespace

ASYNC_TEST(SemC14, an_await_goes_from_started_through_asked_to_its_end_each_once) {
    Watched::State idle;
    Watched::State leaves;
    Watched::State stays;
    stays.give_way = false;
    Watched::State finished;
    finished.ready = true;
    auto never = create_task(watch(idle));
    auto left = create_task(watch(leaves));
    auto stayed = create_task(watch(stays));
    never.cancel();
    co_await checkpoint();
    left.cancel();
    left.cancel("again");
    stayed.cancel();
    stayed.cancel("again");
    co_await checkpoint();
    const bool waits = !stayed.done();
    stays.handle.resume();
    const int value = co_await stayed;
    const int at_once = co_await watch(finished);

    EXPECT_EQ(idle.lines, Lines{});
    EXPECT_EQ(leaves.lines, (Lines{"ready?", "started", "asked"}));
    EXPECT_TRUE(left.cancelled());
    EXPECT_EQ(stays.lines, (Lines{"ready?", "started", "asked", "resumed"}));
    EXPECT_TRUE(waits);
    EXPECT_EQ(value, 7);
    EXPECT_EQ(finished.lines, (Lines{"ready?", "resumed"}));
    EXPECT_EQ(at_once, 7);
}

namespace {

/// Cancels the task from inside the start of its own operation.
struct CancelsInStart {
    explicit CancelsInStart(CancelScope s, bool& a) : scope(std::move(s)), asked(a) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) { scope.cancel("between"); }
    void await_resume() const noexcept {}
    bool await_cancel(std::coroutine_handle<>) noexcept { return asked = true; }
    CancelScope scope;
    bool& asked;
};

Task<void> await_cancelling(CancelScope scope, bool& asked) {
    CancelsInStart awaiter(std::move(scope), asked);
    co_await awaiter;
}

}  // namespace

ASYNC_TEST(SemC14, a_request_between_the_registration_and_the_start_is_seen) {
    CancelScope scope;
    bool asked = false;
    const bool ended = co_await scope.run(await_cancelling(scope, asked));

    EXPECT_TRUE(asked);
    EXPECT_FALSE(ended);
    EXPECT_TRUE(scope.absorbed());
}

namespace {

struct Resource {
    explicit Resource(Lines& l) : lines(l) {}
    ~Resource() { lines.push_back("aborted"); }
    Task<void> close() {
        co_await sleep(1ms);
        lines.push_back("closed");
    }
    Lines& lines;
};
Task<void> use(Resource& resource) {
    resource.lines.push_back("used");
    co_await sleep(1h);
}
Task<void> open_and_use(Lines& lines) {
    Resource resource(lines);
    co_await with_finally(use(resource), resource.close());
}

}  // namespace

ASYNC_TEST(SemC55, cleanup_that_awaits_needs_no_catch_block_and_comes_before_the_destructor) {
    Lines lines;
    bool timed_out = false;
    try {
        co_await timeout(5ms, open_and_use(lines));
    } catch (const TimeoutError&) {
        timed_out = true;
    }

    EXPECT_TRUE(timed_out);
    EXPECT_EQ(lines, (Lines{"used", "closed", "aborted"}));
}

ASYNC_TEST(SemC78, cancelling_who_awaits_a_handle_or_a_future_ends_only_the_wait) {
    Future<int> future;
    auto shared = create_task([](Future<int> f) -> Task<int> { co_return co_await f; }, future);
    auto of_handle = create_task([](TaskHandle<int> h) -> Task<int> { co_return co_await h; }, shared);
    auto of_future = create_task([](Future<int> f) -> Task<int> { co_return co_await f; }, future);
    co_await sleep(1ms);
    of_handle.cancel();
    of_future.cancel();
    co_await of_handle.join();
    co_await of_future.join();
    const bool alone = !shared.done() && !future.done();
    future.set_result(5);
    const int value = co_await shared;

    EXPECT_TRUE(of_handle.cancelled());
    EXPECT_TRUE(of_future.cancelled());
    EXPECT_TRUE(alone);
    EXPECT_EQ(value, 5);
}

namespace {

struct Ends {
    std::string inner = "-";
    std::string outer = "-";
};
enum class Which { inner, outer, both, outer_in_the_exit_of_inner };

Task<void> wait_in(CancelScope outer, Which which) {
    try {
        co_await sleep(1h);
    } catch (const Cancelled&) {
        if (which == Which::outer_in_the_exit_of_inner) outer.cancel();
        throw;
    }
}
Task<void> two_scopes(CancelScope inner, CancelScope outer, Which which, Ends& ends) {
    const bool whole = co_await inner.run(wait_in(outer, which));
    ends.inner = whole ? "whole" : "absorbed";
    co_await checkpoint();
}
Task<Ends> cancel_of_nested(Which which) {
    CancelScope inner;
    CancelScope outer;
    Ends ends;
    this_loop().call_later(1ms, [=]() mutable {
        if (which != Which::outer) inner.cancel();
        if (which == Which::outer || which == Which::both) outer.cancel();
    });
    const bool whole = co_await outer.run(two_scopes(inner, outer, which, ends));
    ends.outer = whole ? "whole" : "absorbed";
    co_return ends;
}

}  // namespace

ASYNC_TEST(SemCt1, of_two_nested_scopes_the_outermost_that_was_cancelled_absorbs) {
    const Ends inner = co_await cancel_of_nested(Which::inner);
    const Ends outer = co_await cancel_of_nested(Which::outer);
    const Ends both = co_await cancel_of_nested(Which::both);
    const Ends late = co_await cancel_of_nested(Which::outer_in_the_exit_of_inner);
    CancelScope first(5ms);
    CancelScope second(5ms);
    Ends equal;
    const bool whole = co_await first.run(two_scopes(second, first, Which::both, equal));

    EXPECT_EQ(inner.inner + " " + inner.outer, "absorbed whole");
    EXPECT_EQ(outer.inner + " " + outer.outer, "- absorbed");
    EXPECT_EQ(both.inner + " " + both.outer, "- absorbed");
    EXPECT_EQ(late.inner + " " + late.outer, "- absorbed");
    EXPECT_EQ(equal.inner, "-");
    EXPECT_FALSE(whole);
}

namespace {

Task<void> spawn_into(TaskGroup& group, bool& ran) {
    group.create_task(
        [](bool& out) -> Task<void> {
            out = true;
            co_return;
        },
        std::ref(ran));
    co_return;
}
Task<void> open_a_group(bool& ran) {
    TaskGroup group;
    co_await spawn_into(group, ran);
    co_await group.join();
}
Task<void> start_in(TaskGroup& group, bool& ran) {
    co_await group.start(
        [](Started<void> started, bool& out) -> Task<void> {
            out = true;
            started();
            co_return;
        },
        std::ref(ran));
}

}  // namespace

ASYNC_TEST(SemCt2, a_child_of_a_cancelled_group_or_of_a_group_in_a_cancelled_scope_never_runs) {
    bool in_group = false;
    bool in_scope = false;
    bool by_start = false;
    TaskGroup group;
    group.cancel();
    co_await spawn_into(group, in_group);
    co_await group.join();
    CancelScope scope;
    scope.cancel();
    co_await scope.run(open_a_group(in_scope));
    TaskGroup target;
    CancelScope starting;
    starting.cancel();
    const bool started = co_await starting.run(start_in(target, by_start));
    const auto left = target.size();
    co_await target.join();

    EXPECT_FALSE(in_group);
    EXPECT_FALSE(in_scope);
    EXPECT_FALSE(by_start);
    EXPECT_FALSE(started);
    EXPECT_EQ(left, 0u);
}

ASYNC_TEST(SemCt10, a_task_about_to_run_is_cancelled_once_however_often_and_keeps_a_last_value) {
    int steps = 0;
    const auto body = [&steps](Duration delay) -> Task<int> {
        ++steps;
        co_await sleep(delay);
        ++steps;
        co_return steps;
    };
    auto woken = create_task(body(1ms));
    co_await sleep(1ms);  // ends before the other's, in the same turn: its wake-up is posted
    const bool blocked = woken.awaited_on() == "sleep" && !woken.done();
    const bool first = woken.cancel();
    const bool second = woken.cancel();
    const int value = co_await woken;
    auto before_the_first_step = create_task(body(1ms));
    before_the_first_step.cancel();
    before_the_first_step.cancel();
    co_await before_the_first_step.join();

    EXPECT_FALSE(blocked);
    EXPECT_TRUE(first && second);
    EXPECT_EQ(value, 2);
    EXPECT_EQ(steps, 2);
    EXPECT_TRUE(before_the_first_step.cancelled());
    EXPECT_FALSE(woken.cancel());
}

namespace {

Task<void> keep_what_comes(Watched::State& state, Lines& lines) {
    const int value = co_await Watched(state);
    lines.push_back("value " + std::to_string(value));
    co_await checkpoint();
    lines.push_back("not here");
}
Task<void> keep_what_wakes(Lines& lines) {
    co_await sleep(1ms);
    lines.push_back("woken");
    co_await checkpoint();
    lines.push_back("not here");
}

}  // namespace

ASYNC_TEST(SemR4, a_result_that_came_after_the_request_is_delivered_and_the_next_checkpoint_throws) {
    Watched::State state;
    state.give_way = false;
    Lines lines;
    auto task = create_task(keep_what_comes(state, lines));
    co_await checkpoint();
    task.cancel();
    co_await sleep(1ms);
    state.handle.resume();
    co_await task.join();

    EXPECT_EQ(lines, Lines{"value 7"});
    EXPECT_TRUE(task.cancelled());
}

ASYNC_TEST(SemR5, a_wake_up_that_was_posted_already_is_delivered_and_the_next_checkpoint_throws) {
    Lines lines;
    auto task = create_task(keep_what_wakes(lines));
    co_await sleep(1ms);  // both are due in one turn, this one first
    task.cancel();
    co_await task.join();

    EXPECT_EQ(lines, Lines{"woken"});
    EXPECT_TRUE(task.cancelled());
}
