#include <tandem/loop/context.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_group.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

ContextVar<std::string> request("request", "none");
ContextVar<int> number("number");

Task<std::string> read_request() { co_return request.get(); }
Task<void> sleep_task(Duration delay) { co_await sleep(delay); }
Task<void> write_request(std::string value) {
    request.set(std::move(value));
    co_await sleep(1ms);
}

}  // namespace

TEST(SemK40, a_variable_has_its_default_until_it_is_set_and_again_after_the_reset) {
    EXPECT_EQ(request.get(), "none");
    auto token = request.set("7");
    EXPECT_EQ(request.get(), "7");
    auto inner = request.set("8");
    EXPECT_EQ(request.get_or("x"), "8");
    request.reset(inner);
    EXPECT_EQ(request.get(), "7");
    request.reset(token);
    EXPECT_EQ(request.get(), "none");
    EXPECT_EQ(request.get_or("x"), "x");
    EXPECT_TRUE(Context::current().empty());
}

TEST(SemK40, an_unset_one_without_default_and_a_used_or_foreign_token_are_refused_with_the_variables_name) {
    try {
        number.get();
        FAIL() << "an unset variable gave a value";
    } catch (const InvalidStateError& error) {
        EXPECT_NE(std::string(error.what()).find("'number'"), std::string::npos) << error.what();
    }
    ContextVar<int> other("other", 0);
    auto token = number.set(1);
    EXPECT_THROW(other.reset(token), InvalidStateError);
    EXPECT_EQ(number.get(), 1);
    number.reset(token);
    EXPECT_THROW(number.reset(token), InvalidStateError);
}

TEST(SemK40, a_copy_keeps_a_thousand_values_whatever_becomes_of_the_original) {
    std::vector<std::unique_ptr<ContextVar<int>>> variables;
    Context context;
    context.run([&] {
        for (int i = 0; i < 1'000; ++i) {
            variables.push_back(std::make_unique<ContextVar<int>>("v" + std::to_string(i)));
            variables.back()->set(i);
        }
    });
    const Context copy = context.copy();
    context.run([&] {
        for (int i = 0; i < 1'000; i += 2) variables[static_cast<std::size_t>(i)]->set(-1);
    });

    EXPECT_EQ(copy.size(), 1'000U);
    for (int i = 0; i < 1'000; ++i) {
        EXPECT_EQ(variables[static_cast<std::size_t>(i)]->in(copy), i);
        EXPECT_EQ(variables[static_cast<std::size_t>(i)]->in(context), i % 2 ? i : -1);
    }
    EXPECT_TRUE(Context::current_is_empty());
}

TEST(SemK41, what_run_sets_stays_in_that_context_and_its_names_can_be_listed) {
    Context mine = Context::current();
    const int result = mine.run(
        [](int by) {
            number.set(20 * by);
            request.set("inside");
            return number.get() + by;
        },
        2);

    EXPECT_EQ(result, 42);
    EXPECT_EQ(number.in(mine), 40);
    EXPECT_FALSE(number.is_set());
    EXPECT_EQ(mine.names().size(), 2U);
    EXPECT_EQ(mine.names(), (std::vector<std::string>{"request", "number"}));
    EXPECT_THROW(mine.run([] { throw std::runtime_error("out"); }), std::runtime_error);
    EXPECT_FALSE(number.is_set());
}

ASYNC_TEST(SemK41, frames_of_one_task_share_their_context_and_a_childs_changes_stay_inside) {
    request.set("parent");
    co_await write_request("changed by an awaited frame");
    EXPECT_EQ(request.get(), "changed by an awaited frame");

    auto child = create_task(write_request("child"));
    co_await child;
    EXPECT_EQ(request.get(), "changed by an awaited frame");
    EXPECT_EQ(request.in(child.context()), "child");
}

ASYNC_TEST(SemK40, a_child_gets_the_values_of_its_creation_or_those_of_the_options) {
    request.set("first");
    auto child = create_task(read_request());
    request.set("second");
    Context given;
    given.run([] { request.set("given"); });
    TaskOptions options;
    options.context = &given;
    auto other = create_task(read_request(), options);
    const std::string of_child = co_await child;
    const std::string of_other = co_await other;

    EXPECT_EQ(of_child, "first");
    EXPECT_EQ(of_other, "given");
}

ASYNC_TEST(SemK42, callbacks_timers_and_posts_run_in_the_context_of_their_registration) {
    std::vector<std::string> seen;
    const auto note = [&](const char* what) { seen.push_back(std::string(what) + " " + request.get()); };
    EventLoop& loop = this_loop();
    request.set("soon");
    loop.call_soon([&] {
        note("call_soon");
        request.set("lost");
    });
    request.set("later");
    loop.call_later(1ms, note, "call_later");
    request.set("at");
    loop.call_at(loop.time() + 2ms, note, "call_at");
    request.set("threadsafe");
    loop.call_soon_threadsafe(note, "call_soon_threadsafe");
    request.set("done");
    auto child = create_task(sleep_task(3ms));
    child.on_done([&](const TaskHandle<void>&) { note("on_done"); });
    request.set("task");
    co_await sleep(5ms);

    EXPECT_EQ(seen, (std::vector<std::string>{"call_soon soon", "call_soon_threadsafe threadsafe",
                                              "call_later later", "call_at at", "on_done done"}));
    EXPECT_EQ(request.get(), "task");
}

ASYNC_TEST_REAL_TIME(SemK42, a_watch_on_a_descriptor_keeps_one_context_for_all_its_calls) {
    int ends[2] = {-1, -1};
    TANDEM_CO_ASSERT_EQ(::pipe(ends), 0);
    number.set(10);
    std::vector<int> seen;
    EventLoop& loop = this_loop();
    loop.add_reader(ends[0], [&] {
        char byte = 0;
        EXPECT_EQ(::read(ends[0], &byte, 1), 1);
        seen.push_back(number.get());
        number.set(number.get() + 1);
    });
    number.set(0);
    EXPECT_EQ(::write(ends[1], "abc", 3), 3);
    while (seen.size() < 3) co_await sleep(1ms);
    loop.remove_reader(ends[0]);
    ::close(ends[0]);
    ::close(ends[1]);

    EXPECT_EQ(seen, (std::vector<int>{10, 11, 12}));
    EXPECT_EQ(number.get(), 0);
}

ASYNC_TEST(SemK43, a_hundred_interleaved_requests_never_see_each_others_id) {
    int wrong = 0;
    const auto check = [&wrong](const std::string& id) { wrong += request.get() != id; };
    const auto below = [&check](std::string id) -> Task<void> {
        check(id);
        co_await sleep(2ms);
        check(id);
    };
    const auto handle_request = [&](int i) -> Task<void> {
        const std::string id = std::to_string(i);
        request.set(id);
        this_loop().call_later(1ms, [&check, id] { check(id); });
        TaskGroup group;
        group.create_task(below(id));
        co_await sleep(Duration(1ms) * (i % 7));
        co_await below(id);
        co_await group.join();
        check(id);
    };
    TaskGroup group;
    for (int i = 0; i < 100; ++i) group.create_task(handle_request(i));
    co_await group.join();

    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(request.get(), "none");
}

TEST(SemK42, a_threads_own_values_end_with_it_and_reach_no_other) {
    auto token = request.set("main");
    std::string seen;
    const auto watched = std::make_shared<int>(1);
    ContextVar<std::shared_ptr<int>> held("held");
    std::thread([&] {
        seen = request.get();
        held.set(watched);
    }).join();
    EXPECT_EQ(seen, "none");
    EXPECT_EQ(watched.use_count(), 1);
    request.reset(token);
}
