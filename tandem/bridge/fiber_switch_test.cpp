// What goes with a fiber's stack from switch to switch, and what keeps the stacks apart.
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <cerrno>
#include <cfenv>
#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

struct Numbered {
    int number;
};

int caught_number() {
    try {
        std::rethrow_exception(std::current_exception());
    } catch (const Numbered& error) {
        return error.number;
    }
}

// Throws inside of handlers, three deep, and waits in each.
void nested(int base, std::vector<std::string>& trouble) {
    const auto check = [&](int expected) {
        sleep(1ms).get();
        if (caught_number() != expected) trouble.push_back("handler " + std::to_string(expected));
        if (std::uncaught_exceptions() != 0) trouble.push_back("uncaught in " + std::to_string(expected));
    };
    try {
        throw Numbered{base};
    } catch (const Numbered& first) {
        check(base);
        try {
            throw Numbered{base + 1};
        } catch (...) {
            check(base + 1);
            try {
                sleep(1ms).get();
                throw;
            } catch (const Numbered& again) {
                if (again.number != base + 1) trouble.push_back("rethrown");
                try {
                    throw Numbered{base + 2};
                } catch (...) {
                    check(base + 2);
                }
                check(base + 1);
            }
        }
        check(base);
        if (first.number != base) trouble.push_back("first");
    }
    sleep(1ms).get();
    if (std::current_exception()) trouble.push_back("something is left");
}

struct WaitsInDestructor {
    ~WaitsInDestructor() {
        uncaught.push_back(std::uncaught_exceptions());
        sleep(2ms).get();
        uncaught.push_back(std::uncaught_exceptions());
    }
    std::vector<int>& uncaught;
};

[[gnu::noinline]] int deep(int levels) {
    volatile char room[512];
    room[0] = static_cast<char>(levels);
    const int below = levels > 0 ? deep(levels - 1) : 0;
    return below + (room[0] == static_cast<char>(levels) ? 1 : 0);
}

}  // namespace

ASYNC_TEST(SemF11, handlers_of_interleaved_fibers_keep_their_exceptions) {
    std::vector<std::string> trouble;
    auto first = [&] { nested(10, trouble); };
    auto second = [&] { nested(20, trouble); };
    auto outside = [&]() -> Task<void> {
        for (int i = 0; i < 20; ++i) {
            co_await sleep(500us);
            if (std::current_exception() || std::uncaught_exceptions() != 0) trouble.push_back("outside");
        }
    };

    co_await gather(in_fiber(first), in_fiber(second), outside());

    EXPECT_EQ(trouble, std::vector<std::string>());
}

ASYNC_TEST(SemF11, uncaught_exceptions_are_counted_for_each_fiber) {
    std::vector<int> unwinding;
    std::vector<int> quiet;
    auto throws = [&] {
        try {
            const WaitsInDestructor waits{unwinding};
            throw Numbered{1};
        } catch (const Numbered&) {
            unwinding.push_back(std::uncaught_exceptions());
        }
    };
    auto looks = [&] {
        for (int i = 0; i < 3; ++i) {
            sleep(1ms).get();
            quiet.push_back(std::uncaught_exceptions());
        }
    };

    co_await gather(in_fiber(throws), in_fiber(looks));

    EXPECT_EQ(unwinding, std::vector<int>({1, 1, 0}));
    EXPECT_EQ(quiet, std::vector<int>({0, 0, 0}));
}

ASYNC_TEST(SemF12, each_fiber_has_its_rounding_mode_and_its_errno) {
    std::vector<std::string> trouble;
    auto body = [&](int mode, int error) {
        std::fesetround(mode);
        errno = error;
        for (int i = 0; i < 5; ++i) {
            sleep(1ms).get();
            if (std::fegetround() != mode) trouble.push_back("rounding");
            if (errno != error) trouble.push_back("errno");
        }
    };
    errno = 0;

    co_await gather(in_fiber(body, FE_UPWARD, EBADF), in_fiber(body, FE_DOWNWARD, EIO));

    EXPECT_EQ(trouble, std::vector<std::string>());
    EXPECT_EQ(std::fegetround(), FE_TONEAREST);
    EXPECT_NE(errno, EBADF);
    EXPECT_NE(errno, EIO);
}

ASYNC_TEST(SemF14, a_hundred_thousand_switches_leave_every_local_as_it_was) {
    constexpr int fibers = 100;
    constexpr int rounds = 500;
    int wrong = 0;
    auto body = [&](int number) {
        std::string mine = "fiber " + std::to_string(number);
        double sum = number;
        for (int i = 0; i < rounds; ++i) {
            sleep(0s).get();
            sum += 0.5;
        }
        if (mine != "fiber " + std::to_string(number) || sum != number + 0.5 * rounds) ++wrong;
    };
    std::vector<Task<void>> all;
    for (int number = 0; number < fibers; ++number) all.push_back(in_fiber(body, number));

    co_await gather(std::move(all));

    EXPECT_EQ(wrong, 0);
}

ASYNC_TEST(SemF13, the_stack_is_as_large_as_was_asked_for) {
    const int small = co_await in_fiber(deep, 60);  // 40 KiB and more
    const int large = co_await in_fiber(FiberOptions{.stack = 4 << 20}, deep, 4000);
    bool refused = false;

    try {
        co_await in_fiber(FiberOptions{.stack = 9 << 20}, deep, 1);
    } catch (const std::invalid_argument& error) {
        refused = std::string(error.what()).find("to_thread") != std::string::npos;
    }

    EXPECT_EQ(small, 61);
    EXPECT_EQ(large, 4001);
    EXPECT_TRUE(refused);
}

TEST(SemF15, a_fiber_goes_on_in_the_thread_that_drives_its_loop_next) {
    EventLoop loop;
    std::vector<std::thread::id> threads;
    std::vector<CallerKind> kinds;
    auto look = [&] {
        threads.push_back(std::this_thread::get_id());
        kinds.push_back(caller_kind());
    };
    auto body = [&] {
        look();
        try {
            throw Numbered{7};
        } catch (...) {
            sleep(20ms).get();
            EXPECT_EQ(caught_number(), 7);
        }
        look();
        return 5;
    };

    std::thread([&] {
        auto handle = loop.create_task(in_fiber(body));
        loop.run_until_complete([]() -> Task<void> { co_await sleep(1ms); }());
    }).join();
    loop.run_until_complete([]() -> Task<void> { co_await sleep(30ms); }());

    ASSERT_EQ(threads.size(), 2U);
    EXPECT_NE(threads[0], threads[1]);
    EXPECT_EQ(threads[1], std::this_thread::get_id());
    EXPECT_EQ(kinds, std::vector<CallerKind>({CallerKind::fiber, CallerKind::fiber}));
}

ASYNC_TEST(SemF3, fibers_and_coroutines_alternate_a_thousand_deep) {
    struct Ladder {
        static Task<int> coroutine(int levels) {
            co_await sleep(0s);
            if (levels == 0) co_return 0;
            const int below = co_await in_fiber(FiberOptions{.stack = 64 * 1024}, fiber, levels);
            co_return below + 1;
        }
        static int fiber(int levels) {
            char here = 0;
            const char* const before = &here;
            const int below = coroutine(levels - 1).get();
            return before == &here ? below : -1000000;
        }
    };

    const int levels = co_await Ladder::coroutine(1000);

    EXPECT_EQ(levels, 1000);
}
