// A loop whose tasks can never go on by themselves says so (sem:B36).
#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/sync/event.hpp>
#include <tandem/sync/mutex.hpp>
#include <tandem/sync/universal_queue.hpp>
#include <tandem/task/completion.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/timeout.hpp>

#include <gtest/gtest.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<void> wait_for(Event& event) { co_await event.wait(); }

/// What the handler of a loop is told while `wake` is about to end the wait after 120 ms, with a suspicion
/// of 40.
std::vector<std::string> told(Task<void> (*body)(Event&),
                              const std::function<void(EventLoop&, Event&)>& prepare = {},
                              Quiescence policy = Quiescence::report) {
    Event event;
    EventLoop loop;
    loop.set_quiescence(policy, 40ms);
    std::vector<std::string> reports;
    loop.set_quiescence_handler([&](EventLoop& which, const std::string& report) {
        EXPECT_EQ(&which, &loop);
        reports.push_back(report);
    });
    if (prepare) prepare(loop, event);
    std::thread other([&] {
        std::this_thread::sleep_for(120ms);
        loop.call_soon_threadsafe([&] { event.set(); });
    });
    loop.run_until_complete(body(event));
    other.join();
    return reports;
}

bool holds(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST(SemB36, a_loop_that_only_a_thread_could_wake_reports_it_once_with_its_tasks) {
    const auto reports = told(wait_for);
    ASSERT_EQ(reports.size(), 1U);
    for (const char* part : {"1 task", "no operation", "no timer", "no outside waker", "waiting for event",
                             "quiescence_test.cpp"})
        EXPECT_TRUE(holds(reports[0], part)) << part << " is not in: " << reports[0];
}

TEST(CreepD4, a_loop_that_can_never_move_again_says_so_with_its_tree_and_what_to_do) {
    const auto reports = told([](Event& event) -> Task<void> {
        Mutex mutex;
        const auto hold = [](Mutex& m, Event& e) -> Task<void> {
            auto guard = co_await m.lock();
            co_await e.wait();
        };
        auto holder = create_task(hold(mutex, event));
        co_await sleep(0s);
        {
            auto guard = co_await mutex.lock();
        }
        co_await holder;
    });
    ASSERT_EQ(reports.size(), 1U);
    for (const char* part : {"can never move again", "2 task", "held by task", "complete what they wait for"})
        EXPECT_TRUE(holds(reports[0], part)) << part << " is not in: " << reports[0];
}

TEST(CreepD4, a_lone_timer_and_outside_wakers_are_none) {
    using Prepare = std::function<void(EventLoop&, Event&)>;
    EXPECT_TRUE(told([](Event& event) -> Task<void> { co_await timeout(10h, event.wait()); }).empty());
    EXPECT_TRUE(told([](Event& event) -> Task<void> { co_await event.wait(); },
                     Prepare([](EventLoop& loop, Event&) { static_cast<void>(loop.call_later(10h, [] {})); }))
                    .empty());
}

TEST(SemB36, what_may_still_be_woken_from_outside_is_not_reported) {
    using Prepare = std::function<void(EventLoop&, Event&)>;
    const auto no_report_with = [](const char* what, const Prepare& prepare) {
        EXPECT_TRUE(told(wait_for, prepare).empty()) << what;
    };
    std::optional<Waker> waker;
    no_report_with("a waker", [&](EventLoop& loop, Event&) { waker.emplace(loop.make_waker([] {})); });
    std::optional<KeepAlive> kept;
    no_report_with("keep_alive()", [&](EventLoop& loop, Event&) { kept.emplace(loop.keep_alive()); });
    no_report_with("a signal handler",
                   [](EventLoop& loop, Event&) { loop.add_signal_handler(SIGUSR2, [] {}); });
    const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    no_report_with("a watched descriptor",
                   [descriptor](EventLoop& loop, Event&) { loop.add_reader(descriptor, [] {}); });
    ::close(descriptor);
}

TEST(SemB36, a_task_that_waits_for_something_outside_is_an_outside_waker) {
    const auto with = [](const char* what, Task<void> (*body)(Event&)) {
        EXPECT_TRUE(told(body).empty()) << what;
    };
    with("a Completion", [](Event& event) -> Task<void> {
        const auto waits = []() -> Task<void> {
            auto both = make_completion<int>();
            std::thread([complete = std::move(both.second)]() mutable {
                std::this_thread::sleep_for(150ms);
                complete(1);
            }).detach();
            co_await both.first;
        };
        auto other = create_task(waits());
        co_await event.wait();
        co_await other;
    });
    with("a thread job", [](Event& event) -> Task<void> {
        const auto waits = []() -> Task<void> {
            const auto rest = [] { std::this_thread::sleep_for(150ms); };
            co_await to_thread(rest);
        };
        auto other = create_task(waits());
        co_await event.wait();
        co_await other;
    });
    with("a Pending", [](Event& event) -> Task<void> {
        const auto rest = []() -> Task<void> { co_await sleep(150ms); };
        auto other = rest().start();
        const auto waits = [](Pending<void>& pending) -> Task<void> { co_await pending; };
        auto waiter = create_task(waits(other));
        co_await event.wait();
        co_await waiter;
    });
    with("a queue of everybody's", [](Event& event) -> Task<void> {
        UniversalQueue<int> queue;
        const auto waits = [](UniversalQueue<int>& from) -> Task<void> { co_await from.get(); };
        auto other = create_task(waits(queue));
        co_await event.wait();
        queue.put_nowait(1);
        co_await other;
    });
}

TEST(SemB36, under_a_clock_that_jumps_the_run_ends_with_would_deadlock) {
    VirtualTime time;
    Event event;
    EventLoop loop(EventLoopOptions{.time = &time});
    EXPECT_EQ(loop.quiescence(), Quiescence::raise);
    loop.set_quiescence(Quiescence::raise, 20ms);
    std::string text;
    try {
        loop.run_until_complete(wait_for(event));
    } catch (const WouldDeadlock& error) {
        text = error.what();
    }
    EXPECT_TRUE(holds(text, "can never move again")) << text;
    loop.call_soon([&event] { event.set(); });
    loop.run_until_complete([]() -> Task<void> { co_await sleep(1h); }());
}

TEST(SemB36, in_the_simulation_too) {
    Event event;
    EventLoop loop(EventLoopOptions{.backend = BackendChoice::sim});
    EXPECT_EQ(loop.quiescence(), Quiescence::raise);
    loop.set_quiescence(Quiescence::raise, 20ms);
    EXPECT_THROW(loop.run_until_complete(wait_for(event)), WouldDeadlock);
}

TEST(SemB36, ignore_says_nothing_and_raise_ends_a_run_on_a_real_clock) {
    EXPECT_TRUE(told(wait_for, {}, Quiescence::ignore).empty());
    Event event;
    EventLoop loop(EventLoopOptions{.quiescence = Quiescence::raise});
    loop.set_quiescence(Quiescence::raise, 20ms);
    EXPECT_THROW(loop.run_until_complete(wait_for(event)), WouldDeadlock);
}

TEST(SemB36, an_idle_loop_without_tasks_and_one_that_is_posted_to_in_time_say_nothing) {
    Event event;
    EventLoop loop;
    loop.set_quiescence(Quiescence::report, 60ms);
    int reports = 0;
    loop.set_quiescence_handler([&](EventLoop&, const std::string&) { ++reports; });
    std::thread other([&] {
        std::this_thread::sleep_for(100ms);  // nobody lives yet
        loop.call_soon_threadsafe([&] { static_cast<void>(loop.create_task(wait_for(event))); });
        for (int i = 0; i < 20; ++i) {
            std::this_thread::sleep_for(5ms);
            loop.call_soon_threadsafe([] {});
        }
        loop.call_soon_threadsafe([&] { event.set(); });
        loop.stop_threadsafe();
    });
    loop.run_forever();
    other.join();
    EXPECT_EQ(reports, 0);
}
