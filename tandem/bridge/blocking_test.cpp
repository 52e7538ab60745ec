#include <tandem/bridge/blocking.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/forked_internal.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/interrupt_scope.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using Log = std::vector<std::string>;

struct Connection {
    std::string name;
    Log* log;

    Task<std::string> ask(std::string question) {
        co_await sleep(1ms);
        co_return name + ": " + question + "?";
    }
    Task<void> close() {
        co_await sleep(1ms);
        log->push_back("close " + name);
    }
};

Task<Connection> open(std::string name, Log& log) {
    co_await sleep(1ms);
    log.push_back("open " + name);
    co_return Connection{name, &log};
}

AsyncGenerator<int> transaction(Log& log) {
    log.push_back("begin");
    co_yield 7;
    co_await sleep(1ms);
    log.push_back("commit");
}

struct Session {
    Log* log;
    Task<std::string> enter() {
        log->push_back("enter");
        co_return "session";
    }
    Task<void> exit() {
        log->push_back("exit");
        co_return;
    }
};

}  // namespace

TEST(SemB66, opened_by_the_constructor_and_closed_by_the_destructor_in_reverse_order) {
    Log log;
    {
        auto one = blocking(open("one", log));
        auto two = blocking(open("two", log));
        log.push_back(one->ask("who").get());
        log.push_back((*two).ask("why").get());
    }
    EXPECT_EQ(log, (Log{"open one", "open two", "one: who?", "two: why?", "close two", "close one"}));
}

TEST(SemB66, on_a_loops_own_thread_the_constructor_throws_and_the_destructor_drops_it) {
    Log log;
    auto made_outside = std::make_unique<BlockingResource<OpenedByTask<Connection>>>(
        SourceLocation::current(), open("outside", log));
    const auto body = [&]() -> Task<bool> {
        bool refused = false;
        try {
            auto here = blocking(open("here", log));
        } catch (const WouldDeadlock&) {
            refused = true;
        }
        made_outside.reset();
        co_return refused;
    };
    EXPECT_TRUE(run(body()));
    EXPECT_EQ(log, Log{"open outside"});
}

TEST(SemB66, a_failure_to_open_is_thrown_and_one_to_close_is_told_or_thrown_by_close) {
    struct Stuck {
        Task<void> close() {
            co_await sleep(1ms);
            throw std::runtime_error("stuck");
        }
    };
    const auto fails = []() -> Task<Stuck> {
        co_await sleep(1ms);
        throw std::domain_error("no such host");
    };
    EXPECT_THROW(blocking(fails()), std::domain_error);
    const auto opens = []() -> Task<Stuck> { co_return Stuck(); };
    auto closed_by_hand = blocking(opens());
    EXPECT_THROW(closed_by_hand.close(), std::runtime_error);

    std::vector<std::string> told;
    const auto listen = [&]() -> Task<void> {
        this_loop().set_exception_handler([&](EventLoop&, const ErrorContext& context) {
            told.push_back(context.message + ": " + describe(context.exception));
        });
        co_return;
    };
    listen().get();
    {
        auto closed_by_its_end = blocking(opens());
    }
    const auto unlisten = []() -> Task<void> {
        this_loop().set_exception_handler(nullptr);
        co_return;
    };
    unlisten().get();
    EXPECT_EQ(told,
              Log{"a cleanup failed that plain code had left to a destructor: std::runtime_error: stuck"});
}

TEST(RB16, scopes_nest_and_are_left_on_return_on_an_exception_and_on_interrupted) {
    Log log;
    const auto nested = [&](bool fails) {
        auto session = blocking(Session{&log});
        auto changes = blocking(transaction(log));
        log.push_back(*session + " " + std::to_string(*changes));
        if (fails) throw std::domain_error("failed");
    };
    nested(false);
    EXPECT_EQ(log, (Log{"enter", "begin", "session 7", "commit", "exit"}));
    log.clear();
    EXPECT_THROW(nested(true), std::domain_error);
    EXPECT_EQ(log, (Log{"enter", "begin", "session 7", "commit", "exit"}));

    if (!threads_in_children) GTEST_SKIP() << "no threads in children here";
    const auto interrupted = in_child([&] {
        log.clear();
        const InterruptScope ctrl_c;
        try {
            auto session = blocking(Session{&log});
            auto changes = blocking(transaction(log));
            std::raise(SIGINT);
            []() -> Task<void> { co_await sleep(1h); }().get();
        } catch (const Interrupted&) {
            log.push_back("interrupted");
        }
        for (const auto& line : log) std::fprintf(stderr, "%s ", line.c_str());
    });
    EXPECT_EQ(interrupted.errors, "enter begin commit exit interrupted ");
}
