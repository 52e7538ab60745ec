// Cancellation on fibers: thrown out of .get(), through destructors and handlers, swallowed, nested.
#include <tandem/base/errors.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

struct Note {
    ~Note() { lines.push_back(text); }
    Lines& lines;
    std::string text;
};

/// Keeps what the loop is told, instead of printing it.
class Heard {
public:
    Heard() {
        this_loop().set_exception_handler(
            [this](EventLoop&, const ErrorContext& context) { records.push_back(context); });
    }
    ~Heard() { this_loop().set_exception_handler(nullptr); }
    std::vector<ErrorContext> records;
};

Task<void> later(Lines& lines, std::string line) {
    co_await sleep(10ms);
    lines.push_back(line);
}

// Cancels `task` after `delay` and gives how it ended.
Task<Outcome<void>> cancelled_after(Duration delay, Task<void> task) {
    auto handle = create_task(std::move(task));
    co_await sleep(delay);
    handle.cancel();
    co_await handle.join_only();
    co_return handle.take_outcome();
}

}  // namespace

ASYNC_TEST(SemF2, cancelling_the_task_throws_out_of_get_and_unwinds_the_fiber) {
    Lines lines;
    auto inner = [&] {
        const Note note{lines, "inner"};
        sleep(1h).get();
        lines.push_back("not here");
    };
    auto body = [&] {
        const Note note{lines, "outer"};
        try {
            inner();
        } catch (const std::exception&) {
            lines.push_back("no std::exception");
        }
    };

    const auto end = co_await cancelled_after(5ms, in_fiber(body));

    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lines, Lines({"inner", "outer"}));
}

ASYNC_TEST(SemF4, each_get_of_a_cancelled_task_throws_again_and_starts_nothing) {
    Lines lines;
    auto body = [&] {
        for (int i = 0; i < 3; ++i) {
            try {
                later(lines, "not here").get();
            } catch (const Cancelled& cancelled) {
                lines.push_back(cancelled.reason());
            }
        }
        later(lines, "nor here").get();
    };
    auto handle = create_task(in_fiber(body));
    co_await sleep(1ms);
    handle.cancel("enough");
    const auto turn = this_loop().turns();

    co_await handle.join_only();

    EXPECT_TRUE(handle.cancelled());
    EXPECT_EQ(lines, Lines({"enough", "enough", "enough"}));
    EXPECT_GE(this_loop().turns() - turn, 3U);  // the later throws give up a turn each (sem:C25)
}

ASYNC_TEST(SemF4, waiting_inside_a_handler_is_allowed) {
    Lines lines;
    auto body = [&] {
        try {
            throw std::runtime_error("first");
        } catch (const std::runtime_error& error) {
            later(lines, "waited").get();
            lines.push_back(error.what());
        }
    };

    co_await in_fiber(body);

    EXPECT_EQ(lines, Lines({"waited", "first"}));
}

ASYNC_TEST(SemF4, a_result_that_came_in_spite_of_the_cancel_is_delivered) {
    Lines lines;
    auto body = [&] {
        shield(later(lines, "done")).get();
        lines.push_back("after");
        sleep(0s).get();
        lines.push_back("not here");
    };

    const auto end = co_await cancelled_after(5ms, in_fiber(body));

    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lines, Lines({"done", "after"}));
}

ASYNC_TEST(SemC27, a_wait_in_a_destructor_ends_while_cancelled_unwinds) {
    struct ClosesLater {
        ~ClosesLater() { later(lines, "closed").get(); }
        Lines& lines;
    };
    Lines lines;
    auto body = [&] {
        const ClosesLater closes{lines};
        sleep(1h).get();
    };
    const auto start = this_loop().time();

    const auto end = co_await cancelled_after(5ms, in_fiber(body));

    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lines, Lines({"closed"}));
    EXPECT_EQ(this_loop().time() - start, 15ms);
}

ASYNC_TEST(SemC27, such_a_wait_lasts_no_longer_than_the_grace) {
    struct NeverCloses {
        ~NeverCloses() {
            try {
                sleep(1h).get();
            } catch (const TimeoutError&) {
                lines.push_back("grace over");
            }
        }
        Lines& lines;
    };
    Lines lines;
    auto body = [&] {
        const NeverCloses closes{lines};
        throw std::runtime_error("body");
    };
    std::string text;
    const auto start = this_loop().time();

    try {
        co_await in_fiber(body);
    } catch (const std::runtime_error& error) {
        text = error.what();
    }

    EXPECT_EQ(text, "body");
    EXPECT_EQ(lines, Lines({"grace over"}));
    EXPECT_EQ(this_loop().time() - start, cleanup_grace());
}

