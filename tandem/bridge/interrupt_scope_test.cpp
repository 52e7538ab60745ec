#include <tandem/bridge/interrupt_scope.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/blocking.hpp>
#include <tandem/bridge/forked_internal.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/std_future.hpp>
#include <tandem/bridge/sync_iter.hpp>
#include <tandem/task/shield.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <malloc.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <future>
#include <string>
#include <thread>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<void> say(const char* what, Duration after = {}) {
    co_await sleep(after);
    std::fputs(what, stderr);
}

std::atomic<bool> at_rest = false;  // in a child: what is to be interrupted has begun

Task<void> rest(Duration time) {
    at_rest = true;
    co_await sleep(time);
}

Task<int> says_bye(Duration cleanup = 20ms) {
    co_await with_finally(rest(1h), say("bye ", cleanup));
    co_return 1;
}

AsyncGenerator<int> numbers_that_say_bye() {
    const auto body = []() -> AsyncGenerator<int> {
        for (int i = 0;; ++i) {
            co_yield i;
            at_rest = i == 1;
            co_await sleep(i == 1 ? Duration(1h) : Duration(0));
        }
    };
    return with_finally(body(), say("bye "));
}

/// The main thread waits for something.
bool main_sleeps() {
    std::ifstream stat("/proc/self/stat");
    std::string text;
    std::getline(stat, text);
    const auto name_ends = text.rfind(')');
    return name_ends != text.npos && text.compare(name_ends, 3, ") S") == 0;
}

/// Sends itself SIGINT after so many milliseconds, from another thread. They are counted from when the work
/// rests and the main thread waits for it, however long that takes on a busy machine.
void interrupt_after(std::initializer_list<int> when) {
    std::thread([times = std::vector<int>(when)] {
        for (int tries = 0; tries < 5'000 && !(at_rest && main_sleeps()); ++tries)
            std::this_thread::sleep_for(1ms);
        int now = 0;
        for (const int time : times) {
            std::this_thread::sleep_for(std::chrono::milliseconds(time - now));
            now = time;
            ::kill(::getpid(), SIGINT);
        }
    }).detach();
}

template <class F>
void report(F fn) {
    try {
        fn();
        std::fputs("value", stderr);
    } catch (const Interrupted&) {
        std::fputs("interrupted", stderr);
    } catch (const TaskCancelled&) {
        std::fputs("cancelled", stderr);
    }
}

#define NEEDS_THREADS_IN_CHILDREN() \
    if (!threads_in_children && threads_now() > 1) GTEST_SKIP() << "no threads in children here"

}  // namespace

TEST(SemB63, without_a_scope_a_blocking_get_leaves_sigint_alone) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        interrupt_after({30});
        report([] { says_bye().get(); });
    });
    EXPECT_EQ(end.status, -SIGINT);
    EXPECT_EQ(end.errors, "");
}

TEST(SemB63, the_first_ctrl_c_cancels_the_work_and_waits_for_its_cleanup) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        const InterruptScope ctrl_c;
        interrupt_after({30});
        report([] { says_bye().get(); });
    });
    EXPECT_EQ(end.status, 0);
    EXPECT_EQ(end.errors, "bye interrupted");
}

TEST(RB12, bye_of_the_task_comes_before_interrupted_and_a_second_ctrl_c_abandons_the_wait) {
    NEEDS_THREADS_IN_CHILDREN();
    EXPECT_EQ(in_child([] {
                  const InterruptScope ctrl_c;
                  interrupt_after({20});
                  report([] { says_bye().get(); });
              }).errors,
              "bye interrupted");
    const auto twice = in_child([] {
        ::setenv("TANDEM_EXIT_GRACE", "0", 1);
        const InterruptScope ctrl_c;
        interrupt_after({20, 60});
        const auto start = std::chrono::steady_clock::now();
        report([] { says_bye(1h).get(); });
        if (std::chrono::steady_clock::now() - start > 1s) std::fputs(", late", stderr);
    });
    EXPECT_EQ(twice.errors.substr(0, 11), "interrupted");
    EXPECT_EQ(twice.errors.find("late"), std::string::npos);
    EXPECT_EQ(twice.status, 0);
}

