// Calls that stop a loop in debug mode are counted, and no others.
#include <hooks/blocking_client.h>

#include <tandem/bridge/blocking_calls.hpp>
#include <tandem/bridge/fiber.hpp>
#include <tandem/bridge/run.hpp>
#include <tandem/bridge/to_thread.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_node.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

constexpr RunOptions in_debug_mode{.debug = true};

std::optional<BlockingCallSite> site_of(std::string_view function) {
    for (const auto& site : blocking_calls()) {
        if (site.function.find(function) != std::string::npos) return site;
    }
    return std::nullopt;
}
std::uint64_t counted_in_all() {
    std::uint64_t sum = 0;
    for (const auto& site : blocking_calls()) sum += site.calls;
    return sum;
}

// Not the last thing that they do, or they would be left before it.
[[gnu::noinline]] void naps_in_a_step(int times) {
    for (int i = 0; i < times; ++i) ::usleep(3000);
    asm volatile("" ::: "memory");
}
[[gnu::noinline]] ssize_t reads_in_a_step(int fd) {
    char byte = 0;
    const ssize_t count = ::read(fd, &byte, 1);
    asm volatile("" ::: "memory");
    return count;
}
[[gnu::noinline]] int naps_elsewhere() {
    ::usleep(1000);
    asm volatile("" ::: "memory");
    return 0;
}

Task<void> nap(int times) {
    naps_in_a_step(times);
    co_await checkpoint();
}

}  // namespace

TEST(RB21, calls_that_block_in_steps_of_a_loop_in_debug_mode_are_counted_by_who_calls) {
    const auto before = site_of("naps_in_a_step");
    const std::uint64_t earlier = before ? before->calls : 0;
    auto body = []() -> Task<void> {
        current_task_node()->set_name("sleeper");
        co_await nap(3);
    };

    run(body(), in_debug_mode);
    const auto site = site_of("naps_in_a_step").value();

    EXPECT_EQ(site.call, "usleep");
    EXPECT_EQ(site.calls - earlier, 3U);
    EXPECT_EQ(site.task, "sleeper");
    EXPECT_GE(site.blocked, 9ms);
    EXPECT_GE(site.longest, 3ms);
    EXPECT_LE(site.longest, site.blocked - 6ms);
    const auto text = site.text();
    EXPECT_EQ(text.find("tandem D1 blocking-call: usleep in task \"sleeper\", called by "), 0U) << text;
    EXPECT_NE(text.find("to_thread"), std::string::npos) << text;
    EXPECT_NE(blocking_calls_text().find(text), std::string::npos);
}

TEST(RB21, a_counted_call_returns_what_it_would_have_returned) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    ASSERT_EQ(::write(ends[1], "x", 1), 1);
    ssize_t got = 0, refused = 0;
    int error = 0;
    std::uint64_t reads = 0;
    auto body = [&]() -> Task<void> {
        got = reads_in_a_step(ends[0]);
        timeval limit{.tv_sec = 0, .tv_usec = 20'000};
        ::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        // The kernel interrupts it once while it takes down the io_uring of an earlier loop.
        do {
            ++reads;
            refused = reads_in_a_step(ends[0]);
            error = errno;
        } while (refused == -1 && error == EINTR);
        co_await checkpoint();
    };

    run(body(), in_debug_mode);
    const auto site = site_of("read");  // reads_in_a_step(), or a sanitizer's read() that stands between
    for (const int end : ends) ::close(end);

    EXPECT_EQ(got, 1);
    EXPECT_EQ(refused, -1);
    EXPECT_EQ(error, EAGAIN);
    ASSERT_TRUE(site);
    EXPECT_EQ(site->call, "read");
    EXPECT_EQ(site->calls, 1 + reads);
    EXPECT_GE(site->longest, 10ms);  // the kernel counts the limit in jiffies
}

TEST(RB21, what_stops_no_loop_is_not_counted) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    auto body = [&]() -> Task<void> {
        co_await to_thread(naps_elsewhere);
        co_await in_fiber(FiberOptions{.hook_blocking_calls = true}, naps_elsewhere);
        EXPECT_EQ(reads_in_a_step(ends[0]), -1);  // a descriptor that never blocks
        pollfd one{ends[0], POLLIN, 0};
        EXPECT_EQ(::poll(&one, 1, 0), 0);
        char byte = 0;
        EXPECT_EQ(::recv(ends[0], &byte, 1, MSG_DONTWAIT), -1);
        co_await sleep(2ms);  // the loop's own wait
    };
    auto outside_debug_mode = []() -> Task<void> {
        naps_in_a_step(1);
        co_await checkpoint();
    };
    const auto before = counted_in_all();

    run(body(), in_debug_mode);
    run(outside_debug_mode());
    std::thread([] { naps_elsewhere(); }).join();
    naps_elsewhere();

    EXPECT_EQ(counted_in_all(), before) << blocking_calls_text();
    for (const int end : ends) ::close(end);
}
