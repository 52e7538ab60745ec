// What every backend must do about time, wake-ups, foreign loops and the thread that drives it.
#include "backend_contract.hpp"

#include <tandem/testing/processor_time.hpp>

#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/syscall.h>
#include <sys/time.h>

namespace tandem {
namespace {

using namespace contracts;

TANDEM_REAL_BACKEND_SUITE(BackendWait);
TANDEM_REAL_BACKEND_SUITE(BackendWake);
TANDEM_REAL_BACKEND_SUITE(BackendThreads);
TANDEM_REAL_BACKEND_SUITE(SemL46);

/// As long as it lives an operation is in flight that does not end: a backend may sleep in another manner
/// where none is.
class OperationInFlight {
public:
    explicit OperationInFlight(Backend& backend) : backend_(backend) { start(backend, receive_); }
    ~OperationInFlight() {
        backend_.cancel(receive_);
        EXPECT_TRUE(drive(backend_, [&] { return receive_.done(); }));
    }
    OperationInFlight(const OperationInFlight&) = delete;
    OperationInFlight& operator=(const OperationInFlight&) = delete;

private:
    Backend& backend_;
    Pair pair_ = socket_pair();
    char byte_ = 0;
    TestOperation receive_{OpCode::receive, pair_.one.get(), &byte_, 1};
};

/// `check()` with nothing in flight, with something, and with nothing once more.
template <class Check>
void whatever_is_in_flight(Backend& backend, Check check) {
    check();
    {
        const OperationInFlight one(backend);
        check();
    }
    check();
}

TEST_P(BackendWait, a_deadline_is_never_early_and_hardly_late) {
    Duration best_lateness = 1h;
    for (const auto delay : {Duration(0), Duration(100us), Duration(1400us), Duration(3ms), Duration(20ms)}) {
        for (int i = 0; i < 5; ++i) {
            whatever_is_in_flight(backend(), [&] {
                const auto deadline = now() + delay;
                backend().wait(deadline);
                const auto lateness = now() - deadline;
                EXPECT_GE(lateness, Duration::zero()) << delay.count();
                best_lateness = std::min(best_lateness, lateness);
            });
        }
        // The best of fifteen: the machine is shared, the rounding is not.
        EXPECT_LT(best_lateness, 5ms) << delay.count();
    }
}

TEST_P(BackendWait, once_the_kernel_serves_it_no_more_everything_ends_with_that_error_and_nothing_hangs) {
    auto pair = socket_pair();
    char byte = 0;
    TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
    TestOperation poll(OpCode::poll_readable, pair.one.get());
    start(backend(), receive);
    start(backend(), poll);
    backend().wait(now() + 1ms);
    EXPECT_EQ(backend().failure(), 0);
    ::close(backend().pollable_fd());
    EXPECT_TRUE(drive(backend(), [&] { return receive.done() && poll.done(); }));
    EXPECT_EQ(receive.result, -EBADF);
    EXPECT_EQ(poll.result, -EBADF);
    EXPECT_EQ(backend().failure(), EBADF);
    TestOperation late(OpCode::receive, pair.one.get(), &byte, 1);
    const auto submitted = backend().submit(late);
    EXPECT_TRUE(submitted.done);
    EXPECT_EQ(submitted.result, -EBADF);
    const auto used = testing::processor_time();
    settle(backend(), 50ms);
    EXPECT_LT(testing::processor_time() - used, 10ms);
    std::thread waker([&] { backend().wake(); });
    backend().wait(TimePoint::max());
    waker.join();
}

TEST_P(BackendWait, a_look_returns_at_once) {
    auto pair = socket_pair();
    char byte = 0;
    TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
    start(backend(), receive);
    const auto before = now();
    for (int i = 0; i < 1000; ++i) backend().wait(TimePoint::min());
    EXPECT_LT(now() - before, 500ms);
    EXPECT_FALSE(receive.done());
    backend().cancel(receive);
    EXPECT_TRUE(drive(backend(), [&] { return receive.done(); }));
}

TEST_P(BackendWait, a_look_without_anything_in_flight_is_no_system_call) {
    backend().wait(TimePoint::min());
    timespec unused{};
    const auto before = testing::processor_time();
    for (int i = 0; i < 100'000; ++i) backend().wait(TimePoint::min());
    const auto looks = testing::processor_time() - before;
    const auto start_calls = testing::processor_time();
    for (int i = 0; i < 100'000; ++i) ::syscall(SYS_clock_getres, CLOCK_MONOTONIC, &unused);
    const auto calls = testing::processor_time() - start_calls;
#ifdef __OPTIMIZE__
    EXPECT_LT(looks, calls);
#else
    EXPECT_LT(looks, calls * 10);
#endif
}

TEST_P(BackendWait, looking_alone_is_enough_to_get_completions) {
    auto pair = socket_pair();
    char byte = 0;
    TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
    start(backend(), receive);
    for (int i = 0; i < 10; ++i) backend().wait(TimePoint::min());
    ASSERT_EQ(::send(pair.other.get(), "x", 1, 0), 1);
    const auto limit = now() + 5s;
    while (!receive.done() && now() < limit) backend().wait(TimePoint::min());
    EXPECT_EQ(receive.result, 1);
}

TEST_P(BackendWait, a_wait_sleeps_and_does_not_spin) {
    auto pair = socket_pair();
    char byte = 0;
    TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
    TestOperation poll(OpCode::poll_readable, pair.one.get());
    start(backend(), receive);
    start(backend(), poll);
    settle(backend());
    const auto before = testing::processor_time();
    backend().wait(now() + 200ms);
    EXPECT_LT(testing::processor_time() - before, 10ms);
    backend().cancel(receive);
    backend().cancel(poll);
    EXPECT_TRUE(drive(backend(), [&] { return receive.done() && poll.done(); }));
}

std::atomic<Backend*> signalled_backend = nullptr;
std::atomic<int> signals = 0;

struct Handler {
    explicit Handler(void (*function)(int)) {
        struct sigaction action{};
        action.sa_handler = function;
        ::sigaction(SIGALRM, &action, &before);
    }
    ~Handler() { ::sigaction(SIGALRM, &before, nullptr); }
    struct sigaction before{};
};

TEST_P(BackendWait, signals_do_not_end_a_wait_and_reach_no_result) {
    const Handler handler([](int) { ++signals; });
    signals = 0;
    auto pair = socket_pair();
    char byte = 0;
    TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
    start(backend(), receive);
    const itimerval often{{0, 500}, {0, 500}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    auto deadline = now() + 100ms;
    backend().wait(deadline);
    bool full_length = now() >= deadline;
    EXPECT_EQ(::send(pair.other.get(), "x", 1, 0), 1);
    drive(backend(), [&] { return receive.done(); });
    deadline = now() + 20ms;
    backend().wait(deadline);
    full_length = full_length && now() >= deadline;
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    EXPECT_TRUE(full_length);
    EXPECT_EQ(receive.result, 1);
    EXPECT_GT(signals, 10);
}

TEST_P(BackendWake, a_wake_ends_a_sleep_from_another_thread) {
    for (int i = 0; i < 20; ++i) {
        whatever_is_in_flight(backend(), [&] {
            std::thread waker([&] {
                if (i % 2 == 0) std::this_thread::sleep_for(1ms);
                backend().wake();
            });
            const auto before = now();
            backend().wait(now() + 10s);
            const auto slept = now() - before;
            waker.join();
            ASSERT_LT(slept, 5s) << "wake-up " << i;
        });
    }
}

TEST_P(BackendWake, a_wake_with_nobody_waiting_ends_the_next_wait_and_only_that) {
    whatever_is_in_flight(backend(), [&] {
        backend().wake();
        backend().wake();
        const auto before = now();
        backend().wait(now() + 10s);
        EXPECT_LT(now() - before, 5s);
        const auto deadline = now() + 30ms;
        backend().wait(deadline);
        EXPECT_GE(now(), deadline);
    });
}

TEST_P(BackendWake, a_sleeper_that_nobody_wakes_uses_no_cpu) {
    whatever_is_in_flight(backend(), [&] {
        const auto before = testing::processor_time();
        backend().wait(now() + 50ms);
        EXPECT_LT(testing::processor_time() - before, 5ms);
    });
}

TEST_P(BackendWake, a_hundred_thousand_wakes_from_four_threads_lose_none) {
    std::atomic<std::uint64_t> posted = 0;
    std::vector<std::thread> posters;
    for (int i = 0; i < 4; ++i) {
        posters.emplace_back([&] {
            for (int post = 0; post < 25'000; ++post) {
                posted.fetch_add(1, std::memory_order_release);
                backend().wake();
                if (post % 64 == 0) std::this_thread::yield();
            }
        });
    }
    std::uint64_t seen = 0;
    bool lost = false;
    const auto take_until = [&](std::uint64_t end) {
        while (seen < end && !lost) {
            const auto before = now();
            backend().wait(before + 5s);
            const auto at = posted.load(std::memory_order_acquire);
            lost = at == seen && now() - before >= 5s;
            seen = at;
        }
    };
    for (std::uint64_t end = 1'000; end <= 100'000; end += 1'000) {
        take_until(end);
        if (end == 100'000) break;
        end += 1'000;
        const OperationInFlight one(backend());
        take_until(end);
    }
    for (auto& poster : posters) poster.join();
    EXPECT_FALSE(lost);
    EXPECT_EQ(seen, 100'000);
}

TEST_P(BackendWake, a_wake_from_a_signal_handler_ends_the_sleep_and_keeps_errno) {
    signalled_backend = &backend();
    const Handler handler([](int) {
        const int interrupted = std::exchange(errno, 77);
        signalled_backend.load()->wake();
        if (std::exchange(errno, interrupted) != 77) std::abort();
    });
    whatever_is_in_flight(backend(), [&] {
        const itimerval once{{0, 0}, {0, 5000}};
        ::setitimer(ITIMER_REAL, &once, nullptr);
        const auto before = now();
        backend().wait(now() + 10s);
        EXPECT_LT(now() - before, 5s);
    });
}

TEST_P(SemL46, a_foreign_loop_that_polls_the_descriptor_sees_every_completion) {
    const int fd = backend().pollable_fd();
    ASSERT_GE(fd, 0);
    const auto readable = [fd](int milliseconds) {
        pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
        return ::poll(&one, 1, milliseconds) == 1;
    };
    const auto drain = [&] {
        for (int i = 0; i < 100 && readable(0); ++i) backend().wait(TimePoint::min());
    };
    auto pair = socket_pair();
    char byte = 0;
    for (int round = 0; round < 20; ++round) {
        TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
        start(backend(), receive);
        drain();
        ASSERT_FALSE(receive.done());
        ASSERT_EQ(::send(pair.other.get(), "x", 1, 0), 1);
        ASSERT_TRUE(readable(2000)) << "bytes, round " << round;
        drain();
        ASSERT_EQ(receive.result, 1) << "round " << round;

        TestOperation cancelled(OpCode::receive, pair.one.get(), &byte, 1);
        start(backend(), cancelled);
        drain();
        backend().cancel(cancelled);
        ASSERT_TRUE(readable(2000)) << "cancel, round " << round;
        drain();
        ASSERT_EQ(cancelled.result, -ECANCELED);

        std::thread([&] { backend().wake(); }).join();
        ASSERT_TRUE(readable(2000)) << "wake, round " << round;
        drain();

        TestOperation job;
        job.code = OpCode::job;
        job.job = [] { return 3; };
        start(backend(), job);
        while (!job.done()) {
            ASSERT_TRUE(readable(2000)) << "job, round " << round;
            backend().wait(TimePoint::min());
        }
        drain();
    }
    EXPECT_FALSE(readable(0)) << "a foreign loop would spin";
}

TEST_P(BackendThreads, it_is_made_in_one_thread_used_in_a_second_and_a_third_and_ended_in_the_first) {
    auto pair = socket_pair();
    for (int i = 0; i < 3; ++i) {
        std::thread([&] {
            char byte = 0;
            TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
            start(backend(), receive);
            settle(backend());
            ASSERT_EQ(::send(pair.other.get(), "x", 1, 0), 1);
            ASSERT_TRUE(drive(backend(), [&] { return receive.done(); }));
            EXPECT_EQ(receive.result, 1);
        }).join();
    }
}

TEST_P(BackendThreads, operations_submitted_before_the_first_wait_run_in_the_thread_that_waits) {
    auto pair = socket_pair();
    char byte = 0;
    TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
    TestOperation cancelled(OpCode::poll_readable, pair.other.get());
    start(backend(), receive);
    start(backend(), cancelled);
    backend().cancel(cancelled);
    ASSERT_EQ(::send(pair.other.get(), "x", 1, 0), 1);
    std::thread([&] {
        EXPECT_TRUE(drive(backend(), [&] { return receive.done() && cancelled.done(); }));
    }).join();
    EXPECT_EQ(receive.result, 1);
    EXPECT_EQ(cancelled.result, -ECANCELED);
}

TEST_P(BackendThreads, operations_in_flight_go_on_in_the_next_thread) {
    auto pair = socket_pair();
    auto quiet = socket_pair();
    char byte = 0;
    std::vector<TestOperation> polls(20);
    TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
    std::atomic<bool> second_done = false;
    std::atomic<bool> first_left = false;
    std::thread first([&] {
        start(backend(), receive);
        for (auto& poll : polls) {
            poll.set(OpCode::poll_readable, quiet.one.get());
            start(backend(), poll);
        }
        settle(backend());
        for (std::size_t i = 0; i < 10; ++i) backend().cancel(polls[i]);
        first_left = true;
        while (!second_done) std::this_thread::sleep_for(1ms);  // alive, as a pool's thread would be
    });
    while (!first_left) std::this_thread::sleep_for(1ms);
    settle(backend());
    EXPECT_FALSE(receive.done());
    EXPECT_EQ(::send(pair.other.get(), "x", 1, 0), 1);
    EXPECT_EQ(::send(quiet.other.get(), "x", 1, 0), 1);
    EXPECT_TRUE(drive(backend(), [&] { return backend().in_flight() == 0; }));
    second_done = true;
    first.join();
    EXPECT_EQ(receive.result, 1);
    for (std::size_t i = 0; i < polls.size(); ++i) {
        EXPECT_EQ(polls[i].completions, 1);
        EXPECT_EQ(polls[i].result, i < 10 ? -ECANCELED : 0) << i;
    }
}

TEST_P(BackendThreads, the_end_of_the_submitting_thread_cancels_nothing_that_nobody_cancelled) {
    auto pair = socket_pair();
    char byte = 0;
    TestOperation receive(OpCode::receive, pair.one.get(), &byte, 1);
    std::thread([&] {
        start(backend(), receive);
        settle(backend());
    }).join();
    settle(backend());
    EXPECT_FALSE(receive.done());
    ASSERT_EQ(::send(pair.other.get(), "x", 1, 0), 1);
    EXPECT_TRUE(drive(backend(), [&] { return receive.done(); }));
    EXPECT_EQ(receive.result, 1);
}

}  // namespace
}  // namespace tandem
