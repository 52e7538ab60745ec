// What every combinator has in common, and wait, as_completed, shield and gather at their edges.
#include <tandem/base/errors.hpp>
#include <tandem/task/as_completed.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/race.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/wait_handles.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Handles = std::vector<TaskHandle<int>>;

using tandem::testing::value_after;

Task<int> fails_after(Duration delay, std::string text = "failed") {
    co_await sleep(delay);
    throw std::domain_error(text);
}
std::vector<int> values_of(const Handles& handles) {
    std::vector<int> values;
    for (const auto& handle : handles) values.push_back(handle.successful() ? handle.result() : -1);
    return values;
}
void look_at(const Handles& handles) {
    for (const auto& handle : handles) {
        if (handle.done() && !handle.cancelled()) static_cast<void>(handle.exception());
    }
}

template <class Combine>
Task<std::string> refusal(Combine combine) {
    std::string text = "accepted";
    try {
        co_await combine();
    } catch (const WrongLoop& error) {
        text = error.what();
    }
    co_return text;
}

}  // namespace

TEST(SemG4, every_combinator_refuses_a_handle_of_another_loop) {
    EventLoop home;
    EventLoop other;
    auto foreign = other.create_task(value_after(1h, 1));
    const auto by_gather = [foreign]() -> Task<void> { co_await gather(foreign); };
    const auto by_race = [foreign]() -> Task<void> { co_await race(foreign); };
    const auto by_any = [foreign]() -> Task<void> { co_await any_of(foreign); };
    const auto by_wait = [foreign]() -> Task<void> {
        Handles handles{foreign};
        co_await wait(handles);
    };
    const auto by_completed = [foreign]() -> Task<void> {
        Handles handles{foreign};
        auto done = as_completed(handles);
        co_await done.next();
    };
    std::vector<std::string> texts;
    texts.push_back(home.run_until_complete(refusal(by_gather)));
    texts.push_back(home.run_until_complete(refusal(by_race)));
    texts.push_back(home.run_until_complete(refusal(by_any)));
    texts.push_back(home.run_until_complete(refusal(by_wait)));
    texts.push_back(home.run_until_complete(refusal(by_completed)));
    const bool untouched = !foreign.done();
    foreign.cancel();
    while (!foreign.done()) other.poll_once();

    for (const auto& text : texts) EXPECT_NE(text.find("loop"), std::string::npos) << text;
    EXPECT_EQ(std::count(texts.begin(), texts.end(), "accepted"), 0);
    EXPECT_TRUE(untouched);
}

ASYNC_TEST(SemG7, the_await_tree_has_no_gap_between_a_combinator_and_its_children) {
    auto tree = [](const char* name) {
        const std::string text = dump_tree(this_loop());
        const auto parent = text.find(name);
        const auto child = text.find("value_after", parent);
        const auto line = text.rfind('\n', child) + 1;
        const auto parent_line = text.rfind('\n', parent) + 1;
        const auto indent = [&text](std::size_t at) { return text.find_first_not_of(' ', at) - at; };
        return child != std::string::npos && indent(line) > indent(parent_line);
    };
    const auto gathering = []() -> Task<void> {
        co_await gather(value_after(10ms, 1), value_after(10ms, 2));
    };
    const auto racing = []() -> Task<void> { co_await race(value_after(10ms, 1), value_after(10ms, 2)); };
    auto first = create_task(gathering(), {.name = "gathers"});
    co_await sleep(1ms);
    const bool under_gather = tree("gathers");
    const std::string waits = first.awaited_on();
    co_await first;
    auto second = create_task(racing(), {.name = "races"});
    co_await sleep(1ms);
    const bool under_race = tree("races");
    co_await second;

    EXPECT_TRUE(under_gather);
    EXPECT_TRUE(under_race);
    EXPECT_EQ(waits, "children");
}

