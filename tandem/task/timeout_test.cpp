#include <tandem/task/cancel_scope.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/value_after.hpp>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

using tandem::testing::value_after;

Task<int> ready(int value) { co_return value; }

/// What came of an await, in one word.
template <class T>
Task<std::string> word(Task<T> task) {
    std::string text;
    try {
        co_await std::move(task);
        text = "value";
    } catch (const TimeoutError&) {
        text = "timeout";
    } catch (const Cancelled&) {
        text = "cancelled";
    } catch (const std::exception& error) {
        text = error.what();
    }
    co_return text;
}

struct Noted {
    explicit Noted(int& l) : live(&l) { ++l; }
    Noted(const Noted& other) : live(other.live) { ++*live; }
    ~Noted() { --*live; }
    int* live;
};

}  // namespace

ASYNC_TEST(SemC41, a_timeout_throws_at_its_boundary_in_exactly_its_time) {
    const auto start = this_loop().time();
    const std::string text = co_await word(timeout(20ms, value_after(1h, 1)));

    EXPECT_EQ(text, "timeout");
    EXPECT_EQ(this_loop().time() - start, 20ms);
    EXPECT_EQ(this_loop().timers().live(), 0U);
}

ASYNC_TEST(SemC41, the_body_runs_in_the_callers_own_task) {
    const auto who = []() -> Task<std::uint64_t> {
        co_await sleep(1ms);
        co_return current_task()->id;
    };
    const auto inside = co_await timeout(1s, who());

    EXPECT_EQ(inside, current_task()->id);
}

ASYNC_TEST(SemC41, no_limit_is_a_plain_await) {
    const int value = co_await timeout(std::nullopt, value_after(48h, 3));
    const int far = co_await timeout(std::chrono::duration<double>(std::numeric_limits<double>::infinity()),
                                     value_after(48h, 4));

    EXPECT_EQ(value, 3);
    EXPECT_EQ(far, 4);
}

ASYNC_TEST(SemC42, the_bodys_own_exception_and_a_late_value_win) {
    const auto stubborn = [](bool throws) -> Task<int> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            if (throws) throw std::domain_error("own");
        }
        co_return 8;
    };
    const std::string error = co_await word(timeout(5ms, stubborn(true)));
    const int late = co_await timeout(5ms, stubborn(false));

    EXPECT_EQ(error, "own");
    EXPECT_EQ(late, 8);
    EXPECT_FALSE(is_cancelled());
}

ASYNC_TEST(SemC42, expiry_waits_for_the_bodys_cleanup) {
    const auto slow_to_end = []() -> Task<int> {
        const int value =
            co_await with_finally(value_after(1h, 1), [](int) -> Task<void> { co_await sleep(30ms); }(0));
        co_return value;
    };
    const auto start = this_loop().time();
    const std::string text = co_await word(timeout(10ms, slow_to_end()));

    EXPECT_EQ(text, "timeout");
    EXPECT_EQ(this_loop().time() - start, 40ms);
}

ASYNC_TEST(SemC43, a_limit_of_zero_or_less_does_not_start_the_work_and_frees_its_arguments) {
    int live = 0;
    bool ran = false;
    const auto body = [](Noted, bool& flag) -> Task<int> {
        flag = true;
        co_return 1;
    };
    const std::string zero = co_await word(timeout(0s, body(Noted(live), ran)));
    const int live_after_zero = live;
    const std::string negative = co_await word(timeout(-1s, body(Noted(live), ran)));

    EXPECT_EQ(zero, "timeout");
    EXPECT_EQ(negative, "timeout");
    EXPECT_FALSE(ran);
    EXPECT_EQ(live_after_zero, 0);
    EXPECT_EQ(live, 0);
}

ASYNC_TEST(SemC43, with_no_time_left_a_finished_handle_gives_its_result_and_a_running_one_times_out) {
    auto finished = create_task(ready(6));
    auto running = create_task(value_after(10ms, 7));
    co_await sleep(1ms);
    const int value = co_await timeout(0s, finished);
    const int value_of_past = co_await timeout(-1s, finished);
    const std::string text = co_await word(timeout(0s, running));
    const int later = co_await running;

    EXPECT_EQ(value, 6);
    EXPECT_EQ(value_of_past, 6);
    EXPECT_EQ(text, "timeout");
    EXPECT_EQ(later, 7);
}

ASYNC_TEST(SemC44, a_deadline_in_the_past_acts_at_the_first_checkpoint_only) {
    const auto past = this_loop().time() - 1ms;
    const int untouched = co_await timeout_at(past, ready(2));
    bool ran = false;
    const auto body = [](bool& flag) -> Task<int> {
        flag = true;
        co_await sleep(0s);
        co_return 1;
    };
    const std::string text = co_await word(timeout_at(past, body(ran)));

    EXPECT_EQ(untouched, 2);
    EXPECT_TRUE(ran);
    EXPECT_EQ(text, "timeout");
}

