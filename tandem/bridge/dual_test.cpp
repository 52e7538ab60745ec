// One name for two bodies: which one runs, for whom, and what a tag changes.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/dual.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/async_generator.hpp>
#include <tandem/task/generator.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

std::string which_blocking(int) { return "blocking"; }
Task<std::string> which_async(int) {
    co_await sleep(1ms);
    co_return "async";
}
constexpr auto which = dual(which_blocking, which_async);

/// What one caller sees of the five forms; those that end later are read later.
struct Seen {
    bool in_async = in_async_context();
    CallerKind kind = caller_kind();
    std::string by_use;
    std::string sync;
    std::future<std::string> async;
    std::future<std::string> future;
    std::future<std::string> callback;
};

Seen look() {
    Seen seen;
    try {
        seen.by_use = which(1).get();
    } catch (const WouldDeadlock&) {
        seen.by_use = "WouldDeadlock";
    }
    seen.sync = which(1, use_sync);
    Task<std::string> task = which(1, use_async);
    seen.async = to_future(std::move(task));
    seen.future = which(1, use_future);
    auto called = std::make_shared<std::promise<std::string>>();
    seen.callback = called->get_future();
    which(1, use_callback([called](const Pending<std::string>& done) { called->set_value(done.get()); }));
    return seen;
}

struct Expected {
    bool in_async;
    CallerKind kind;
    const char* by_use;
};
constexpr Expected may_block = {false, CallerKind::plain, "blocking"};
constexpr Expected worker = {false, CallerKind::worker, "blocking"};
constexpr Expected fiber = {false, CallerKind::fiber, "async"};
constexpr Expected on_loop = {true, CallerKind::loop_thread, "WouldDeadlock"};

void expect_seen(Seen seen, const Expected& expected) {
    EXPECT_EQ(seen.in_async, expected.in_async);
    EXPECT_EQ(seen.kind, expected.kind);
    EXPECT_EQ(seen.by_use, expected.by_use);
    EXPECT_EQ(seen.sync, "blocking");
    EXPECT_EQ(seen.async.get(), "async");
    EXPECT_EQ(seen.future.get(), "async");
    EXPECT_EQ(seen.callback.get(), "async");
}

Generator<Seen> looking() { co_yield look(); }

/// Runs `body` on a loop of this thread, which then goes on until the callback's answer is in.
template <class F>
Seen seen_on_loop(F body) {
    const auto main = [](F inner) -> Task<Seen> {
        Seen seen = co_await inner();
        while (seen.callback.wait_for(0s) != std::future_status::ready) co_await sleep(1ms);
        co_return seen;
    };
    return run(main(std::move(body)));
}

struct LookingAwaitable {
    bool await_ready() {
        seen = look();
        return true;
    }
    void await_suspend(std::coroutine_handle<>) const {}
    Seen await_resume() { return std::move(*seen); }
    std::optional<Seen> seen;
};

}  // namespace

TEST(RB2, plain_code_gets_the_blocking_body_and_what_it_asks_for) { expect_seen(look(), may_block); }

TEST(RB2, a_plain_thread_is_like_main) {
    std::optional<Seen> seen;
    std::thread([&seen] { seen = look(); }).join();
    expect_seen(std::move(*seen), may_block);
}

TEST(RB2, a_worker_of_a_loop_may_block_too) {
    expect_seen(seen_on_loop([]() -> Task<Seen> { co_return co_await to_thread(look); }), worker);
}

TEST(RB2, a_fiber_waits_like_plain_code_and_gets_the_async_body) {
    expect_seen(seen_on_loop([]() -> Task<Seen> { co_return co_await in_fiber(look); }), fiber);
}

TEST(RB2, a_generator_that_a_fiber_consumes_is_on_that_fiber) {
    const auto consume = [] {
        auto inside = looking();
        return std::move(*inside.begin());
    };
    expect_seen(seen_on_loop([consume]() -> Task<Seen> { co_return co_await in_fiber(consume); }), fiber);
}

TEST(RB2, a_coroutine_is_an_async_caller) {
    expect_seen(seen_on_loop([]() -> Task<Seen> { co_return look(); }), on_loop);
}

TEST(RB2, a_generators_body_is_what_its_consumer_is) {
    auto plain = looking();
    expect_seen(std::move(*plain.begin()), may_block);
    expect_seen(seen_on_loop([]() -> Task<Seen> {
                    auto inside = looking();
                    co_return std::move(*inside.begin());
                }),
                on_loop);
}

