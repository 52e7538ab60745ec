#include <tandem/io/readiness.hpp>

#include <tandem/base/unique_fd.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace tandem::io {
namespace {

using namespace std::chrono_literals;

struct Pipe {
    Pipe() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
        out = UniqueFd(ends[0]);
        in = UniqueFd(ends[1]);
    }
    UniqueFd out;
    UniqueFd in;
};

Task<void> wait_readable(int fd) { co_await readable(fd); }
Task<void> wait_writable(int fd) { co_await writable(fd); }

ASYNC_TEST_REAL_TIME(Readiness, a_pipe_is_readable_once_something_is_in_it_and_at_its_end) {
    Pipe pipe;
    auto waiting = create_task(wait_readable(pipe.out.get()));
    co_await sleep(5ms);
    const bool early = waiting.done();
    EXPECT_EQ(::write(pipe.in.get(), "x", 1), 1);
    co_await waiting;
    char byte = 0;
    EXPECT_EQ(::read(pipe.out.get(), &byte, 1), 1);
    pipe.in.reset();
    co_await readable(pipe.out.get());

    EXPECT_FALSE(early);
    EXPECT_EQ(::read(pipe.out.get(), &byte, 1), 0);
}

ASYNC_TEST_REAL_TIME(Readiness, a_full_pipe_is_writable_again_when_somebody_reads) {
    Pipe pipe;
    char block[4096] = {};
    while (::write(pipe.in.get(), block, sizeof block) > 0) continue;
    auto waiting = create_task(wait_writable(pipe.in.get()));
    co_await sleep(5ms);
    const bool early = waiting.done();
    while (::read(pipe.out.get(), block, sizeof block) > 0) continue;
    co_await waiting;

    EXPECT_FALSE(early);
}

ASYNC_TEST_REAL_TIME(SemC61, a_cancelled_wait_leaves_the_descriptor_usable) {
    Pipe pipe;
    CancelScope scope(5ms);
    const bool was_ready = co_await scope.run(wait_readable(pipe.out.get()));
    EXPECT_EQ(::write(pipe.in.get(), "x", 1), 1);
    co_await readable(pipe.out.get());

    EXPECT_FALSE(was_ready);
}

ASYNC_TEST_REAL_TIME(Readiness, a_bad_descriptor_is_an_error) {
    const auto end = co_await as_result(wait_readable(-1));

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_EQ(end.error().code(), std::errc::bad_file_descriptor);
}

}  // namespace
}  // namespace tandem::io