ASYNC_TEST(SemC45, each_boundary_converts_only_its_own_expiry) {
    std::vector<std::string> lines;
    const auto middle = [](Duration inner, std::vector<std::string>& out) -> Task<int> {
        const std::string text = co_await word(timeout(inner, value_after(1h, 1)));
        out.push_back("inner " + text);
        co_await sleep(1ms);
        co_return 5;
    };
    const int inner_first = co_await timeout(20ms, middle(10ms, lines));
    const std::string outer_first = co_await word(timeout(10ms, middle(20ms, lines)));

    EXPECT_EQ(inner_first, 5);
    EXPECT_EQ(outer_first, "timeout");
    EXPECT_EQ(lines, (std::vector<std::string>{"inner timeout", "inner cancelled"}));
}

ASYNC_TEST(SemC45, of_two_deadlines_in_the_same_turn_the_outer_boundary_throws) {
    std::vector<std::string> lines;
    const auto middle = [](TimePoint at, std::vector<std::string>& out) -> Task<int> {
        const std::string text = co_await word(timeout_at(at, value_after(1h, 1)));
        out.push_back("inner " + text);
        co_await sleep(0s);
        co_return 5;
    };
    const auto at = this_loop().time() + 10ms;
    const std::string same = co_await word(timeout_at(at, middle(at, lines)));
    // The loop is busy past both, the inner one was due first.
    const auto outer = this_loop().time() + 10ms;
    const std::string both = co_await word(timeout_at(outer, middle(outer - 1ns, lines)));

    EXPECT_EQ(same, "timeout");
    EXPECT_EQ(lines[0], "inner cancelled");
    EXPECT_EQ(lines[1], "inner timeout")
        << both;  // a nanosecond earlier is a turn of its own in virtual time
}

ASYNC_TEST(SemC46, an_outer_cancel_in_the_same_turn_as_the_expiry_stays_a_cancel) {
    // The deadline has fired and the wake-up is queued when the cancel runs, ahead of it in the same batch.
    std::string seen;
    const auto body = [](std::string& out) -> Task<int> {
        try {
            co_await timeout(10ms, value_after(1h, 1));
        } catch (const TimeoutError&) {
            out = "timeout";
            co_return 0;
        } catch (const Cancelled& cancelled) {
            out = "cancelled: " + cancelled.reason();
            throw;
        }
        co_return 1;
    };
    std::optional<TaskHandle<int>> handle;
    this_loop().call_at(this_loop().time() + 10ms, [&] { handle->cancel(); });
    handle = create_task(body(seen));
    auto end = co_await handle->join();

    EXPECT_TRUE(end.cancelled());
    EXPECT_TRUE(seen.starts_with("cancelled")) << seen;
}

