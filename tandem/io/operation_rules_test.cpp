// Where an operation's state and its buffer live, and how long (sem:C90, C91).
#include <tandem/io/readiness.hpp>

#include <tandem/base/unique_fd.hpp>
#include <tandem/task/operation_wait.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/socket.h>

namespace tandem::io {
namespace {

struct Sockets {
    UniqueFd one;
    UniqueFd other;
};

Sockets socket_pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    Sockets made;
    made.one = UniqueFd(ends[0]);
    made.other = UniqueFd(ends[1]);
    return made;
}

/// Notes how many operations its loop has in flight when the frame that holds it goes.
class FrameEnd {
public:
    explicit FrameEnd(std::size_t& in_flight) : in_flight_(in_flight) {}
    ~FrameEnd() { in_flight_ = this_loop().operations().in_use(); }
    FrameEnd(const FrameEnd&) = delete;
    FrameEnd& operator=(const FrameEnd&) = delete;

private:
    std::size_t& in_flight_;
};

Task<std::int32_t> receive_into_own_frame(int fd, std::size_t& in_flight_at_end) {
    const FrameEnd end(in_flight_at_end);
    char buffer[64];
    co_return co_await OperationWait(OpCode::receive, fd, buffer, sizeof buffer);
}

ASYNC_TEST_REAL_TIME(SemC91, a_frame_whose_buffer_was_lent_to_the_kernel_goes_after_the_operation) {
    auto ends = socket_pair();
    std::size_t in_flight = 99;
    auto reading = create_task(receive_into_own_frame(ends.one.get(), in_flight));
    co_await sleep(Duration::zero());
    const auto during = this_loop().operations().in_use();
    reading.cancel();
    co_await reading.join_only();

    EXPECT_EQ(during, 1U);
    EXPECT_TRUE(reading.cancelled());
    EXPECT_EQ(in_flight, 0U);
}

ASYNC_TEST_REAL_TIME(SemC90, a_slot_used_again_gets_nothing_that_was_meant_for_its_last_user) {
    auto first = socket_pair();
    auto second = socket_pair();
    constexpr int rounds = 2'000;
    std::size_t in_flight = 0;
    std::int64_t taken = 0;
    int mixed_up = 0;
    for (int i = 0; i < rounds; ++i) {
        auto cut = create_task(receive_into_own_frame(first.one.get(), in_flight));
        co_await sleep(Duration::zero());
        EXPECT_EQ(::send(first.other.get(), "x", 1, 0), 1);
        cut.cancel();
        co_await cut.join_only();
        if (!cut.cancelled()) taken += cut.result();

        // The next user of the slot: its descriptor has nothing to read until the task waits for it.
        auto next = create_task(receive_into_own_frame(second.one.get(), in_flight));
        co_await sleep(Duration::zero());
        if (next.done()) ++mixed_up;
        EXPECT_EQ(::send(second.other.get(), "yy", 2, 0), 2);
        const std::int32_t got = co_await std::move(next);
        if (got != 2) ++mixed_up;
    }
    std::string rest(rounds, '\0');
    const auto left = ::recv(first.one.get(), rest.data(), rest.size(), 0);

    EXPECT_EQ(mixed_up, 0);
    EXPECT_EQ(taken + (left > 0 ? left : 0), rounds);
    EXPECT_EQ(this_loop().operations().in_use(), 0U);
}

ASYNC_TEST_REAL_TIME(SemC90, the_slots_of_a_burst_serve_the_next_one) {
    auto ends = socket_pair();
    std::size_t in_flight = 0;
    for (int round = 0; round < 3; ++round) {
        std::vector<TaskHandle<std::int32_t>> readers;
        for (int i = 0; i < 500; ++i)
            readers.push_back(create_task(receive_into_own_frame(ends.one.get(), in_flight)));
        co_await sleep(Duration::zero());
        const auto during = this_loop().operations().in_use();
        for (auto& reader : readers) reader.cancel();
        for (auto& reader : readers) co_await reader.join_only();

        EXPECT_EQ(during, 500U);
        EXPECT_EQ(this_loop().operations().in_use(), 0U);
    }
}

}  // namespace
}  // namespace tandem::io