TEST(RB2, an_async_generators_body_is_an_async_caller) {
    const auto looks = []() -> AsyncGenerator<Seen> { co_yield look(); };
    expect_seen(seen_on_loop([looks]() -> Task<Seen> {
                    auto generator = looks();
                    auto seen = co_await generator.next();
                    co_return std::move(*seen);
                }),
                on_loop);
}

TEST(RB2, an_awaitable_of_ones_own_is_an_async_caller) {
    expect_seen(seen_on_loop([]() -> Task<Seen> {
                    LookingAwaitable awaitable;
                    co_return co_await awaitable;
                }),
                on_loop);
}

TEST(RB2, a_callback_of_the_loop_is_an_async_caller) {
    expect_seen(seen_on_loop([]() -> Task<Seen> {
                    std::optional<Seen> seen;
                    this_loop().call_soon([&seen] { seen = look(); });
                    co_await sleep(1ms);
                    co_return std::move(*seen);
                }),
                on_loop);
}

TEST(RB2, a_done_callback_is_an_async_caller_unless_it_runs_at_once_in_plain_code) {
    expect_seen(seen_on_loop([]() -> Task<Seen> {
                    std::optional<Seen> seen;
                    create_task(which_async(1)).on_done([&seen](const auto&) { seen = look(); });
                    co_await sleep(20ms);
                    co_return std::move(*seen);
                }),
                on_loop);
    auto done = which_async(1).start();
    done.wait();
    std::optional<Seen> at_once;
    done.on_done([&at_once](const auto&) { at_once = look(); });
    expect_seen(std::move(*at_once), may_block);
}

TEST(A16, who_counts_as_an_async_caller_is_decided_by_where_the_code_runs) {
    EXPECT_FALSE(in_async_context());
    const auto ask = []() -> Task<bool> { co_return in_async_context(); };
    EXPECT_TRUE(run(ask()));
    EXPECT_TRUE(ask().get());
    EXPECT_FALSE(run(to_thread(in_async_context)));
    EXPECT_FALSE(run(in_fiber(in_async_context)));
    const auto asked = []() -> Generator<bool> { co_yield in_async_context(); };
    auto plain = asked();
    EXPECT_FALSE(*plain.begin());
    const auto consume = [asked]() -> Task<bool> {
        auto inside = asked();
        co_return *inside.begin();
    };
    EXPECT_TRUE(run(consume()));
}

namespace {

std::vector<std::string> trace;

// The article's fetch: one function that looks at its caller, for code that has two bodies anyway.
void fetch() {
    if (in_async_context()) {
        trace.push_back("Calling ASYNC method");
        create_task(which_async(1)).on_done([](auto done) { trace.push_back("callback " + done.result()); });
    } else {
        trace.push_back("Calling BLOCKING method");
        trace.push_back(which_blocking(1));
    }
}

void call_sync_fetch() { fetch(); }
Task<void> call_async_fetch() {
    fetch();
    trace.push_back("not awaited");
    co_await sleep(10ms);
}

std::string waits_for_the_loop(int number) { return which_async(number).get(); }
constexpr auto waiting = dual(waits_for_the_loop, which_async);

Task<std::string> forced_sync() { co_return which(1, use_sync); }
Task<std::string> forced_sync_that_waits() { co_return waiting(1, use_sync); }
Task<std::string> forced_async() { co_return co_await which(1, use_async); }

}  // namespace

TEST(A15, the_same_fetch_takes_another_body_for_another_caller) {
    trace.clear();
    call_sync_fetch();
    run(call_async_fetch());
    EXPECT_EQ(trace, (std::vector<std::string>{"Calling BLOCKING method", "blocking", "Calling ASYNC method",
                                               "not awaited", "callback async"}));
}

