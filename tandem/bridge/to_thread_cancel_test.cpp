// What cancelling does to work on threads.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Flag = std::shared_ptr<std::atomic<bool>>;
Flag make_flag() { return std::make_shared<std::atomic<bool>>(false); }

// At most a second.
bool until(const std::function<bool()>& holds) {
    for (int i = 0; i < 1000 && !holds(); ++i) std::this_thread::sleep_for(1ms);
    return holds();
}

Task<void> until_set(Flag flag) {
    for (int i = 0; i < 1000 && !*flag; ++i) co_await sleep(1ms);
}

Task<int> notes_when_cancelled(Flag began, Flag cancelled) {
    *began = true;
    try {
        co_await sleep(10s);
    } catch (const Cancelled&) {
        *cancelled = true;
        throw;
    }
    co_return 1;
}

static_assert(OwnedArgument<std::string> && OwnedArgument<int> && OwnedArgument<std::vector<int>>);
static_assert(!OwnedArgument<const char*> && !OwnedArgument<std::string_view> &&
              !OwnedArgument<std::span<int>> && !OwnedArgument<std::reference_wrapper<int>>);

}  // namespace

ASYNC_TEST_REAL_TIME(SemC75, a_queued_job_is_taken_back_and_never_runs) {
    WorkerPool one(1);
    auto go_on = make_flag();
    auto ran = make_flag();
    const auto wait = [go_on] { return until([&] { return go_on->load(); }); };
    const auto run = [ran] { *ran = true; };
    auto first = create_task(run_in_executor(one, wait));
    auto queued = create_task(run_in_executor(one, run));
    for (int i = 0; i < 500 && one.queued() != 1; ++i) co_await sleep(2ms);
    const auto in_line = one.queued();

    queued.cancel();
    co_await queued.join();
    const bool first_still_runs = !first.done();
    *go_on = true;
    co_await first;

    EXPECT_EQ(in_line, 1U);
    EXPECT_TRUE(queued.cancelled());
    EXPECT_TRUE(first_still_runs);
    EXPECT_FALSE(*ran);
}

ASYNC_TEST_REAL_TIME(SemC75, in_a_cancelled_scope_no_job_is_started) {
    auto ran = make_flag();
    const auto run = [ran] { *ran = true; };
    CancelScope scope;
    scope.cancel();

    const bool whole = co_await scope.run(to_thread(run));

    EXPECT_FALSE(whole);
    EXPECT_FALSE(*ran);
}

ASYNC_TEST_REAL_TIME(SemC76, a_running_job_is_waited_for_and_its_value_delivered) {
    auto began = make_flag();
    auto go_on = make_flag();
    const auto job = [began, go_on] {
        *began = true;
        until([&] { return go_on->load(); });
        return 5;
    };
    auto task = create_task(to_thread(job));
    co_await until_set(began);

    task.cancel();
    co_await sleep(5ms);
    const bool waits = !task.done();
    *go_on = true;
    const auto outcome = co_await task.join();

    EXPECT_TRUE(waits);
    TANDEM_CO_ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome.value(), 5);
}

ASYNC_TEST_REAL_TIME(SemC76, testing_the_token_consumes_the_cancel_and_peeking_does_not) {
    auto began = make_flag();
    const auto consumes = [](CancelToken cancelled, Flag flag) {
        *flag = true;
        until([&] { return static_cast<bool>(cancelled); });
        return 1;
    };
    const auto peeks = [](CancelToken cancelled, Flag flag) {
        *flag = true;
        until([&] { return cancelled.peek(); });
        return 2;
    };
    auto consuming = create_task(to_thread(consumes, began));
    co_await until_set(began);
    consuming.cancel();
    co_await consuming.join();
    began = make_flag();
    auto peeking = create_task(to_thread(peeks, began));
    co_await until_set(began);
    peeking.cancel();
    const auto peeked = co_await peeking.join();

    EXPECT_TRUE(consuming.cancelled());
    TANDEM_CO_ASSERT_TRUE(peeked.has_value());
    EXPECT_EQ(peeked.value(), 2);
}