TEST(SemB63, after_the_second_the_work_goes_on_being_cancelled) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        auto work = says_bye(150ms).start();
        {
            const InterruptScope ctrl_c;
            interrupt_after({20, 60});
            report([&] { work.get(); });
        }
        std::fputs(work.done() ? " early, " : ", ", stderr);
        report([&] { work.get(); });
    });
    EXPECT_EQ(end.errors, "interrupted, bye cancelled");
}

TEST(SemB63, the_owner_of_an_idle_loop_that_drives_it_while_it_waits_is_interrupted_as_well) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto ends = [](std::initializer_list<int> when, auto wait) {
        const auto end = in_child([when, wait] {
            EventLoop loop;
            loop.set_exception_handler([](EventLoop&, const ErrorContext&) {});
            loop.poll_once();
            {
                const InterruptScope ctrl_c;
                interrupt_after(when);
                report([&] { wait(loop); });
            }
            std::fputs(" closes ", stderr);
            loop.close();
        });
        EXPECT_EQ(end.status, 0);
        return end.errors;
    };
    const auto bye = [](EventLoop&) { says_bye().get(); };
    EXPECT_EQ(ends({30}, bye), "bye interrupted closes ");
    EXPECT_EQ(ends({30}, [](EventLoop&) { says_bye().get(1h); }), "bye interrupted closes ");
    EXPECT_EQ(ends({30},
                   [](EventLoop& loop) {
                       loop.expect_drive();
                       says_bye().start(on(loop)).get();
                   }),
              "bye interrupted closes ");
    // The second does not wait for the cleanup, which goes on when the loop is driven again.
    EXPECT_EQ(ends({30, 60}, [](EventLoop&) { says_bye(300ms).get(); }), "interrupted closes bye ");
    EXPECT_EQ(ends({30}, [](EventLoop&) { rest(1h).get(); }), "interrupted closes ");
}

TEST(SemB63, ctrl_c_ends_a_wait_for_a_std_future) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        std::promise<int> never;
        auto future = never.get_future();
        const InterruptScope ctrl_c;
        at_rest = true;  // nobody works for it
        interrupt_after({30});
        report([&] { tandem::get(future); });
    });
    EXPECT_EQ(end.errors, "interrupted");
    EXPECT_EQ(end.status, 0);
}

TEST(SemB63, a_wait_that_is_begun_again_and_again_keeps_no_memory_of_the_others) {
    auto pending = rest(1h).start();
    const InterruptScope scope;
    const auto wait_often = [&pending] {
        for (int i = 0; i < 1000; ++i) EXPECT_FALSE(pending.wait(10us));
    };
    wait_often();
    const auto before = ::mallinfo2().uordblks;  // 0 where a sanitizer has the heap
    wait_often();
    EXPECT_LT(::mallinfo2().uordblks, before + 10'000);
    pending.cancel_and_wait();
}

TEST(SemB63, one_between_two_waits_is_thrown_by_the_next_and_the_disposition_comes_back) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        {
            const InterruptScope ctrl_c;
            std::raise(SIGINT);
            if (!ctrl_c.interrupted()) std::fputs("not seen ", stderr);
            report([] { rest(1h).get(); });
            if (ctrl_c.interrupted()) std::fputs("still there ", stderr);
            std::fputs(" ", stderr);
            report([] { say("").get(); });
        }
        struct sigaction now{};
        ::sigaction(SIGINT, nullptr, &now);
        if (now.sa_handler != SIG_DFL) std::fputs("kept", stderr);
    });
    EXPECT_EQ(end.errors, "interrupted value");
}

