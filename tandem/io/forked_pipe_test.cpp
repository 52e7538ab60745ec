// Pipes to a forked child, by waiting until they are ready.
#include <tandem/base/errors.hpp>
#include <tandem/io/readiness.hpp>
#include <tandem/task/current_task.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view refused = "refused: forked\n";

struct Pipe {
    Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
    ~Pipe() {
        close_end(0);
        close_end(1);
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    void close_end(std::size_t which) {
        if (ends[which] >= 0) ::close(std::exchange(ends[which], -1));
    }
    /// A pipe's blocking mode is one for both processes.
    void never_block(std::size_t which) const { ::fcntl(ends[which], F_SETFL, O_NONBLOCK); }
    std::array<int, 2> ends{-1, -1};
};

// What waits for readiness is told no more than that a byte goes through: whoever writes more must be ready
// to be stopped in the middle.
Task<void> write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        co_await io::writable(fd);
        const auto written = ::write(fd, text.data(), text.size());
        if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
    }
}

Task<std::string> read_all(int fd) {
    std::string text;
    std::array<char, 65536> buffer{};
    for (;;) {
        co_await io::readable(fd);
        const auto got = ::read(fd, buffer.data(), buffer.size());
        if (got <= 0) co_return text;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
}

[[noreturn]] void be_the_child(EventLoop& inherited, Pipe& to_child, Pipe& to_parent) {
    to_child.close_end(1);
    to_parent.close_end(0);
    std::string_view answer = "the inherited loop was taken\n";
    try {
        inherited.call_soon_threadsafe([] {});
    } catch (const LoopClosed& closed) {
        if (closed.reason() == LoopClosedReason::forked) answer = refused;
    }
    static_cast<void>(!::write(to_parent.ends[1], answer.data(), answer.size()));
    std::array<char, 65536> buffer{};
    for (;;) {
        const auto got = ::read(to_child.ends[0], buffer.data(), buffer.size());
        if (got <= 0) ::_exit(0);
        for (auto rest = std::string_view(buffer.data(), static_cast<std::size_t>(got)); !rest.empty();) {
            const auto written = ::write(to_parent.ends[1], rest.data(), rest.size());
            if (written <= 0) ::_exit(1);
            rest.remove_prefix(static_cast<std::size_t>(written));
        }
    }
}

/// Gives what a child says that was sent `text`; it starts by what it thinks of its parent's loop.
Task<std::string> echo_of_child(std::vector<std::string> messages) {
    Pipe to_child;
    Pipe to_parent;
    EventLoop& loop = this_loop();
    const auto child = ::fork();
    if (child == 0) be_the_child(loop, to_child, to_parent);
    to_child.close_end(0);
    to_parent.close_end(1);
    to_child.never_block(1);
    to_parent.never_block(0);
    auto answer = create_task(read_all(to_parent.ends[0]));
    for (const std::string& message : messages) co_await write_all(to_child.ends[1], message);
    to_child.close_end(1);
    std::string text = co_await std::move(answer);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    co_return text;
}

}  // namespace

ASYNC_TEST_REAL_TIME(J17, ten_messages_to_a_forked_child_that_refuses_the_inherited_loop) {
    std::vector<std::string> messages;
    std::string all(refused);
    for (int i = 0; i < 10; ++i) {
        messages.push_back("hi in " + std::to_string(i) + "\n");
        all += messages.back();
    }
    const std::string answer = co_await echo_of_child(messages);
    EXPECT_EQ(answer, all);
}

ASYNC_TEST_REAL_TIME(J17, ready_means_one_byte_and_a_large_write_does_not_block_the_loop) {
    Pipe pipe;
    pipe.never_block(1);
    const std::string large(std::size_t{1} << 20, 'x');
    co_await io::writable(pipe.ends[1]);
    const auto fits = ::write(pipe.ends[1], large.data(), large.size());
    EXPECT_GE(fits, 1);
    EXPECT_LT(fits, static_cast<ssize_t>(large.size()));

    // Nobody reads: the writer waits, and everything else goes on.
    auto writer = create_task(write_all(pipe.ends[1], large));
    for (int ticks = 0; ticks < 5; ++ticks) co_await sleep(1ms);
    EXPECT_FALSE(writer.done());
    pipe.never_block(0);
    auto reader = create_task(read_all(pipe.ends[0]));
    co_await writer;
    pipe.close_end(1);
    const std::string got = co_await std::move(reader);
    EXPECT_EQ(got.size(), static_cast<std::size_t>(fits) + large.size());
}

ASYNC_TEST_REAL_TIME(J17, a_mebibyte_goes_to_a_child_and_back) {
    const std::vector<std::string> messages(1, std::string(std::size_t{1} << 20, 'y'));
    const std::string answer = co_await echo_of_child(messages);
    EXPECT_EQ(answer.size(), refused.size() + (std::size_t{1} << 20));
    EXPECT_TRUE(answer.starts_with(refused));
}
