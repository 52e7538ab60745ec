#include <tandem/io/line_reader.hpp>

#include <tandem/io/memory_stream.hpp>
#include <tandem/io/read.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace tandem::io {
namespace {

using namespace std::chrono_literals;

ASYNC_TEST(LineReader, a_line_ends_before_its_newline) {
    auto pipe = memory_pipe("first\r\nsecond\n");
    auto lines = LineReader(pipe.reader);

    const auto first = co_await lines.next();

    EXPECT_EQ(first, "first");
}

ASYNC_TEST(LineReader, every_cut_of_the_input_gives_the_same_lines) {
    const std::string text = "a\n\nlonger line\r\n\r\nno end\r";
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
        auto pair = stream_pair(piece);
        const auto feed = [](MemoryStream* to, const std::string* bytes) -> Task<void> {
            co_await to->write_all(*bytes);
            co_await to->close();
        };
        auto feeding = create_task(feed(&pair.second, &text));
        auto lines = LineReader(pair.first);
        std::vector<std::string> got;
        while (auto line = co_await lines.next()) got.push_back(*line);
        co_await feeding;
        EXPECT_EQ(got, (std::vector<std::string>{"a", "", "longer line", "", "no end"})) << piece;
    }
}

ASYNC_TEST(LineReader, cancelling_next_keeps_the_half_line_for_the_following_call) {
    auto pipe = memory_pipe("half ");
    auto lines = LineReader(pipe.reader);

    const auto early = co_await as_result(timeout(10ms, lines.next()));
    co_await pipe.writer.write_all("and whole\n");
    const auto line = co_await lines.next();

    TANDEM_CO_ASSERT_TRUE(early.has_error());
    EXPECT_EQ(early.error().code(), std::errc::timed_out);
    EXPECT_EQ(line, "half and whole");
}

ASYNC_TEST(LineReader, a_line_of_the_limit_passes_and_one_byte_more_does_not) {
    auto pipe = memory_pipe("12345\r\n12345\n123456\n");
    auto lines = LineReader(pipe.reader, 5);

    const auto first = co_await lines.next();
    const auto second = co_await lines.next();
    const auto third = co_await as_result(lines.next());
    const auto again = co_await as_result(lines.next());

    EXPECT_EQ(first, "12345");
    EXPECT_EQ(second, "12345");
    TANDEM_CO_ASSERT_TRUE(third.has_error() && again.has_error());
    EXPECT_TRUE(third.error().is<LineTooLong>());
    EXPECT_TRUE(again.error().is<LineTooLong>());
}

ASYNC_TEST(LineReader, a_line_without_an_end_is_refused_before_it_fills_memory) {
    auto pipe = memory_pipe(std::string(60'000, 'x'));
    auto lines = LineReader(pipe.reader, 1'000);

    const auto line = co_await as_result(lines.next());

    TANDEM_CO_ASSERT_TRUE(line.has_error());
    EXPECT_GT(pipe.reader.unread_bytes(), 50'000U);
}

ASYNC_TEST(LineReader, what_it_read_ahead_is_handed_over) {
    auto pipe = memory_pipe("head\nbody bytes");
    auto lines = LineReader(pipe.reader);

    const auto head = co_await lines.next();
    const auto rest = lines.take_unread();
    co_await pipe.writer.close();
    const auto after = co_await lines.next();

    EXPECT_EQ(head, "head");
    EXPECT_EQ(rest, "body bytes");
    EXPECT_EQ(after, std::nullopt);
}

ASYNC_TEST(ReadAll, stops_at_its_limit) {
    auto pipe = memory_pipe(std::string(10'000, 'x'));
    co_await pipe.writer.close();

    const auto end = co_await as_result(read_all(pipe.reader, 9'999));

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<std::length_error>());
}

ASYNC_TEST(ReadExactly, a_claimed_length_takes_no_memory_before_bytes_come) {
    auto pipe = memory_pipe("few");
    co_await pipe.writer.close();

    const auto end = co_await as_result(read_exactly(pipe.reader, std::size_t{1} << 60));

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    EXPECT_TRUE(end.error().is<IncompleteReadError>()) << end.error().what();
}

ASYNC_TEST(Copy, moves_everything_and_leaves_the_target_open) {
    auto from = memory_pipe(std::string(300'000, 'c'));
    co_await from.writer.close();
    auto to = stream_pair(1'000);
    auto reading = create_task(read_exactly(to.second, 300'001));

    const auto count = co_await copy(from.reader, to.first);
    co_await to.first.write_all("!");
    const std::string got = co_await std::move(reading);

    EXPECT_EQ(count, 300'000U);
    EXPECT_EQ(got, std::string(300'000, 'c') + "!");
}

}  // namespace
}  // namespace tandem::io
