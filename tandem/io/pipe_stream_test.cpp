#include <tandem/io/pipe_stream.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/bridge/get.hpp>
#include <tandem/io/line_reader.hpp>
#include <tandem/io/read.hpp>
#include <tandem/loop/event_loop.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/gather.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>

using namespace tandem;
using namespace std::chrono_literals;

namespace {

Task<void> send_and_close(io::PipeStream& to, std::string text) {
    co_await to.write_all(text);
    co_await to.close();
}

Task<void> count_ticks(int& ticks) {
    for (;;) {
        co_await sleep(1ms);
        ++ticks;
    }
}

std::string numbers(std::size_t size) {
    std::string text;
    for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
    text.resize(size);
    return text;
}

}  // namespace

ASYNC_TEST_REAL_TIME(SemIO31, ten_mebibytes_go_through_a_pipe_of_64_kibibytes) {
    auto ends = io::pipe();
    const std::string text = numbers(10 << 20);
    auto writing = create_task(send_and_close(ends.writer, text));

    const std::string got = co_await io::read_all(ends.reader);
    co_await writing;

    EXPECT_TRUE(got == text);
    EXPECT_TRUE(ends.writer.can_shutdown_write());
    EXPECT_FALSE(ends.reader.can_shutdown_write());
}

ASYNC_TEST_REAL_TIME(SemIO31, lines_come_one_by_one) {
    auto ends = io::pipe();
    co_await send_and_close(ends.writer, "one\ntwo\nthree");
    auto lines = io::LineReader(ends.reader);

    const auto first = co_await lines.next();
    const auto second = co_await lines.next();
    const auto third = co_await lines.next();
    const auto fourth = co_await lines.next();

    EXPECT_EQ(first, "one");
    EXPECT_EQ(second, "two");
    EXPECT_EQ(third, "three");
    EXPECT_FALSE(fourth);
}

ASYNC_TEST_REAL_TIME(SemIO31, an_end_goes_one_way_and_nothing_else_is_one) {
    auto ends = io::pipe();
    char buffer[8];

    const auto read = co_await as_result(ends.writer.read_some(buffer));
    const auto written = co_await as_result(ends.reader.write_some("x"));
    std::error_code code;
    try {
        io::PipeStream(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)));
    } catch (const std::system_error& error) {
        code = error.code();
    }

    TANDEM_CO_ASSERT_TRUE(read.has_error() && written.has_error());
    EXPECT_TRUE(read.error().is<InvalidStateError>());
    EXPECT_TRUE(written.error().is<InvalidStateError>());
    EXPECT_EQ(code, std::errc::invalid_argument);
}

ASYNC_TEST_REAL_TIME(SemIO7, a_write_that_nobody_will_read_is_an_error_and_no_signal) {
    auto ends = io::pipe();
    co_await ends.reader.close();

    const auto first = co_await as_result(ends.writer.write_all("x"));
    const auto second = co_await as_result(ends.writer.write_all("y"));
    sigset_t pending;
    sigpending(&pending);

    TANDEM_CO_ASSERT_TRUE(first.has_error() && second.has_error());
    EXPECT_EQ(first.error().code(), std::errc::broken_pipe);
    EXPECT_EQ(second.error().code(), std::errc::broken_pipe);
    EXPECT_FALSE(sigismember(&pending, SIGPIPE));
}

ASYNC_TEST_REAL_TIME(SemIO7, a_writer_that_waits_hears_that_its_reader_went) {
    auto ends = io::pipe();
    const std::string text = numbers(1 << 20);
    auto writing = create_task(as_result(ends.writer.write_all(text)));
    co_await sleep(1ms);

    ends.reader.abort();
    const auto outcome = co_await std::move(writing);
    const auto later = co_await as_result(ends.writer.write_all("y"));

    TANDEM_CO_ASSERT_TRUE(outcome.has_error() && later.has_error());
    EXPECT_EQ(later.error().code(), std::errc::broken_pipe);
    EXPECT_EQ(outcome.error().code(), std::errc::broken_pipe);
}

