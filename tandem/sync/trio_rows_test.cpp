// Row G13c: the programs of G1 to G11 in trio's style, by task groups, channels and cancel scopes.
#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/sync/channel.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

Task<void> foo(Lines& lines) {
    lines.push_back("Running in foo");
    co_await sleep(0s);
    lines.push_back("Explicit context switch to foo again");
}
Task<void> bar(Lines& lines) {
    lines.push_back("Explicit context to bar");
    co_await sleep(0s);
    lines.push_back("Implicit context switch back to bar");
}
Task<void> switching(TaskGroup& group, Lines& lines) {
    group.create_task(foo(lines));
    group.create_task(bar(lines));
    co_return;
}

Task<void> gr(std::string name, Duration length, Lines& lines) {
    const auto start = this_loop().time();
    lines.push_back(name + " started");
    co_await sleep(length);
    lines.push_back(name + " ended at " + std::to_string((this_loop().time() - start) / 1s));
}
Task<void> three(TaskGroup& group, Lines& lines) {
    group.create_task(gr("gr1", 2s, lines));
    group.create_task(gr("gr2", 2s, lines));
    group.create_task(gr("gr3", 1s, lines));
    co_return;
}

Task<void> fetch_ip(std::string service, Duration delay, Sender<std::string> answers) {
    co_await sleep(delay);
    co_await answers.send(service);
}
Task<void> fetch_failing(Duration delay) {
    co_await sleep(delay);
    throw std::out_of_range("no such attribute");
}

Task<void> all_in_order_of_completion(TaskGroup& group, Lines& lines) {
    auto [sender, answers] = Channel<std::string>(3);
    group.create_task(fetch_ip("slow", 300ms, sender));
    group.create_task(fetch_ip("fast", 100ms, sender));
    group.create_task(fetch_ip("middle", 200ms, std::move(sender)));
    std::string mark;
    while (auto service = co_await answers.receive()) {
        mark += ">>";
        lines.push_back(mark + " " + *service);
    }
}

Task<std::string> first_completed(TaskGroup& group) {
    auto [sender, answers] = Channel<std::string>(1);
    group.create_task(fetch_ip("slow", 5s, sender));
    group.create_task(fetch_ip("fast", 100ms, std::move(sender)));
    auto first = co_await answers.receive();
    group.cancel();
    co_return *first;
}

Task<void> one_fails(TaskGroup& group, Lines& lines) {
    group.create_task(fetch_failing(100ms));
    lines.push_back("started the one that fails");
    group.create_task(gr("gr1", 2s, lines));
    lines.push_back("started the other");
    co_return;
}

Task<std::string> ip_or_nothing(Duration limit) {
    std::string ip = "not available";
    auto [sender, answers] = Channel<std::string>(1);
    const auto asked = [](TaskGroup& group, Sender<std::string> to) -> Task<void> {
        group.create_task(fetch_ip("10.0.0.1", 100ms, to));
        group.create_task(fetch_ip("10.0.0.2", 1h, std::move(to)));
        co_return;
    };
    co_await move_on_after(limit, with_task_group(asked, std::move(sender)));
    if (auto answer = co_await answers.receive()) ip = *answer;
    co_return ip;
}

}  // namespace

ASYNC_TEST(G13c, a_group_of_two_switches_as_a_gather_does) {
    Lines lines;
    co_await with_task_group(switching, std::ref(lines));

    EXPECT_EQ(lines, (Lines{"Running in foo", "Explicit context to bar",
                            "Explicit context switch to foo again", "Implicit context switch back to bar"}));
}

ASYNC_TEST(G13c, a_group_ends_with_its_slowest_child) {
    Lines lines;
    const auto start = this_loop().time();
    co_await with_task_group(three, std::ref(lines));

    EXPECT_EQ(lines, (Lines{"gr1 started", "gr2 started", "gr3 started", "gr3 ended at 1", "gr1 ended at 2",
                            "gr2 ended at 2"}));
    EXPECT_EQ(this_loop().time() - start, 2s);
}

ASYNC_TEST(G13c, a_channel_gives_the_answers_in_order_of_completion) {
    Lines lines;
    co_await with_task_group(all_in_order_of_completion, std::ref(lines));

    EXPECT_EQ(lines, (Lines{">> fast", ">>>> middle", ">>>>>> slow"}));
}

ASYNC_TEST(G13c, the_first_of_a_channel_and_a_cancelled_group_are_the_first_completed) {
    const auto start = this_loop().time();
    std::string first;
    const auto body = [&first](TaskGroup& group) -> Task<void> { first = co_await first_completed(group); };
    co_await with_task_group(body);

    EXPECT_EQ(first, "fast");
    EXPECT_EQ(this_loop().time() - start, 100ms);
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
}

ASYNC_TEST(G13c, a_failure_surfaces_at_the_groups_end_and_not_where_the_child_was_started) {
    Lines lines;
    const auto start = this_loop().time();
    try {
        co_await with_task_group(one_fails, std::ref(lines));
    } catch (const ExceptionGroup& group) {
        for (const auto& error : group.exceptions()) lines.push_back(describe(error));
    }

    EXPECT_EQ(lines, (Lines{"started the one that fails", "started the other", "gr1 started",
                            "std::out_of_range: no such attribute"}));
    EXPECT_EQ(this_loop().time() - start, 100ms);
}

ASYNC_TEST(G13c, move_on_after_leaves_what_has_not_come_in_time) {
    const auto start = this_loop().time();
    const auto early = co_await ip_or_nothing(10ms);
    const auto waited = this_loop().time() - start;
    const auto late = co_await ip_or_nothing(2s);

    EXPECT_EQ(early, "not available");
    EXPECT_EQ(waited, 10ms);
    EXPECT_EQ(late, "10.0.0.1");
    EXPECT_EQ(this_loop().time() - start, 2s + 10ms);
    EXPECT_EQ(all_tasks(this_loop()).size(), 1U);
}

ASYNC_TEST(G13c, a_cancel_scope_ends_what_runs_in_it_and_nothing_else) {
    Lines lines;
    CancelScope scope;
    this_loop().call_later(1s, [scope]() mutable { scope.cancel(); });
    const auto finished = co_await scope.run(gr("in the scope", 2s, lines));
    lines.push_back(finished ? "finished" : "cancelled");
    co_await gr("after it", 1s, lines);

    EXPECT_EQ(lines, (Lines{"in the scope started", "cancelled", "after it started", "after it ended at 1"}));
}
