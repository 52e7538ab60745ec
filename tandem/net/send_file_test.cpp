#include <tandem/net/send_file.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/io/memory_stream.hpp>
#include <tandem/io/read.hpp>
#include <tandem/net/connect.hpp>
#include <tandem/net/tcp_listener.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/task/task_handle.hpp>
#include <tandem/task/timeout.hpp>
#include <tandem/testing/async_test.hpp>
#include <tandem/testing/temporary_name.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include <unistd.h>

namespace tandem::net {
namespace {

using namespace std::chrono_literals;

std::string numbers(std::size_t size) {
    std::string text;
    for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
    text.resize(size);
    return text;
}

Task<io::File> file_with(const testing::TemporaryName& name, std::string text) {
    auto file = co_await io::open_file(name.path(), FileUse::update);
    co_await file.write_all(text);
    co_return file;
}

struct Ends {
    TcpStream a;
    TcpStream b;
};

Task<Ends> connected() {
    ListenOptions options;
    options.host = "127.0.0.1";
    auto listener = co_await listen(options);
    auto a = co_await connect(listener.local());
    auto b = co_await listener.accept();
    Ends ends;
    ends.a = std::move(a);
    ends.b = std::move(b);
    co_return ends;
}

Task<void> send_and_close(TcpStream to, io::File& file, SendFileOptions options, std::uint64_t& sent) {
    sent = co_await send_file(to, file, options);
    co_await to.close();
}

}  // namespace

ASYNC_TEST_REAL_TIME(U25i, ten_mebibytes_are_moved_by_the_kernel_alone) {
    const testing::TemporaryName name;
    const std::string text = numbers(10 << 20);
    auto file = co_await file_with(name, text);
    auto ends = co_await connected();
    std::uint64_t sent = 0;
    auto sending = create_task(send_and_close(std::move(ends.a), file, {.fallback = false}, sent));

    const std::string got = co_await io::read_all(ends.b);
    co_await sending;
    co_await ends.b.close();

    EXPECT_EQ(sent, text.size());
    EXPECT_TRUE(got == text);
}

ASYNC_TEST_NETWORK(SemIO28, a_part_is_sent_and_the_end_of_the_file_is_the_end) {
    const testing::TemporaryName name;
    auto file = co_await file_with(name, "0123456789");
    auto ends = co_await connected();

    const auto part = co_await send_file(ends.a, file, {.offset = 2, .count = 3});
    const auto rest = co_await send_file(ends.a, file, {.offset = 8, .count = 100});
    const auto nothing = co_await send_file(ends.a, file, {.offset = 50});
    co_await ends.a.write_all("|");
    co_await ends.a.close();
    const std::string got = co_await io::read_all(ends.b);
    co_await ends.b.close();

    EXPECT_EQ(part, 3U);
    EXPECT_EQ(rest, 2U);
    EXPECT_EQ(nothing, 0U);
    EXPECT_EQ(got, "23489|");
}

ASYNC_TEST_REAL_TIME(SemIO28, into_any_other_stream_it_is_copied_unless_that_is_not_wanted) {
    const testing::TemporaryName name;
    const std::string text = numbers(300'000);
    auto file = co_await file_with(name, text);
    auto pair = io::stream_pair(1 << 20);

    const auto sent = co_await send_file(pair.first, file);
    const auto refused = co_await as_result(send_file(pair.first, file, {.fallback = false}));
    co_await pair.first.close();
    const std::string got = co_await io::read_all(pair.second);

    EXPECT_EQ(sent, text.size());
    TANDEM_CO_ASSERT_TRUE(refused.has_error());
    EXPECT_TRUE(refused.error().is<SendfileNotAvailableError>());
    EXPECT_TRUE(got == text);
}

ASYNC_TEST_REAL_TIME(SemIO28, a_write_in_between_is_refused) {
    const testing::TemporaryName name;
    auto file = co_await file_with(name, numbers(8 << 20));
    auto ends = co_await connected();
    auto sending = create_task(send_file(ends.a, file));
    co_await sleep(5ms);

    const auto write = co_await as_result(ends.a.write_all("in between"));
    const std::string got = co_await io::read_exactly(ends.b, 8 << 20);
    const auto sent = co_await sending;

    TANDEM_CO_ASSERT_TRUE(write.has_error());
    EXPECT_TRUE(write.error().is<InvalidStateError>());
    EXPECT_EQ(sent, std::uint64_t{8} << 20);
    EXPECT_TRUE(got == numbers(8 << 20));
}

ASYNC_TEST_REAL_TIME(SemC80, cut_off_in_its_middle_it_tells_how_much_went_out_and_is_the_last) {
    const testing::TemporaryName name;
    const std::string text = numbers(16 << 20);
    auto file = co_await file_with(name, text);
    auto ends = co_await connected();

    const auto sent = co_await move_on_after(20ms, send_file(ends.a, file));
    const auto accepted = ends.a.bytes_accepted();
    const auto later = co_await as_result(ends.a.write_all("more"));
    const std::string got = co_await io::read_exactly(ends.b, accepted);

    EXPECT_FALSE(sent);
    EXPECT_GT(accepted, 0U);
    EXPECT_LT(accepted, text.size());
    TANDEM_CO_ASSERT_TRUE(later.has_error());
    EXPECT_TRUE(later.error().is<InvalidStateError>());
    EXPECT_TRUE(got == text.substr(0, accepted));
}

ASYNC_TEST_REAL_TIME(SemC80, a_peer_that_goes_is_an_error_and_no_signal) {
    const testing::TemporaryName name;
    auto file = co_await file_with(name, numbers(16 << 20));
    auto ends = co_await connected();
    auto sending = create_task(as_result(send_file(ends.a, file)));
    co_await sleep(5ms);

    ends.b.abort();
    const auto outcome = co_await std::move(sending);
    const auto again = co_await as_result(send_file(ends.a, file));

    TANDEM_CO_ASSERT_TRUE(outcome.has_error() && again.has_error());
    const auto code = outcome.error().code();
    EXPECT_TRUE(code == std::errc::connection_reset || code == std::errc::broken_pipe) << code;
    EXPECT_EQ(again.error().code(), code);
}

ASYNC_TEST_REAL_TIME(SemC80, a_file_closed_meanwhile_is_sent_to_its_end) {
    const testing::TemporaryName name;
    const std::string text = numbers(4 << 20);
    auto file = co_await file_with(name, text);
    auto ends = co_await connected();
    std::uint64_t sent = 0;
    auto sending = create_task(send_and_close(std::move(ends.a), file, {}, sent));
    co_await sleep(2ms);

    co_await file.close();
    const std::string got = co_await io::read_all(ends.b);
    co_await sending;

    EXPECT_EQ(sent, text.size());
    EXPECT_TRUE(got == text);
}

}  // namespace tandem::net