ASYNC_TEST_REAL_TIME(SemIO6, what_is_in_progress_ends_when_the_end_is_closed) {
    auto ends = io::pipe();
    char buffer[8];
    auto reading = create_task(as_result(ends.reader.read_some(buffer)));
    co_await sleep(1ms);

    co_await ends.reader.close();
    const auto outcome = co_await std::move(reading);
    const auto later = co_await as_result(ends.reader.read_some(buffer));
    co_await ends.reader.close();

    TANDEM_CO_ASSERT_TRUE(outcome.has_error() && later.has_error());
    EXPECT_EQ(outcome.error().code(), std::errc::operation_canceled);
    EXPECT_TRUE(later.error().is<InvalidStateError>());
    EXPECT_FALSE(ends.reader.is_open());
    EXPECT_EQ(ends.reader.native_handle(), -1);
}

ASYNC_TEST_REAL_TIME(SemIO4, a_second_reader_is_refused) {
    auto ends = io::pipe();
    char buffer[8];
    auto reading = create_task(ends.reader.read_some(buffer));
    co_await sleep(1ms);

    const auto second = co_await as_result(ends.reader.read_some(buffer));
    co_await ends.writer.write_all("abc");
    const std::size_t count = co_await reading;

    EXPECT_TRUE(second.has_error());
    EXPECT_EQ(count, 3U);
}

ASYNC_TEST_REAL_TIME(SemIO8, a_pipe_dropped_while_it_is_read_ends_the_read) {
    auto ends = io::pipe();
    char buffer[8];
    auto dropped = std::move(ends.reader);
    auto reading = create_task(as_result(dropped.read_some(buffer)));
    co_await sleep(1ms);

    dropped = io::PipeStream();
    const auto outcome = co_await std::move(reading);

    TANDEM_CO_ASSERT_TRUE(outcome.has_error());
    EXPECT_EQ(outcome.error().code(), std::errc::operation_canceled);
}

ASYNC_TEST_REAL_TIME(SemIO1, a_reader_that_never_waits_leaves_room_for_others) {
    UniqueFd zeros(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    io::PipeStream endless(std::move(zeros));
    int ticks = 0;
    auto ticker = create_task(count_ticks(ticks));
    std::string buffer(64 * 1024, 'x');
    const auto end = std::chrono::steady_clock::now() + 10s;

    while (ticks < 5 && std::chrono::steady_clock::now() < end) co_await endless.read_some(buffer);
    ticker.cancel();
    co_await ticker.join();

    EXPECT_GE(ticks, 5);
}

ASYNC_TEST_REAL_TIME(SemC61, a_cancelled_read_loses_no_byte) {
    auto ends = io::pipe();
    char buffer[8] = {};

    const auto none = co_await move_on_after(2ms, ends.reader.read_some(buffer));
    co_await ends.writer.write_all("abc");
    const std::size_t count = co_await ends.reader.read_some(buffer);

    EXPECT_FALSE(none);
    EXPECT_EQ(std::string(buffer, count), "abc");
}

ASYNC_TEST_REAL_TIME(SemC62, a_write_cut_off_in_its_middle_is_the_last) {
    auto ends = io::pipe();
    const std::string text = numbers(1 << 20);

    const bool done = co_await move_on_after(2ms, ends.writer.write_all(text));
    const auto later = co_await as_result(ends.writer.write_all("y"));
    co_await ends.writer.close();
    const std::string got = co_await io::read_all(ends.reader);

    EXPECT_FALSE(done);
    TANDEM_CO_ASSERT_TRUE(later.has_error());
    EXPECT_TRUE(later.error().is<InvalidStateError>());
    EXPECT_EQ(got, text.substr(0, got.size()));
    EXPECT_GE(got.size(), 4096U);
}

TEST(PipeStream, of_the_background_loop_is_dropped_by_plain_code) {
    const auto make = []() -> Task<io::PipePair> { co_return io::pipe(); };
    auto ends = make().get();

    ends.writer.write_all("from plain code\n").get();
    char buffer[32];
    const std::size_t count = ends.reader.read_some(buffer).get();

    EXPECT_EQ(std::string(buffer, count), "from plain code\n");
}