// The bench asks the same at leisure: bench/call_detection.cpp.
TEST(A19, looking_at_the_caller_costs_less_than_20_ns) {
    const auto best_ns_per_call = [](auto call) {
        auto best = 1h + 0ns;
        for (int round = 0; round < 40; ++round) {
            const auto start = std::chrono::steady_clock::now();
            for (int i = 0; i < 10'000; ++i) call();
            best = std::min(best, std::chrono::steady_clock::now() - start);
        }
        return static_cast<double>(best.count()) / 10'000;
    };
    static volatile int sum = 0;
    const auto add = [](int by) -> int {
        sum = sum + by;
        return by;
    };
    const auto adds = dual(add, [](int by) -> Task<int> { co_return by; });
    const double detected = best_ns_per_call([&] { adds(1).get(); });
    const double tagged = best_ns_per_call([&] { adds(1, use_sync); });
    const double by_type = best_ns_per_call([&] { add(1); });
    RecordProperty("ns",
                   std::to_string(detected) + " " + std::to_string(tagged) + " " + std::to_string(by_type));
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    GTEST_SKIP() << "a sanitizer's price is not the library's";
#endif
#endif
    EXPECT_LE(detected - by_type, 20)
        << detected << " detected, " << tagged << " tagged, " << by_type << " by type";
}

TEST(A17, the_callers_word_wins_over_what_he_is) {
    EXPECT_EQ(std::string(which(1, use_sync)), "blocking");
    EXPECT_EQ(which(1, use_async).get(), "async");
    EXPECT_EQ(run(forced_sync()), "blocking");
    EXPECT_EQ(run(forced_async()), "async");
}

TEST(A17, a_blocking_body_forced_on_a_loops_thread_is_refused_only_if_it_waits_for_a_loop) {
    EXPECT_THROW(static_cast<void>(run(forced_sync_that_waits())), WouldDeadlock);
    EXPECT_EQ(std::string(waiting(1, use_sync)), "async");
    EXPECT_EQ(run(in_fiber([] { return waiting(1, use_sync); })), "async");  // its get() suspends the fiber
}

TEST(A17, arguments_are_moved_and_references_come_back) {
    static int target = 0;
    const auto box = dual([](std::unique_ptr<int> p) -> int& { return target = *p; },
                          [](std::unique_ptr<int> p) -> Task<int&> {
                              target = -*p;
                              co_return target;
                          });
    int& blocking = box(std::make_unique<int>(4)).get();
    EXPECT_EQ(&blocking, &target);
    EXPECT_EQ(blocking, 4);
    int& async = box(std::make_unique<int>(5), use_async).get();
    EXPECT_EQ(&async, &target);
    EXPECT_EQ(async, -5);
}

namespace {

// B6: a program of three levels. The library below has two bodies; nothing between says which.
std::string library_blocking() { return "blocking"; }
Task<std::string> library_async() { co_return "async"; }
constexpr auto library = dual(library_blocking, library_async);

std::string plain_level() { return library().get(); }
Task<std::string> async_level() { co_return co_await library(); }
std::string uppermost() { return plain_level() + " " + run(async_level()); }

}  // namespace

TEST(SemB6, each_level_of_a_program_gets_the_body_that_fits_it) {
    EXPECT_EQ(uppermost(), "blocking async");
    EXPECT_EQ(async_level().get(), "async");
    EXPECT_EQ(library().start().get(), "async");
    const auto from_worker = []() -> Task<std::string> { co_return co_await to_thread(plain_level); };
    EXPECT_EQ(run(from_worker()), "blocking");
    EXPECT_EQ(run(in_fiber(plain_level)), "async");
}

TEST(SemB6, plain_code_between_two_coroutines_is_told_the_ways_out) {
    const auto calls_plain = []() -> Task<std::string> { co_return plain_level(); };
    try {
        static_cast<void>(run(calls_plain()));
        FAIL() << "blocked its own loop";
    } catch (const WouldDeadlock& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("co_await"), std::string::npos) << text;
        EXPECT_NE(text.find("in_fiber"), std::string::npos) << text;
        EXPECT_NE(text.find("to_thread"), std::string::npos) << text;
    }
}

namespace {

Task<std::string> page() {
    co_await sleep(1ms);
    co_return "page";
}
Task<std::string> awaits_page() {
    static_assert(std::is_same_v<decltype(page()), Task<std::string>>);
    std::string text = co_await page();
    co_return text;
}

}  // namespace

TEST(SemB5, the_spelling_chooses_and_the_type_follows) {
    static_assert(std::is_same_v<decltype(page().get()), std::string>);
    static_assert(std::is_same_v<decltype(page().get(1s)), std::string>);
    static_assert(std::is_same_v<decltype(page().start()), Pending<std::string>>);
    static_assert(std::is_same_v<decltype(to_future(page())), std::future<std::string>>);
    static_assert(std::is_same_v<decltype(run(page())), std::string>);

    EventLoop loop;
    std::thread runs([&loop] { loop.run_forever(); });
    std::promise<std::string> called;
    page().start(on(loop)).on_done([&](const Pending<std::string>& done) { called.set_value(done.get()); });
    EXPECT_EQ(called.get_future().get(), "page");
    EXPECT_EQ(page().start(on(loop)).get(), "page");
    loop.stop_threadsafe();
    runs.join();

    EXPECT_EQ(page().get(), "page");
    EXPECT_EQ(page().get(10s), "page");
    EXPECT_EQ(page().start().get(), "page");
    EXPECT_EQ(to_future(page()).get(), "page");
    EXPECT_EQ(run(page()), "page");
    EXPECT_EQ(run(awaits_page()), "page");
}