ASYNC_TEST(SemG8, results_come_as_tuples_vectors_and_named_structs) {
    auto both = co_await gather(value_after(1ms, 1), value_after(2ms, 2));
    auto& [first, second] = both;
    std::vector<Task<int>> tasks;
    tasks.push_back(value_after(1ms, 3));
    auto many = co_await gather(std::move(tasks));
    auto raced = co_await race(value_after(2ms, 4), value_after(1ms, 5));
    Handles handles{create_task(value_after(1ms, 6))};
    auto waited = co_await wait(handles);

    static_assert(std::is_same_v<decltype(both), std::tuple<int, int>>);
    static_assert(std::is_same_v<decltype(many), std::vector<int>>);
    EXPECT_EQ(first * 10 + second, 12);
    EXPECT_EQ(many, std::vector<int>{3});
    EXPECT_EQ(raced.index, 1u);
    EXPECT_EQ(raced.value, 5);
    EXPECT_EQ(values_of(waited.done), std::vector<int>{6});
    EXPECT_TRUE(waited.pending.empty());
}

namespace {

struct Waited {
    Waited() {}
    std::size_t done = 0;
    std::size_t pending = 0;
};
/// Three tasks: one that ends as `kind` says after 1 ms, a value after 2 ms, one after an hour.
Task<Waited> wait_for_three(ReturnWhen when, std::string kind, Deadline limit) {
    Handles handles;
    if (kind == "value" || kind == "done") handles.push_back(create_task(value_after(1ms, 1)));
    if (kind == "failure") handles.push_back(create_task(fails_after(1ms)));
    if (kind == "cancelled") handles.push_back(create_task(value_after(1h, 1)));
    if (kind == "cancelled") this_loop().call_later(1ms, [h = handles[0]] { h.cancel(); });
    if (kind == "done") co_await sleep(1ms);
    handles.push_back(create_task(value_after(2ms, 2)));
    handles.push_back(create_task(value_after(1h, 3)));
    const auto seen = co_await wait(handles, {.timeout = limit, .return_when = when});
    Waited counts;
    counts.done = seen.done.size();
    counts.pending = seen.pending.size();
    for (const auto& handle : handles) handle.cancel();
    for (const auto& handle : handles) co_await handle.join_only();
    look_at(handles);
    co_return counts;
}

}  // namespace

ASYNC_TEST(SemGt1, each_mode_of_wait_ends_when_it_says_for_each_kind_of_end) {
    struct Row {
        ReturnWhen when;
        const char* kind;
        std::size_t done;
    };
    const std::array rows{
        Row{FIRST_COMPLETED, "value", 1},     Row{FIRST_COMPLETED, "failure", 1},
        Row{FIRST_COMPLETED, "cancelled", 1}, Row{FIRST_COMPLETED, "done", 1},
        Row{FIRST_EXCEPTION, "value", 2},     Row{FIRST_EXCEPTION, "failure", 1},
        Row{FIRST_EXCEPTION, "cancelled", 2}, Row{FIRST_EXCEPTION, "done", 2},
        Row{ALL_COMPLETED, "value", 2},       Row{ALL_COMPLETED, "failure", 2},
        Row{ALL_COMPLETED, "cancelled", 2},   Row{ALL_COMPLETED, "done", 2},
    };
    for (const Row& row : rows) {
        const auto counts = co_await wait_for_three(row.when, row.kind, 10ms);
        EXPECT_EQ(counts.done, row.done) << row.kind << " " << static_cast<int>(row.when);
        EXPECT_EQ(counts.pending, 3 - row.done) << row.kind << " " << static_cast<int>(row.when);
    }
}

ASYNC_TEST(SemGt1, one_that_ends_in_the_turn_of_the_timeout_is_done) {
    auto handle = create_task(value_after(5ms, 1));
    co_await checkpoint();  // its timer comes before the wait's
    Handles twice{handle, handle};
    const auto seen = co_await wait(twice, {.timeout = 5ms});
    co_await handle;

    EXPECT_EQ(seen.done.size() + seen.pending.size(), 1u);
    EXPECT_EQ(seen.done.empty(), false);
}

