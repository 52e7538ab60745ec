// What every byte stream must do, written once and run against all of ours, on each backend.
#include <tests/contracts/stream_contract.hpp>

#include <tandem/base/errors.hpp>
#include <tandem/io/read.hpp>
#include <tandem/task/as_result.hpp>
#include <tandem/task/cancel_scope.hpp>
#include <tandem/task/sleep.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <system_error>
#include <vector>

namespace tandem::contracts {
namespace {

using namespace std::chrono_literals;

using Body = Task<void> (*)();

// Registers `body<kind>` for every kind of stream.
template <class Bodies>
int register_for_all(const char* suite, const char* name, const Bodies& bodies) {
    for (const auto& [kind, body] : bodies) {
        testing::register_async_test(suite, (std::string(name) + "/" + name_of(kind)).c_str(), body,
                                     SourceLocation::current(), testing::TestTime::world);
    }
    return 0;
}

struct KindBody {
    Kind kind;
    Body body;
};

#define STREAM_CONTRACT(suite, name)                                                                \
    static Task<void> suite##_##name(Kind kind);                                                    \
    template <Kind kind>                                                                            \
    Task<void> suite##_##name##_for() {                                                             \
        return suite##_##name(kind);                                                                \
    }                                                                                               \
    [[maybe_unused]] static const int suite##_##name##_registered = register_for_all(               \
        #suite, #name,                                                                              \
        std::vector<KindBody>{{Kind::pair, suite##_##name##_for<Kind::pair>},                       \
                              {Kind::tcp, suite##_##name##_for<Kind::tcp>},                         \
                              {Kind::local, suite##_##name##_for<Kind::local>},                     \
                              {Kind::tls_over_pair, suite##_##name##_for<Kind::tls_over_pair>},     \
                              {Kind::tls_over_tcp, suite##_##name##_for<Kind::tls_over_tcp>},       \
                              {Kind::tls1_2_over_tcp, suite##_##name##_for<Kind::tls1_2_over_tcp>}, \
                              {Kind::tls_in_tls, suite##_##name##_for<Kind::tls_in_tls>}});         \
    static Task<void> suite##_##name([[maybe_unused]] Kind kind)

/// Bytes that tell where they belong.
class Pattern {
public:
    explicit Pattern(std::uint64_t seed) : state_(seed) {}
    void fill(MutableBytes bytes) {
        for (char& byte : bytes) byte = next();
    }
    bool matches(Bytes bytes) {
        return std::all_of(bytes.begin(), bytes.end(), [this](char byte) { return byte == next(); });
    }

private:
    char next() {
        if (left_ == 0) {
            state_ = state_ * 6364136223846793005U + 1442695040888963407U;
            word_ = state_ >> 16;
            left_ = 4;
        }
        --left_;
        const auto byte = static_cast<char>(word_ & 0xff);
        word_ >>= 8;
        return byte;
    }
    std::uint64_t state_;
    std::uint64_t word_ = 0;
    int left_ = 0;
};

/// The value, or nothing if it took longer.
template <class T>
Task<AbsorbedResult<T>> within(Duration limit, Task<T> task) {
    CancelScope scope(limit);
    co_return co_await scope.run(std::move(task));
}

Task<void> close_both(Ends& ends) {
    co_await ends.a->close();
    co_await ends.b->close();
}

STREAM_CONTRACT(SemIO2, a_read_gives_what_is_there_and_then_nothing_for_ever) {
    auto ends = co_await open_ends(kind);
    co_await ends.a->write_all("three words here");
    co_await ends.a->close();

    const auto text = co_await io::read_all(*ends.b);
    char buffer[8];
    const auto again = co_await ends.b->read_some(buffer);
    const auto once_more = co_await ends.b->read_some(buffer);
    co_await ends.b->close();

    EXPECT_EQ(text, "three words here");
    EXPECT_EQ(again, 0U);
    EXPECT_EQ(once_more, 0U);
}

STREAM_CONTRACT(SemIO2, an_empty_buffer_gives_zero_without_waiting_and_without_being_the_end) {
    auto ends = co_await open_ends(kind);

    const auto none = co_await ends.b->read_some(MutableBytes());
    co_await ends.a->write_all("x");
    const auto text = co_await io::read_exactly(*ends.b, 1);
    co_await close_both(ends);

    EXPECT_EQ(none, 0U);
    EXPECT_EQ(text, "x");
}

STREAM_CONTRACT(SemIO2, an_early_end_of_read_exactly_shows_what_had_come) {
    auto ends = co_await open_ends(kind);
    co_await ends.a->write_all("half");
    co_await ends.a->close();

    const auto end = co_await as_result(io::read_exactly(*ends.b, 8));
    co_await ends.b->close();

    TANDEM_CO_ASSERT_TRUE(end.has_error());
    TANDEM_CO_ASSERT_TRUE(end.error().is<io::IncompleteReadError>());
    EXPECT_EQ(end.error().what(), "the stream ended after 4 of 8 bytes");
}

Task<void> send_pattern(io::ByteStream& to, std::uint64_t seed, std::size_t total) {
    Pattern pattern(seed);
    std::minstd_rand random(static_cast<unsigned>(seed));
    std::vector<char> buffer(200'000);
    while (total > 0) {
        const auto size =
            std::min<std::size_t>(total, 1 + random() % (random() % 4 == 0 ? buffer.size() : 500));
        pattern.fill(MutableBytes(buffer).first(size));
        co_await to.write_all(Bytes(buffer.data(), size));
        total -= size;
    }
}

Task<std::size_t> receive_pattern(io::ByteStream& from, std::uint64_t seed, std::size_t total) {
    Pattern pattern(seed);
    std::minstd_rand random(static_cast<unsigned>(seed) + 7);
    std::vector<char> buffer(100'000);
    std::size_t good = 0;
    while (good < total) {
        const auto size = 1 + random() % (random() % 4 == 0 ? buffer.size() : 3'000);
        const auto count = co_await from.read_some(MutableBytes(buffer).first(size));
        if (count == 0 || !pattern.matches(Bytes(buffer.data(), count))) break;
        good += count;
    }
    co_return good;
}

STREAM_CONTRACT(SemIO9, both_ways_at_once_every_byte_arrives_in_its_place) {
    auto ends = co_await open_ends(kind);
    constexpr std::size_t total = 8'000'000;
    auto a_sends = create_task(send_pattern(*ends.a, 1, total));
    auto b_sends = create_task(send_pattern(*ends.b, 2, total));
    auto a_receives = create_task(receive_pattern(*ends.a, 2, total));

    const auto b_received = co_await receive_pattern(*ends.b, 1, total);
    const std::size_t a_received = co_await std::move(a_receives);
    co_await std::move(a_sends);
    co_await std::move(b_sends);
    co_await close_both(ends);

    EXPECT_EQ(a_received, total);
    EXPECT_EQ(b_received, total);
}

STREAM_CONTRACT(SemIO3, single_bytes_go_through_as_well_as_many_parts) {
    auto ends = co_await open_ends(kind);
    const std::string text = "one byte at a time";
    for (const char& byte : text) co_await ends.a->write_all(Bytes(&byte, 1));
    const std::string large(20'000, 'l');
    const std::vector<Bytes> parts = {"", "small", large, "", "end"};
    co_await ends.a->write_all_parts(parts);
    co_await ends.a->write_all("");
    co_await ends.a->close();

    std::string got;
    char byte = 0;
    while (const auto count = co_await ends.b->read_some(MutableBytes(&byte, 1))) got.append(&byte, count);
    co_await ends.b->close();

    EXPECT_EQ(got, text + "small" + large + "end");
}

STREAM_CONTRACT(SemIO4, a_second_reader_is_refused_and_the_first_goes_on) {
    auto ends = co_await open_ends(kind);
    auto first = create_task(io::read_exactly(*ends.b, 5));
    co_await checkpoint();
    char buffer[8];

    const auto second = co_await as_result(ends.b->read_some(buffer));
    co_await ends.a->write_all("hello");
    const std::string got = co_await std::move(first);
    co_await close_both(ends);

    TANDEM_CO_ASSERT_TRUE(second.has_error());
    EXPECT_TRUE(second.error().is<InvalidStateError>());
    EXPECT_EQ(got, "hello");
}

STREAM_CONTRACT(SemIO4, a_second_writer_is_refused_and_the_first_goes_on) {
    auto ends = co_await open_ends(kind);
    const std::string much(16'000'000, 'm');
    auto first = create_task(ends.a->write_all(much));
    co_await sleep(5ms);

    const auto second = co_await as_result(ends.a->write_all("x"));
    const auto third = co_await as_result(ends.a->shutdown_write());
    const auto got = co_await io::read_exactly(*ends.b, much.size());
    co_await std::move(first);
    co_await close_both(ends);

    TANDEM_CO_ASSERT_TRUE(second.has_error() && third.has_error());
    EXPECT_TRUE(second.error().is<InvalidStateError>());
    EXPECT_EQ(got, much);
}

STREAM_CONTRACT(SemIO5, after_shutdown_write_the_peer_reads_the_end_and_its_answer_comes_back) {
    auto ends = co_await open_ends(kind);
    if (!ends.a->can_shutdown_write()) {
        const auto refused = co_await as_result(ends.a->shutdown_write());
        EXPECT_EQ(refused.error().code(), std::errc::operation_not_supported);
        co_await close_both(ends);
        co_return;
    }
    co_await ends.a->write_all("question");
    co_await ends.a->shutdown_write();
    co_await ends.a->shutdown_write();

    const auto question = co_await io::read_all(*ends.b);
    co_await ends.b->write_all("answer");
    co_await ends.b->close();
    const auto answer = co_await io::read_all(*ends.a);
    const auto late = co_await as_result(ends.a->write_all("more"));
    co_await ends.a->close();

    EXPECT_EQ(question, "question");
    EXPECT_EQ(answer, "answer");
    TANDEM_CO_ASSERT_TRUE(late.has_error());
    EXPECT_TRUE(late.error().is<InvalidStateError>());
}

STREAM_CONTRACT(SemIO1, everything_written_before_close_arrives) {
    auto ends = co_await open_ends(kind);
    const std::string much(3'000'000, 'm');
    const auto write_and_close = [](io::ByteStream* to, const std::string* bytes) -> Task<void> {
        co_await to->write_all(*bytes);
        co_await to->close();
    };
    auto writing = create_task(write_and_close(ends.a.get(), &much));
    co_await sleep(5ms);

    const auto got = co_await io::read_all(*ends.b);
    co_await std::move(writing);
    co_await ends.b->close();

    EXPECT_EQ(got.size(), much.size());
}

STREAM_CONTRACT(SemIO6, close_is_idempotent_and_later_use_is_refused) {
    auto ends = co_await open_ends(kind);
    co_await ends.a->close();
    co_await ends.a->close();
    ends.a->abort();
    char buffer[8];

    const auto read = co_await as_result(ends.a->read_some(buffer));
    const auto write = co_await as_result(ends.a->write_all("x"));
    co_await ends.b->close();

    EXPECT_FALSE(ends.a->is_open());
    TANDEM_CO_ASSERT_TRUE(read.has_error() && write.has_error());
    EXPECT_TRUE(read.error().is<InvalidStateError>());
    EXPECT_TRUE(write.error().is<InvalidStateError>());
}

STREAM_CONTRACT(SemIO6, operations_in_progress_end_as_cancelled_errors_when_it_is_closed) {
    auto ends = co_await open_ends(kind);
    const std::string much(16'000'000, 'm');
    char buffer[8];
    auto reading = create_task(ends.a->read_some(buffer));
    auto writing = create_task(ends.a->write_all(much));
    co_await sleep(5ms);
    co_await ends.a->close();

    const auto read = co_await reading.join();
    const auto write = co_await writing.join();

    TANDEM_CO_ASSERT_TRUE(read.has_error() && write.has_error());
    EXPECT_EQ(read.error().code(), std::errc::operation_canceled) << read.error().what();
    EXPECT_EQ(write.error().code(), std::errc::operation_canceled) << write.error().what();
    ends.b->abort();
}

STREAM_CONTRACT(SemIO6, close_in_a_cancelled_scope_aborts_and_throws) {
    auto ends = co_await open_ends(kind);
    CancelScope scope;
    scope.cancel();

    const bool completed = co_await scope.run(ends.a->close());
    char buffer[8];
    const auto peer = co_await as_result(ends.b->read_some(buffer));

    EXPECT_FALSE(completed);
    EXPECT_FALSE(ends.a->is_open());
    if (kind == Kind::local) co_return;  // Linux has no reset for these: the peer reads an end
    TANDEM_CO_ASSERT_TRUE(peer.has_error());
    EXPECT_EQ(peer.error().code(), std::errc::connection_reset) << peer.error().what();
    ends.b->abort();
}

STREAM_CONTRACT(SemIO7, after_abort_the_peer_is_told_of_the_reset_by_every_operation) {
    auto ends = co_await open_ends(kind);
    if (kind == Kind::local) co_return;  // Linux has no reset for these: the peer reads an end
    ends.a->abort();
    char buffer[8];

    const auto read = co_await as_result(ends.b->read_some(buffer));
    const auto again = co_await as_result(ends.b->read_some(buffer));
    const auto write = co_await as_result(ends.b->write_all("x"));
    co_await ends.b->close();

    TANDEM_CO_ASSERT_TRUE(read.has_error() && again.has_error() && write.has_error());
    EXPECT_EQ(read.error().code(), std::errc::connection_reset) << read.error().what();
    EXPECT_EQ(again.error().code(), std::errc::connection_reset);
    EXPECT_TRUE(write.error().code() == std::errc::connection_reset ||
                write.error().code() == std::errc::broken_pipe)
        << write.error().what();
}

Task<void> trickle(io::ByteStream& to, const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size(); sent += 500) {
        co_await to.write_all(Bytes(bytes).skip(sent).text().substr(0, 500));
        co_await sleep(200us);
    }
}

STREAM_CONTRACT(SemC61, reads_cancelled_at_any_moment_lose_no_byte) {
    auto ends = co_await open_ends(kind);
    std::string sent(200'000, ' ');
    Pattern(3).fill(sent);
    auto writing = create_task(trickle(*ends.a, sent));
    std::string got;
    std::minstd_rand random(5);
    int cancelled = 0;
    char buffer[700];

    while (got.size() < sent.size()) {
        const auto limit = std::chrono::microseconds(10 + random() % 300);
        auto count = co_await within(limit, ends.b->read_some(buffer));
        if (!count) {
            ++cancelled;
            continue;
        }
        if (*count == 0) break;
        got.append(buffer, *count);
    }
    co_await std::move(writing);
    co_await close_both(ends);

    EXPECT_EQ(got, sent);
    EXPECT_GT(cancelled, 10);
}

STREAM_CONTRACT(SemC62, a_write_cancelled_in_its_middle_forbids_further_writes_and_reads_go_on) {
    auto ends = co_await open_ends(kind);
    const std::string much(20'000'000, 'm');

    const bool done = co_await within(20ms, ends.a->write_all(much));
    const auto later = co_await as_result(ends.a->write_all("x"));
    co_await ends.b->write_all("still here");
    const auto got = co_await io::read_exactly(*ends.a, 10);

    EXPECT_FALSE(done);
    TANDEM_CO_ASSERT_TRUE(later.has_error());
    EXPECT_TRUE(later.error().is<InvalidStateError>());
    EXPECT_EQ(got, "still here");
    ends.a->abort();
    ends.b->abort();
}

STREAM_CONTRACT(SemC22, in_a_cancelled_scope_nothing_is_read_and_nothing_written) {
    auto ends = co_await open_ends(kind);
    co_await ends.a->write_all("kept");
    co_await sleep(2ms);
    char buffer[8];
    CancelScope reading;
    reading.cancel();
    CancelScope writing;
    writing.cancel();

    const auto read = co_await reading.run(ends.b->read_some(buffer));
    const bool wrote = co_await writing.run(ends.b->write_all("never sent"));
    const auto got = co_await io::read_exactly(*ends.b, 4);
    co_await ends.b->close();
    const auto back = co_await io::read_all(*ends.a);
    co_await ends.a->close();

    EXPECT_FALSE(read.has_value());
    EXPECT_FALSE(wrote);
    EXPECT_EQ(got, "kept");
    EXPECT_EQ(back, "");
}

STREAM_CONTRACT(SemIO15, an_unread_stream_takes_no_more_than_its_buffers) {
    auto ends = co_await open_ends(kind);
    const std::string piece(64 * 1024, 'p');
    std::size_t taken = 0;
    for (;;) {
        const auto count = co_await within(30ms, ends.a->write_some(piece));
        if (!count) break;
        taken += *count;
    }

    EXPECT_GT(taken, 0U);
    EXPECT_LT(taken, 16U * 1024 * 1024);
    ends.a->abort();
    ends.b->abort();
}

}  // namespace
}  // namespace tandem::contracts