ASYNC_TEST(SemC27, a_destructor_outside_unwinding_waits_by_shield) {
    struct ClosesLater {
        ~ClosesLater() { shield(later(lines, "closed")).get(); }
        Lines& lines;
    };
    Lines lines;
    auto body = [&] {
        const ClosesLater closes{lines};
        try {
            sleep(1h).get();
        } catch (const Cancelled&) {
            lines.push_back("cancelled");
        }
        // Leaves the scope cancelled, and with no exception on its way.
    };
    this_loop().set_exception_handler([](EventLoop&, const ErrorContext&) {});  // swallowed

    static_cast<void>(co_await cancelled_after(5ms, in_fiber(body)));
    this_loop().set_exception_handler(nullptr);

    EXPECT_EQ(lines, Lines({"cancelled", "closed"}));
}

ASYNC_TEST(SemC102, a_fiber_that_swallowed_its_cancel_is_logged_and_gives_its_value) {
    const Heard heard;
    auto swallows = [] {
        try {
            sleep(1h).get();
        } catch (...) {
        }
    };
    auto cleans_up = [] {
        try {
            sleep(1h).get();
        } catch (const Cancelled&) {
            throw;
        }
    };

    const auto kept_on = co_await cancelled_after(5ms, in_fiber(swallows));
    const auto gave_in = co_await cancelled_after(5ms, in_fiber(cleans_up));

    EXPECT_TRUE(kept_on.has_value());
    EXPECT_TRUE(gave_in.cancelled());
    TANDEM_CO_ASSERT_EQ(heard.records.size(), 1U);
    EXPECT_NE(heard.records[0].message.find("swallowed Cancelled"), std::string::npos);
    EXPECT_EQ(heard.records[0].severity, Severity::warning);
}

ASYNC_TEST(SemF26, a_swallowed_cancel_comes_back_at_the_next_get) {
    Lines lines;
    auto body = [&] {
        try {
            sleep(1h).get();
        } catch (...) {
            lines.push_back("swallowed");
        }
        const Note note{lines, "unwound"};
        sleep(1h).get();
    };

    const auto end = co_await cancelled_after(5ms, in_fiber(body));

    EXPECT_TRUE(end.cancelled());
    EXPECT_EQ(lines, Lines({"swallowed", "unwound"}));
}

ASYNC_TEST(SemC100, a_timeout_around_a_fiber_reaches_the_wait_inside) {
    Lines lines;
    auto body = [&] {
        const Note note{lines, "unwound"};
        sleep(1h).get();
    };
    bool timed_out = false;

    try {
        co_await timeout(20ms, in_fiber(body));
    } catch (const TimeoutError&) {
        timed_out = true;
    }

    EXPECT_TRUE(timed_out);
    EXPECT_EQ(lines, Lines({"unwound"}));
}

// Of a run with six waits, on fibers one inside the other, each in turn is the one that is cancelled.
ASYNC_TEST(SemFt3, cancelled_at_any_of_its_waits_every_stack_unwinds) {
    for (int at = 0; at < 6; ++at) {
        Lines lines;
        auto inner = [&] {
            const Note note{lines, "i"};
            for (int i = 0; i < 2; ++i) sleep(10ms).get();
        };
        auto middle = [&] {
            const Note note{lines, "m"};
            sleep(10ms).get();
            in_fiber(inner).get();
            sleep(10ms).get();
        };
        auto outer = [&] {
            const Note note{lines, "o"};
            sleep(10ms).get();
            in_fiber(middle).get();
            sleep(10ms).get();
        };

        const auto end = co_await cancelled_after(10ms * at + 5ms, in_fiber(outer));

        EXPECT_TRUE(end.cancelled()) << "at wait " << at;
        std::string order;
        for (const auto& line : lines) order += line;
        const std::vector<std::string> expected = {"o", "mo", "imo", "imo", "imo", "imo"};
        EXPECT_EQ(order, expected[static_cast<std::size_t>(at)]) << "at wait " << at;
    }
}

TEST(SemL23, closing_a_loop_unwinds_its_fibers) {
    Lines lines;
    {
        EventLoop loop;
        loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});  // still pending
        auto body = [&] {
            const Note note{lines, "unwound"};
            sleep(1h).get();
        };
        static_cast<void>(loop.create_task(in_fiber(body)));
        loop.poll_once();
        loop.poll_once();
    }
    EXPECT_EQ(lines, Lines({"unwound"}));
}