ASYNC_TEST_REAL_TIME(SemC76, check_cancelled_throws_in_the_job_and_its_cleanup_runs) {
    auto began = make_flag();
    auto cleaned = make_flag();
    std::string reason;
    const auto job = [&, began] {
        *began = true;
        try {
            until([] {
                check_cancelled();
                return false;
            });
        } catch (const Cancelled& error) {
            reason = error.reason();
            *cleaned = true;
            throw;
        }
    };
    auto task = create_task(to_thread(job));
    co_await until_set(began);

    task.cancel("enough");
    co_await task.join();

    EXPECT_TRUE(task.cancelled());
    EXPECT_TRUE(*cleaned);
    EXPECT_EQ(reason, "enough");
    EXPECT_THROW(check_cancelled(), InvalidStateError);
}

ASYNC_TEST_REAL_TIME(SemC76, an_abandoned_job_is_left_at_once_keeps_its_slot_and_is_reported_when_it_ends) {
    std::vector<std::string> reports;
    this_loop().set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        if (context.severity == Severity::suppressed)
            reports.push_back(context.message +
                              (context.exception ? ": " + describe(context.exception) : std::string()));
    });
    auto one = std::make_shared<SlotLine>(1);
    auto began = make_flag();
    auto go_on = make_flag();
    const auto job = [](Flag here, Flag wait) {
        *here = true;
        until([&] { return wait->load(); });
        throw std::domain_error("too late");
    };
    const auto options = ToThreadOptions().limiter(one).abandon_on_cancel();
    auto task = create_task(to_thread(options, job, began, go_on));
    co_await until_set(began);

    task.cancel();
    co_await task.join();
    const auto taken = one->taken();
    const auto reports_before = reports.size();
    *go_on = true;
    for (int i = 0; i < 1000 && one->taken() > 0; ++i) co_await sleep(1ms);

    EXPECT_TRUE(task.cancelled());
    EXPECT_EQ(taken, 1U);
    EXPECT_EQ(reports_before, 0U);
    EXPECT_EQ(one->taken(), 0U);
    EXPECT_EQ(reports, std::vector<std::string>{
                           "a thread job that was abandoned on cancel failed: std::domain_error: too late"});
}

ASYNC_TEST_REAL_TIME(SemC100, get_in_a_worker_throws_cancelled_with_its_task) {
    auto began = make_flag();
    auto coroutine_saw = make_flag();
    auto worker_saw = make_flag();
    const auto job = [=] {
        try {
            notes_when_cancelled(began, coroutine_saw).get();
        } catch (const Cancelled&) {
            *worker_saw = true;
            throw;
        }
    };
    auto task = create_task(to_thread(job));
    co_await until_set(began);

    task.cancel();
    co_await task.join();

    EXPECT_TRUE(task.cancelled());
    EXPECT_TRUE(*coroutine_saw);
    EXPECT_TRUE(*worker_saw);
}

ASYNC_TEST_REAL_TIME(SemC100, in_an_abandoned_job_every_get_throws_cancelled) {
    this_loop().set_exception_handler([](EventLoop&, const ErrorContext&) {});
    auto began = make_flag();
    auto go_on = make_flag();
    auto refused = make_flag();
    const auto job = [](Flag here, Flag wait, Flag result) {
        *here = true;
        until([&] { return wait->load(); });
        try {
            notes_when_cancelled(here, here).get();
        } catch (const Cancelled&) {
            *result = true;
        }
    };
    auto task = create_task(to_thread(ToThreadOptions().abandon_on_cancel(), job, began, go_on, refused));
    co_await until_set(began);

    task.cancel();
    co_await task.join();
    *go_on = true;
    co_await until_set(refused);

    EXPECT_TRUE(*refused);
}

TEST(SemB24, a_worker_that_waits_for_a_loop_which_closes_gets_an_error) {
    auto began = make_flag();
    auto told = make_flag();
    {
        EventLoopOptions options;
        options.close_grace = 10ms;
        EventLoop loop(options);
        loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
        const auto swallow = [](Flag here) -> Task<void> {
            *here = true;
            for (;;) {  // does not end in time
                try {
                    co_await sleep(10s);
                } catch (const Cancelled&) {
                }
            }
        };
        const auto job = [=] {
            try {
                swallow(began).get();
            } catch (const LoopClosed&) {
                *told = true;
            }
        };
        auto task = loop.create_task(to_thread(job));
        loop.run_until_complete(until_set(began));
    }

    EXPECT_TRUE(until([&] { return told->load(); }));
}
