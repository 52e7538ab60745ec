// Errors that cross the bridge: the same object, both stacks, and one report of what nobody looked at.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/pending.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<int> innermost() {
    co_await sleep(1ms);
    throw std::domain_error("boom");
}
Task<int> middle() { co_return co_await innermost(); }
Task<int> outermost() { co_return co_await middle(); }
int plain_function() { return outermost().get(); }

/// A loop that notes what its exception handler is told.
class NotingLoop {
public:
    NotingLoop()
        : thread_([this] {
              loop.set_exception_handler([this](EventLoop&, const ErrorContext& context) {
                  const std::lock_guard lock(mutex_);
                  told_.push_back(context);
              });
              loop.run_forever();
          }) {}
    ~NotingLoop() {
        loop.stop_threadsafe();
        thread_.join();
    }
    /// After everything that was posted until now.
    std::vector<ErrorContext> told() {
        const auto nothing = []() -> Task<void> { co_return; };
        nothing().start(on(loop)).get();
        const std::lock_guard lock(mutex_);
        return told_;
    }
    EventLoop loop;

private:
    std::mutex mutex_;
    std::vector<ErrorContext> told_;
    std::thread thread_;
};

}  // namespace

TEST(SemB29, the_text_joins_the_tasks_awaits_and_the_place_that_waited_in_order) {
    std::string text;
    try {
        plain_function();
    } catch (const std::domain_error&) {
        text = describe_with_stacks();
    }
    std::size_t at = 0;
    for (const char* part : {"std::domain_error: boom", "thrown in", "innermost", "awaited by", "middle",
                             "awaited by", "outermost", "Task-", "waited for by", "plain_function"}) {
        const auto found = text.find(part, at);
        ASSERT_NE(found, std::string::npos) << part << " is missing behind " << at << " in: " << text;
        at = found;
    }
}

TEST(SemB29, another_error_of_the_thread_is_described_without_somebody_elses_stacks) {
    EXPECT_THROW(plain_function(), std::domain_error);
    const auto other = std::make_exception_ptr(std::runtime_error("other"));
    EXPECT_EQ(describe_with_stacks(other), describe(other));
}

TEST(SemB29, a_coroutine_that_waits_on_another_loop_is_named_as_well) {
    const auto awaits = [](Pending<int> pending) -> Task<std::string> {
        std::string text;
        try {
            co_await pending;
        } catch (const std::domain_error&) {
            text = describe_with_stacks();
        }
        co_return text;
    };
    const std::string text = run(awaits(outermost().start()));
    EXPECT_NE(text.find("innermost"), std::string::npos) << text;
    EXPECT_NE(text.find("waited for by"), std::string::npos) << text;
}

TEST(RB14, the_same_object_arrives_and_the_text_has_both_sides) {
    const auto thrown = std::make_exception_ptr(std::out_of_range("same"));
    const auto body = [](std::exception_ptr error) -> Task<int> {
        co_await sleep(0s);
        std::rethrow_exception(error);
    };
    auto pending = body(thrown).start();
    EXPECT_EQ(pending.exception(), thrown);
    std::exception_ptr caught;
    std::string text;
    try {
        pending.get();
    } catch (const std::out_of_range&) {
        caught = std::current_exception();
        text = describe_with_stacks(caught);
    }
    EXPECT_EQ(caught, thrown);
    EXPECT_LT(text.find("thrown in"), text.find("waited for by"));
    EXPECT_NE(text.find("waited for by"), std::string::npos);
}

TEST(RB14, a_failure_that_nobody_read_is_logged_once) {
    NotingLoop mine;
    {
        auto dropped_before_the_end = outermost().start(on(mine.loop));
    }
    std::this_thread::sleep_for(20ms);
    {
        auto pending = outermost().start(on(mine.loop));
        pending.wait();
        const Pending<int> copy = pending;
        EXPECT_TRUE(copy.done());
        EXPECT_EQ(mine.told().size(), 1U);
    }
    const auto told = mine.told();
    ASSERT_EQ(told.size(), 2U);
    for (const auto& context : told) {
        EXPECT_EQ(describe(context.exception), "std::domain_error: boom");
        EXPECT_NE(context.message.find("never retrieved"), std::string::npos) << context.message;
        EXPECT_NE(context.message.find("pending_errors_test.cpp"), std::string::npos) << context.message;
        EXPECT_NE(context.task.find("Task-"), std::string::npos);
        EXPECT_NE(context.source.line(), 0U);
    }
}

TEST(SemK30, whoever_looks_at_a_pendings_failure_in_whatever_way_has_observed_it) {
    NotingLoop mine;
    const auto start = [&] {
        auto pending = outermost().start(on(mine.loop));
        pending.wait();
        return pending;
    };
    EXPECT_THROW(static_cast<void>(start().get()), std::domain_error);
    EXPECT_THROW(static_cast<void>(start().get(1s)), std::domain_error);
    EXPECT_NE(start().exception(), nullptr);
    EXPECT_TRUE(start().outcome().has_error());
    EXPECT_TRUE(start().cancel_and_wait().has_error());
    EXPECT_FALSE(start().cancel());
    const auto joins = [](Pending<int> pending) -> Task<bool> {
        auto end = co_await pending.join();
        co_return end.has_error();
    };
    EXPECT_TRUE(run(joins(start())));
    EXPECT_TRUE(mine.told().empty());
}

TEST(SemK30, a_value_a_cancel_and_a_closed_loop_are_nobodys_failure) {
    NotingLoop mine;
    const auto value = []() -> Task<int> { co_return 1; };
    const auto sleeps = []() -> Task<void> { co_await sleep(1h); };
    value().start(on(mine.loop)).wait();
    sleeps().start(on(mine.loop)).cancel();
    EXPECT_TRUE(mine.told().empty());
}