ASYNC_TEST(SemGt2, as_completed_gives_each_once_in_the_order_of_ends_whatever_the_order_of_arguments) {
    Handles handles;
    for (int i = 0; i < 4; ++i) handles.push_back(create_task(value_after((4 - i) * 1ms, i)));
    handles.push_back(handles[0]);
    auto done = as_completed(handles, {.timeout = 1s});
    std::vector<int> order;
    while (auto handle = co_await done.next()) order.push_back(handle->result());
    Handles together;
    for (int i = 0; i < 3; ++i) together.push_back(create_task(value_after(1ms, i)));
    std::reverse(together.begin(), together.end());
    auto in_one_turn = as_completed(together);
    std::vector<int> order_of_turn;
    while (auto handle = co_await in_one_turn.next()) order_of_turn.push_back(handle->result());

    EXPECT_EQ(order, (std::vector<int>{3, 2, 1, 0}));
    EXPECT_EQ(order_of_turn, (std::vector<int>{0, 1, 2}));
}

namespace {

struct Suppressed {
    Suppressed() {
        this_loop().set_exception_handler([this](EventLoop&, const ErrorContext&) { ++count; });
    }
    ~Suppressed() { this_loop().set_exception_handler(nullptr); }
    int count = 0;
};

}  // namespace

ASYNC_TEST(SemGt3, a_shield_gives_values_errors_and_what_others_cancelled) {
    Suppressed told;
    const int value = co_await shield(value_after(1ms, 1));
    const auto error = co_await as_result(shield(fails_after(1ms)));
    auto inner = create_task(value_after(1h, 1));
    this_loop().call_later(1ms, [inner] { inner.cancel("by hand"); });
    std::string reason;
    try {
        co_await shield(inner);
    } catch (const TaskCancelled& cancelled) {
        reason = cancelled.reason();
    }
    auto finished = create_task(value_after(0s, 3));
    co_await finished.join();
    const int of_finished = co_await shield(finished);
    const auto gathered = co_await shield(gather(value_after(1ms, 4), value_after(2ms, 5)));

    EXPECT_EQ(value, 1);
    EXPECT_EQ(std::string(error.error().what()), "failed");
    EXPECT_EQ(reason, "by hand");
    EXPECT_EQ(of_finished, 3);
    EXPECT_EQ(std::get<0>(gathered) + std::get<1>(gathered), 9);
    EXPECT_EQ(told.count, 0);
}

ASYNC_TEST(SemGt3, a_failing_handle_whose_shielding_awaiter_left_is_told_once) {
    Suppressed told;
    auto failing = create_task(fails_after(5ms));
    auto awaiter = create_task(shield(std::move(failing)));
    failing = {};
    co_await sleep(1ms);
    awaiter.cancel();
    co_await awaiter.join();
    awaiter = {};
    co_await sleep(10ms);

    EXPECT_EQ(told.count, 1);
}

namespace {

Task<int> fibonacci(int n) {
    if (n < 2) co_return n;
    const auto both = co_await gather(fibonacci(n - 1), fibonacci(n - 2));
    co_return std::get<0>(both) + std::get<1>(both);
}
Task<int> cancelled_by_hand() {
    co_await sleep(1h);
    co_return 0;
}

}  // namespace

ASYNC_TEST(SemGt4, gather_of_a_hundred_thousand_of_itself_and_of_one_cancelled_member) {
    std::vector<Task<int>> many;
    for (int i = 0; i < 100'000; ++i) many.push_back(value_after(0s, i));
    const auto values = co_await gather(std::move(many));
    const int recursive = co_await fibonacci(12);
    auto member = create_task(cancelled_by_hand());
    auto sibling = create_task(cancelled_by_hand());
    this_loop().call_later(1ms, [member] { member.cancel(); });
    bool as_failure = false;
    try {
        co_await gather(member, sibling);
    } catch (const TaskCancelled&) {
        as_failure = true;
    }

    EXPECT_EQ(values.size(), 100'000u);
    EXPECT_EQ(values.back(), 99'999);
    EXPECT_EQ(recursive, 144);
    EXPECT_TRUE(as_failure);
    EXPECT_TRUE(sibling.cancelled());
}