TEST(SemB63, the_third_that_nobody_takes_ends_the_process) {
    const auto end = in_child([] {
        const InterruptScope ctrl_c;
        for (int i = 0; i < 3; ++i) std::raise(SIGINT);
        std::fputs("alive", stderr);
    });
    EXPECT_EQ(end.status, -SIGINT);
    EXPECT_EQ(end.errors, "");
}

TEST(SemB63, it_is_refused_elsewhere_than_in_the_main_thread_twice_and_over_a_handler) {
    std::thread([] { EXPECT_THROW(InterruptScope(), InvalidStateError); }).join();
    {
        const InterruptScope ctrl_c;
        EXPECT_THROW(InterruptScope(), InvalidStateError);
    }
    std::signal(SIGINT, SIG_IGN);
    EXPECT_THROW(InterruptScope(), InvalidStateError);
    std::signal(SIGINT, SIG_DFL);
}

TEST(SemBt10, ctrl_c_ends_each_blocking_form_after_the_cleanup) {
    NEEDS_THREADS_IN_CHILDREN();
    const std::function<void()> forms[] = {
        [] { says_bye().get(1h); },
        [] { says_bye().start().get(); },
        [] { says_bye().start().get(1h); },
        [] { says_bye().start().wait(); },
        [] { run(says_bye()); },
        [] {
            for ([[maybe_unused]] const int number : sync_iter(numbers_that_say_bye())) {
            }
        },
        [] {
            const auto opens = []() -> AsyncGenerator<int> {
                const int said = co_await says_bye();
                co_yield int(said);
            };
            const auto opened = blocking(opens());
        },
    };
    for (std::size_t i = 0; i < std::size(forms); ++i) {
        const auto end = in_child([&] {
            const InterruptScope ctrl_c;
            interrupt_after({40});
            report(forms[i]);
        });
        EXPECT_EQ(end.errors, "bye interrupted") << i;
        EXPECT_EQ(end.status, 0) << i;
    }
}

TEST(SemBt10, the_second_in_the_middle_of_an_async_generator_leaves_it_to_its_loop) {
    NEEDS_THREADS_IN_CHILDREN();
    const auto end = in_child([] {
        const auto stubborn = []() -> AsyncGenerator<int> {
            co_yield 1;
            co_await shield(rest(100ms));
            co_await sleep(1h);
        };
        {
            const InterruptScope ctrl_c;
            interrupt_after({20, 40});
            report([&] {
                for ([[maybe_unused]] const int number : sync_iter(with_finally(stubborn(), say(" bye")))) {
                }
            });
        }
        std::this_thread::sleep_for(300ms);
    });
    EXPECT_EQ(end.errors, "interrupted bye");
    EXPECT_EQ(end.status, 0);
}

TEST(SemB62, the_second_ctrl_c_opens_shields_and_ends_graces) {
    const auto runs = [](Task<int> (*main)()) {
        const auto end = in_child([main] {
            interrupt_after({30, 100});
            report([main] { run(main()); });
        });
        EXPECT_LT(end.seconds, 2);
        return end.errors;
    };
    EXPECT_EQ(runs([]() -> Task<int> { return shield(says_bye()); }), "interrupted");
    EXPECT_EQ(runs([]() -> Task<int> { return says_bye(1h); }), "interrupted");
    // Cleanups that begin only then are not shielded any more, and no frame is left.
    EXPECT_EQ(runs([]() -> Task<int> {
                  struct Seen {
                      ~Seen() { std::fputs("frame gone ", stderr); }
                  };
                  const auto inner = []() -> Task<int> {
                      const Seen seen;
                      co_await shield(rest(1h));
                      co_return 1;
                  };
                  return with_finally(inner(), say("bye ", 1h));
              }),
              "frame gone interrupted");
    // Also those of the other tasks, which are cancelled when the main one has ended.
    EXPECT_EQ(runs([]() -> Task<int> {
                  create_task(shield(says_bye(1h)));
                  co_await rest(1h);
                  co_return 1;
              }),
              "interrupted");
}
