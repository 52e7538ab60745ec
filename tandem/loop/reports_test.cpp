#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Names = std::vector<std::string>;

struct Trace : Instrument {
    void run_started(EventLoop&) override { events.push_back("run started"); }
    void before_callback(const EntryInfo& entry) override { events.push_back("before " + kind(entry)); }
    void after_callback(const EntryInfo& entry) override { events.push_back("after " + kind(entry)); }
    void before_wait(const LoopWait& wait) override {
        events.push_back("timers " + std::to_string(wait.timers) + " ready " + std::to_string(wait.ready));
        timeouts.push_back(wait.timeout);
    }
    void after_wait(const LoopWait& wait) override {
        events.push_back("brought " + std::to_string(wait.ready));
        durations.push_back(wait.duration);
    }
    void run_finished(EventLoop&) override { events.push_back("run finished"); }
    static std::string kind(const EntryInfo& entry) {
        switch (entry.kind) {
            case EntryKind::timer:
                return "timer";
            case EntryKind::post:
                return "post";
            case EntryKind::callback:
                return "callback";
            default:
                return "other";
        }
    }
    Names events;
    std::vector<Duration> timeouts;
    std::vector<Duration> durations;
};

void block(Duration time) { std::this_thread::sleep_for(time); }

}  // namespace

TEST(SemL32, an_error_is_reported_with_its_callback_and_the_place_where_that_was_scheduled) {
    EventLoop loop;
    std::vector<ErrorContext> reports;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) { reports.push_back(context); });
    const auto line = SourceLocation::current().line();
    loop.call_soon([] { throw std::runtime_error("soon"); });
    loop.call_later(0s, [] { throw std::runtime_error("later"); });
    loop.poll_once();
    ASSERT_EQ(reports.size(), 2U);
    EXPECT_EQ(reports[0].message, "exception in a callback");
    EXPECT_EQ(reports[0].source.line(), line + 1);
    EXPECT_EQ(reports[0].severity, Severity::error);
    EXPECT_TRUE(reports[0].task.empty());
    EXPECT_EQ(reports[0].handle.find("<Handle "), 0U) << reports[0].handle;
    EXPECT_EQ(reports[1].handle.find("<TimerHandle "), 0U) << reports[1].handle;
    EXPECT_EQ(reports[1].source.line(), line + 2);
    EXPECT_EQ(describe(reports[1].exception), "std::runtime_error: later");
}

TEST(SemLt3, the_default_handler_prints_message_handle_and_error_and_a_custom_one_is_called_once) {
    EventLoop loop;
    ::testing::internal::CaptureStderr();
    loop.call_soon([] { throw std::runtime_error("what went wrong"); });
    loop.poll_once();
    const auto text = ::testing::internal::GetCapturedStderr();
    for (const char* part : {"exception in a callback", "<Handle ", "what went wrong", "reports_test.cpp:"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
    int calls = 0;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext&) { ++calls; });
    loop.call_soon([] { throw std::runtime_error("again"); });
    loop.poll_once();
    EXPECT_EQ(calls, 1);
    loop.set_exception_handler(nullptr);
    ::testing::internal::CaptureStderr();
    loop.call_soon([] { throw 5; });
    loop.poll_once();
    EXPECT_NE(::testing::internal::GetCapturedStderr().find("an exception of type int"), std::string::npos);
}

TEST(SemL52, in_debug_mode_a_call_from_a_foreign_thread_throws_and_names_the_way_out) {
    EventLoop loop;
    loop.set_debug(true);
    std::string said;
    int refused = 0;
    loop.call_soon([&] {
        std::thread([&] {
            try {
                loop.call_soon([] {});
            } catch (const WrongThread& error) {
                said = error.what();
            }
            for (int call = 0; call < 2; ++call) {
                try {
                    if (call == 0)
                        loop.call_later(1s, [] {});
                    else
                        loop.add_reader(0, [] {});
                } catch (const WrongThread&) {
                    ++refused;
                }
            }
            loop.call_soon_threadsafe([&] { loop.stop(); });
        }).join();
    });
    loop.run_forever();
    EXPECT_NE(said.find("call_soon()"), std::string::npos) << said;
    EXPECT_NE(said.find("call_soon_threadsafe()"), std::string::npos) << said;
    EXPECT_EQ(refused, 2);
    // Nobody runs it now: this thread may prepare it, and so may another.
    std::thread([&] { EXPECT_NO_THROW(loop.call_soon([] {})); }).join();
    loop.close();
}

