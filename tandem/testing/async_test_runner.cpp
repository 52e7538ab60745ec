#include <tandem/testing/async_test.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/run_until_complete.hpp>
#include <tandem/testing/backends.hpp>
#include <tandem/testing/leftovers.hpp>
#include <tandem/testing/watchdog.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

namespace tandem::inline v1::testing {
namespace {

class AsyncTest final : public ::testing::Test {
public:
    AsyncTest(Task<void> (*body)(), BackendChoice backend, bool virtual_time)
        : body_(body), backend_(backend), virtual_time_(virtual_time) {}

    void TestBody() override {
        const auto descriptors = open_descriptors();
        VirtualTime time;
        EventLoopOptions options;
        options.backend = backend_;
        options.time = virtual_time_ ? &time : nullptr;
        std::unique_ptr<EventLoop> loop;
        try {
            loop = std::make_unique<EventLoop>(options);
        } catch (const BackendUnavailable& error) {
            GTEST_SKIP() << error.what();
        }
        EventLoop* watched = loop.get();
        // The tree is read while the loop's thread may run: the process ends right after, and a hang stands
        // still.
        const Watchdog watchdog(std::chrono::seconds(60),
                                [watched] { std::fputs(dump_tree(*watched).c_str(), stderr); });
        try {
            loop->run_until_complete(body_());
        } catch (...) {
            ADD_FAILURE() << "the test's body threw " << describe(std::current_exception());
        }
        EXPECT_EQ(all_tasks(*loop).size(), 0U) << "tasks left behind:\n" << dump_tree(*loop);
        // Timers that were cancelled stand in the heap until their turn; live ones are a leak.
        EXPECT_EQ(loop->timers().live(), 0U) << "timers left behind";
        EXPECT_EQ(loop->operations().in_use(), 0U) << "operations left behind";
        loop.reset();
        EXPECT_EQ(open_descriptors(), descriptors) << "descriptors left behind";
    }

private:
    Task<void> (*body_)();
    BackendChoice backend_;
    bool virtual_time_;
};

}  // namespace

int register_async_test(const char* suite, const char* name, Task<void> (*body)(), SourceLocation where,
                        TestTime time) {
    for (const auto choice : {BackendChoice::uring, BackendChoice::epoll, BackendChoice::sim}) {
        if (!wanted(choice)) continue;
        if (choice == BackendChoice::sim && time == TestTime::real) continue;
        ::testing::RegisterTest(suite, (std::string(name) + "/" + std::string(name_of(choice))).c_str(),
                                nullptr, nullptr, where.file_name(), static_cast<int>(where.line()),
                                [body, choice, time]() -> ::testing::Test* {
                                    return new AsyncTest(body, choice, time == TestTime::turned);
                                });
    }
    return 0;
}

}  // namespace tandem::inline v1::testing