ASYNC_TEST_REAL_TIME(SemC46, no_byte_is_lost_when_a_receive_under_a_timeout_races_with_its_data) {
    // Every byte that goes in comes out once, in order, whatever the deadlines do meanwhile.
    constexpr int rounds = 5'000;
    int pair[2];
    const int made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
    TANDEM_CO_ASSERT_EQ(made, 0);
    const auto receive = [](int fd, unsigned char& byte) -> Task<int> {
        const int count = co_await OperationWait(OpCode::receive, fd, &byte, 1);
        co_return count;
    };
    int received = 0;
    int timeouts = 0;
    int wrong = 0;
    const auto writer = [](int fd, int count) -> Task<void> {
        for (int i = 0; i < count; ++i) {
            const auto byte = static_cast<unsigned char>(i % 251);
            while (::write(fd, &byte, 1) != 1) co_await sleep(0s);  // full: the reader is to catch up
            co_await sleep(i % 100 == 99 ? Duration(1ms)
                                         : Duration(i % 3) * 1'000);  // a deadline passes for sure
        }
    };
    auto writing = create_task(writer(pair[1], rounds));
    while (received < rounds) {
        unsigned char byte = 0;
        auto got = co_await as_result(timeout(Duration(1 + timeouts % 7) * 700, receive(pair[0], byte)));
        if (!got.has_value()) {
            ++timeouts;
            continue;
        }
        if (got.value() != 1 || byte != received % 251) ++wrong;
        ++received;
        if (wrong > 0) break;
    }
    co_await writing;
    ::close(pair[0]);
    ::close(pair[1]);

    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(received, rounds);
    EXPECT_GT(timeouts, 0);
}

ASYNC_TEST_REAL_TIME(SemR12, a_hundred_thousand_races_of_a_cancel_with_a_completion_lose_no_byte) {
    constexpr int rounds = 100'000;
    int pair[2];
    const int made = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
    TANDEM_CO_ASSERT_EQ(made, 0);
    const auto receive = [](int fd, unsigned char& byte) -> Task<int> {
        const int count = co_await OperationWait(OpCode::receive, fd, &byte, 1);
        co_return count;
    };
    int sent = 0;
    int received = 0;
    int cancelled = 0;
    int wrong = 0;
    for (int i = 0; i < rounds && wrong == 0; ++i) {
        unsigned char byte = 0;
        auto reading = create_task(receive(pair[0], byte));
        if (i % 4 != 3) co_await sleep(0s);  // else it is cancelled before its first step
        const bool write_first = i % 2 == 0;
        const auto out = static_cast<unsigned char>(sent % 251);
        const bool writes = i % 3 != 0;
        if (writes && write_first && ::write(pair[1], &out, 1) == 1) ++sent;
        if (i % 5 == 0) co_await sleep(0s);
        reading.cancel();
        if (writes && !write_first && ::write(pair[1], &out, 1) == 1) ++sent;
        auto end = co_await reading.join();
        if (end.cancelled()) {
            ++cancelled;
        } else if (end.has_value() && end.value() == 1 && byte == received % 251) {
            ++received;
        } else {
            ++wrong;
        }
        if (sent - received > 500) {
            while (received < sent && wrong == 0) {
                const int count = co_await receive(pair[0], byte);
                if (count != 1 || byte != received % 251) ++wrong;
                ++received;
            }
        }
    }
    while (received < sent && wrong == 0) {
        unsigned char byte = 0;
        const int count = co_await receive(pair[0], byte);
        if (count != 1 || byte != received % 251) ++wrong;
        ++received;
    }
    ::close(pair[0]);
    ::close(pair[1]);

    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(received, sent);
    EXPECT_GT(cancelled, rounds / 10);
}

ASYNC_TEST(SemC48, a_hundred_thousand_timeouts_leave_no_timer) {
    for (int i = 0; i < 100'000; ++i) co_await timeout(1h, ready(i));

    EXPECT_EQ(this_loop().timers().live(), 0U);
}

ASYNC_TEST(SemC6, a_deadline_can_be_moved_earlier_later_and_not_after_it_fired) {
    const auto start = this_loop().time();
    const auto body = [](CancelScope own, Deadline moved) -> Task<void> {
        co_await sleep(1ms);
        EXPECT_TRUE(own.set_deadline(moved));
        co_await sleep(1h);
    };
    CancelScope earlier(1s);
    co_await earlier.run(body(earlier, 4ms));
    EXPECT_EQ(this_loop().time() - start, 5ms);
    CancelScope later(10ms);
    co_await later.run(body(later, 100ms));
    EXPECT_EQ(this_loop().time() - start, 106ms);
    CancelScope fired(1ms);
    const auto too_late = [](CancelScope own, bool& moved) -> Task<void> {
        try {
            co_await sleep(1h);
        } catch (const Cancelled&) {
            moved = own.set_deadline(1h);
            throw;
        }
    };
    bool moved = true;
    co_await fired.run(too_late(fired, moved));

    EXPECT_FALSE(moved);
}

ASYNC_TEST(SemC40, current_deadline_shows_the_nearest_up_to_a_shield) {
    const auto now = this_loop().time();
    const auto look = []() -> Task<TimePoint> { co_return current_deadline(); };
    const auto nested = co_await timeout(50ms, timeout(20ms, look()));
    const auto outer_nearer = co_await timeout(20ms, timeout(50ms, look()));
    const auto shielded = co_await timeout(20ms, shield(look()));
    const auto none = current_deadline();

    EXPECT_EQ(nested - now, 20ms);
    EXPECT_EQ(outer_nearer - now, 20ms);
    EXPECT_EQ(shielded, TimePoint::max());
    EXPECT_EQ(none, TimePoint::max());
}

ASYNC_TEST(SemK23, a_timeout_around_a_handle_ends_only_the_wait) {
    auto handle = create_task(value_after(20ms, 3));
    const std::string text = co_await word(timeout(5ms, handle));
    const bool unharmed = !handle.done();
    const int value = co_await handle;

    EXPECT_EQ(text, "timeout");
    EXPECT_TRUE(unharmed);
    EXPECT_EQ(value, 3);
}

TEST(SemC41, a_limit_that_is_not_a_number_is_refused) {
    EXPECT_THROW(Deadline(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())),
                 std::invalid_argument);
}