TEST(SemL53, debug_mode_comes_from_the_environment_the_options_or_a_call) {
    ::setenv("TANDEM_DEBUG", "1", 1);
    {
        EventLoop told_by_the_environment;
        EXPECT_TRUE(told_by_the_environment.debug());
        told_by_the_environment.close();
    }
    ::setenv("TANDEM_DEBUG", "0", 1);
    EXPECT_FALSE(EventLoop().debug());
    ::unsetenv("TANDEM_DEBUG");
    EventLoop loop;
    EXPECT_FALSE(loop.debug());
    loop.set_debug(true);
    EXPECT_TRUE(loop.debug());
    EventLoopOptions options;
    options.debug = true;
    EventLoop made(options);
    EXPECT_TRUE(made.debug());
    made.close();
    loop.close();
}

TEST(SemL54, a_slow_callback_and_a_slow_timer_are_reported_by_name_and_fast_ones_are_not) {
    EventLoop loop;
    loop.set_debug(true);
    EXPECT_EQ(loop.slow_callback_duration(), 100ms);
    Names said;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        EXPECT_EQ(context.severity, Severity::warning);
        EXPECT_EQ(context.exception, nullptr);
        said.push_back(context.message);
    });
    loop.call_soon([] {});
    loop.call_soon([] { block(120ms); });
    loop.call_later(0s, [] { block(120ms); });
    loop.poll_once();
    ASSERT_EQ(said.size(), 2U);
    EXPECT_EQ(said[0].find("Executing <Handle "), 0U) << said[0];
    EXPECT_NE(said[0].find("> took 0.1"), std::string::npos) << said[0];
    EXPECT_EQ(said[1].find("Executing <TimerHandle "), 0U) << said[1];
    EXPECT_NE(said[1].find("reports_test.cpp:"), std::string::npos) << said[1];
    loop.set_debug(false);
    loop.call_soon([] { block(120ms); });
    loop.poll_once();
    EXPECT_EQ(said.size(), 2U);
}

TEST(SemL54, a_step_that_switches_debug_mode_on_is_not_taken_for_a_slow_one) {
    EventLoop loop;
    ::testing::internal::CaptureStderr();
    loop.call_soon([&] { loop.set_debug(true); });
    loop.poll_once();
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
    loop.close();
}

TEST(SemL54, a_poll_of_more_than_a_second_is_told_at_info_level) {
    VirtualTime time;
    EventLoopOptions options;
    options.time = &time;
    EventLoop loop(options);
    loop.set_debug(true);
    Names said;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext& context) {
        if (context.severity == Severity::info) said.push_back(context.message);
    });
    loop.call_later(3s, [&] { loop.stop(); });
    loop.run_forever();
    EXPECT_EQ(said, Names{"waiting for events took 3.000 seconds"});
    loop.close();
}

TEST(SemLt4, the_threshold_is_respected_in_both_directions) {
    EventLoop loop;
    loop.set_debug(true);
    int reports = 0;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext&) { ++reports; });
    loop.set_slow_callback_duration(10s);
    loop.call_soon([] { block(5ms); });
    loop.poll_once();
    EXPECT_EQ(reports, 0);
    loop.set_slow_callback_duration(1ms);
    loop.call_soon([] { block(5ms); });
    loop.poll_once();
    EXPECT_EQ(reports, 1);
    loop.close();
}

TEST(SemL55, an_instrument_hears_runs_callbacks_and_waits_in_order) {
    VirtualTime time;
    EventLoopOptions options;
    options.time = &time;
    EventLoop loop(options);
    Trace trace;
    loop.set_instrument(&trace);
    loop.call_soon([] {});
    loop.call_later(3s, [&] { loop.stop(); });
    loop.call_soon_threadsafe([] {});
    loop.run_forever();
    EXPECT_EQ(trace.events, (Names{"run started", "timers 1 ready 1", "brought 2", "before callback",
                                   "after callback", "before post", "after post", "timers 1 ready 0",
                                   "brought 1", "before timer", "after timer", "run finished"}));
    EXPECT_EQ(trace.timeouts, (std::vector<Duration>{0s, 3s}));
    EXPECT_EQ(trace.durations, (std::vector<Duration>{0s, 3s}));
    loop.set_instrument(nullptr);
    loop.call_soon([&] { loop.stop(); });
    loop.run_forever();
    EXPECT_EQ(trace.events.size(), 12U);
}

TEST(SemL55, an_instrument_that_throws_is_taken_off_and_reported_and_the_loop_goes_on) {
    struct Broken : Instrument {
        void before_callback(const EntryInfo&) override { throw std::runtime_error("broken instrument"); }
    } broken;
    EventLoop loop;
    loop.set_instrument(&broken);
    int reports = 0;
    int ran = 0;
    loop.set_exception_handler([&](EventLoop&, const ErrorContext&) { ++reports; });
    for (int i = 0; i < 3; ++i) loop.call_soon([&] { ++ran; });
    loop.poll_once();
    EXPECT_EQ(ran, 3);
    EXPECT_EQ(reports, 1);
    EXPECT_EQ(loop.instrument(), nullptr);
}
