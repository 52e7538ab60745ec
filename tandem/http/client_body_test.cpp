// Bodies of responses: whole, in pieces, cut off, coded.
#include <tandem/http/client.hpp>

#include <tandem/http/client_peer_internal.hpp>
#include <tandem/http/pool_internal.hpp>
#include <tandem/task/sleep.hpp>
#include <tandem/testing/async_test.hpp>

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <chrono>
#include <memory>
#include <string>

namespace tandem::http {
namespace {

using namespace std::chrono_literals;

std::string gzipped(const std::string& text) {
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string brotlied(const std::string& text) {
    std::size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 64;
    std::string out(size, '\0');
    BrotliEncoderCompress(5, 22, BROTLI_MODE_TEXT, text.size(),
                          reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                          reinterpret_cast<std::uint8_t*>(out.data()));
    out.resize(size);
    return out;
}

std::string zstded(const std::string& text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

std::string sample(std::size_t bytes) {
    std::string text;
    for (std::size_t i = 0; text.size() < bytes; ++i)
        text += "line " + std::to_string(i * 7919 % 10'007) + "\n";
    text.resize(bytes);
    return text;
}

std::string in_chunks(const std::string& body, std::size_t chunk_bytes) {
    std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < body.size(); at += chunk_bytes) {
        const auto piece = body.substr(at, chunk_bytes);
        char size[20];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        text += size + piece + "\r\n";
    }
    return text + "0\r\nX-After: yes\r\n\r\n";
}

std::shared_ptr<ScriptedDialer> answering(const std::string& answer) {
    return std::make_shared<ScriptedDialer>(always(answer));
}

/// Answers and ends the connection.
std::shared_ptr<ScriptedDialer> answering_and_closing(const std::string& answer) {
    return std::make_shared<ScriptedDialer>([answer](ScriptedPeer& peer) -> Task<void> {
        co_await peer.request();
        co_await peer.say(answer);
        co_await peer.close();
    });
}

ASYNC_TEST(HttpH32, a_large_body_is_the_same_read_whole_and_read_in_pieces) {
    const std::string body = sample(1'000'000);
    for (const std::string& answer : {ok_response(body), in_chunks(body, 10'000)}) {
        Client client(ClientOptions().dialer(answering(answer)));
        Response whole = co_await client.get("http://h/");
        const std::string& bytes = co_await whole.bytes();
        const bool same = bytes == body;
        Response piecewise = co_await client.get("http://h/");
        std::string collected;
        while (auto piece = co_await piecewise.next_chunk(777)) collected += *piece;
        co_await client.close();
        co_await sleep(1ms);

        EXPECT_TRUE(same);
        EXPECT_TRUE(collected == body);
        EXPECT_EQ(piecewise.byte_counts().body, body.size());
        EXPECT_EQ(whole.byte_counts().decoded, body.size());
    }
}

ASYNC_TEST(HttpH32, bytes_gives_the_kept_body_every_time_and_refuses_a_started_stream) {
    const std::string body = sample(100'000);
    Client client(ClientOptions().dialer(answering(ok_response(body))));

    Response kept = co_await client.get("http://h/");
    co_await kept.bytes();
    const std::string& again = co_await kept.bytes();
    const bool same = again == body;
    Response started = co_await client.get("http://h/");
    char some[10];
    co_await started.read_some(some);
    const auto mixed = co_await caught<BodyConsumed>(started.text());
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_TRUE(same);
    EXPECT_TRUE(mixed.has_value());
}

ASYNC_TEST(HttpH32, a_response_that_nobody_keeps_can_still_be_read) {
    Client client(ClientOptions().dialer(answering(ok_response("short"))));

    Response reply = co_await client.get("http://h/");
    const std::string text = co_await std::move(reply).text();
    co_await client.close();

    EXPECT_EQ(text, "short");
}

ASYNC_TEST(HttpH33, text_follows_mark_and_charset_and_replaces_what_is_invalid) {
    struct Case {
        std::string type, bytes, text;
    };
    const std::vector<Case> cases = {
        {"text/plain", "plain \xC3\xA4", "plain \xC3\xA4"},
        {"text/plain; charset=ISO-8859-1", "\xE4\x80", "\xC3\xA4\xE2\x82\xAC"},
        {"text/plain; charset=\"shift_jis\"", "\x83\x65", "\xE3\x83\x86"},
        {"text/plain", "\xEF\xBB\xBFmarked", "marked"},
        {"text/plain", std::string("\xFF\xFEh\0i\0", 6), "hi"},
        {"text/plain",
         "a\xFF"
         "b\xE2\x82",
         "a\xEF\xBF\xBD"
         "b\xEF\xBF\xBD\xEF\xBF\xBD"},
    };
    for (const Case& wanted : cases) {
        const std::string answer = ok_response(wanted.bytes, "Content-Type: " + wanted.type + "\r\n");
        Client client(ClientOptions().dialer(answering(answer)));
        Response reply = co_await client.get("http://h/");
        const std::string text = co_await reply.text();
        co_await client.close();
        co_await sleep(1ms);

        EXPECT_EQ(text, wanted.text) << wanted.type;
    }
}

ASYNC_TEST(HttpH36, a_response_dropped_unread_keeps_the_connection_only_if_all_of_it_has_come) {
    const std::string coded = ok_response(gzipped("short"), "Content-Encoding: gzip\r\n");
    auto whole = answering(coded);
    auto half = answering(ok_response(sample(100'000)));
    {
        Client client(ClientOptions().dialer(whole));
        for (int i = 0; i < 3; ++i) co_await client.get("http://h/");
        co_await client.close();
    }
    {
        Client client(ClientOptions().dialer(half));
        for (int i = 0; i < 3; ++i) co_await client.get("http://h/");
        co_await client.close();
    }
    co_await sleep(1ms);

    EXPECT_EQ(whole->dials(), 1U);
    EXPECT_EQ(half->dials(), 3U);
}

ASYNC_TEST(HttpH37, a_body_short_of_its_length_is_never_taken_for_whole) {
    const std::string short_answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(60, 'x');
    Client client(ClientOptions().dialer(answering_and_closing(short_answer)));

    Response reply = co_await client.get("http://h/");
    const auto error = co_await caught<IncompleteBody>(reply.text());
    const auto again = co_await caught<Error>(reply.text());
    co_await client.close();

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(error->received(), 60U);
    EXPECT_EQ(error->expected(), 100U);
    EXPECT_EQ(error->reached(), Reached::processed);
    EXPECT_TRUE(again.has_value()) << "a second read must not find a whole body either";
}

ASYNC_TEST(HttpH37, chunks_without_their_end_and_a_reset_are_incomplete_too) {
    const std::string cut = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    ScriptedDialer::Script reset = [cut](ScriptedPeer& peer) -> Task<void> {
        co_await peer.request();
        co_await peer.say(cut);
        co_await sleep(1s);
        peer.stream().abort();
    };
    for (const auto& dialer : {answering_and_closing(cut), std::make_shared<ScriptedDialer>(reset)}) {
        Client client(ClientOptions().dialer(dialer));
        Response reply = co_await client.get("http://h/");
        const auto error = co_await caught<IncompleteBody>(reply.text());
        co_await client.close();

        EXPECT_TRUE(error.has_value());
        EXPECT_EQ(error ? error->received() : 0, 5U);
    }
}

ASYNC_TEST(HttpH37, a_body_that_ends_with_the_connection_is_complete_but_of_unknown_length) {
    Client client(ClientOptions().dialer(answering_and_closing("HTTP/1.1 200 OK\r\n\r\n" + sample(50'000))));

    Response reply = co_await client.get("http://h/");
    const std::string& body = co_await reply.bytes();
    const bool same = body == sample(50'000);
    co_await client.close();

    EXPECT_TRUE(same);
    EXPECT_FALSE(reply.length_known());
    EXPECT_EQ(reply.content_length(), std::nullopt);
}

ASYNC_TEST(HttpH31, trailers_are_there_once_the_body_has_been_read) {
    Client client(ClientOptions().dialer(answering(in_chunks(sample(100'000), 5'000))));

    Response reply = co_await client.get("http://h/");
    const bool early = reply.trailers().empty();
    co_await reply.bytes();
    co_await client.close();

    EXPECT_TRUE(early);
    EXPECT_EQ(reply.trailers().get("x-after"), "yes");
}

ASYNC_TEST(HttpH121, gzip_brotli_and_zstd_are_decoded_while_they_stream) {
    const std::string body = sample(500'000);
    const std::vector<std::pair<std::string, std::string>> codings = {
        {"gzip", gzipped(body)}, {"br", brotlied(body)}, {"zstd", zstded(body)}};
    for (const auto& [coding, bytes] : codings) {
        Client client(
            ClientOptions().dialer(answering(ok_response(bytes, "Content-Encoding: " + coding + "\r\n"))));
        Response reply = co_await client.get("http://h/");
        const std::string& decoded = co_await reply.bytes();
        const bool same = decoded == body;
        Response raw = co_await client.get("http://h/", Options().with_decompress(false));
        const std::string& encoded = co_await raw.bytes();
        const bool same_encoded = encoded == bytes;
        co_await client.close();
        co_await sleep(1ms);

        EXPECT_TRUE(same) << coding;
        EXPECT_TRUE(same_encoded) << coding;
        EXPECT_EQ(reply.byte_counts().body, bytes.size()) << coding;
        EXPECT_EQ(reply.byte_counts().decoded, body.size()) << coding;
    }
}

ASYNC_TEST(HttpH122, an_unknown_coding_is_bad_encoding_unless_decoding_is_off) {
    Client client(ClientOptions().dialer(answering(ok_response("data", "Content-Encoding: rot13\r\n"))));

    const auto error = co_await caught<BadEncoding>(client.get("http://h/"));
    Response raw = co_await client.get("http://h/", Options().with_decompress(false));
    const std::string text = co_await raw.text();
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(text, "data");
}

ASYNC_TEST(HttpH123, a_bomb_stops_at_the_cap_and_the_connection_with_it) {
    const std::string bomb =
        ok_response(gzipped(std::string(20'000'000, '\0')), "Content-Encoding: gzip\r\n");
    DecodeLimits limits;
    limits.max_decoded_bytes = 5'000'000;
    limits.max_ratio = std::nullopt;
    auto dialer = answering(bomb);
    Client client(ClientOptions().dialer(dialer).decode_limits(limits));

    Response reply = co_await client.get("http://h/");
    const auto error = co_await caught<LimitExceeded>(reply.text());
    co_await client.get("http://h/");  // dropped unread: decodes nothing
    co_await client.close();
    Client usual(ClientOptions().dialer(dialer));
    Response by_ratio = co_await usual.get("http://h/");
    const auto ratio = co_await caught<LimitExceeded>(by_ratio.text());
    co_await usual.close();
    co_await sleep(1ms);

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(error ? error->value() : 0, 5'000'000U);
    EXPECT_TRUE(ratio.has_value());
    EXPECT_EQ(ratio ? ratio->value() : 0, 1'000U);
}

ASYNC_TEST(HttpH124, damaged_gzip_is_bad_encoding_and_head_and_204_are_not_decoded) {
    std::string damaged = gzipped(sample(10'000));
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
    Client client(ClientOptions().dialer(answering(ok_response(damaged, "Content-Encoding: gzip\r\n"))));
    Response reply = co_await client.get("http://h/");
    const auto error = co_await caught<BadEncoding>(reply.text());
    co_await client.close();

    Client heads(ClientOptions().dialer(
        answering("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000\r\n\r\n")));
    Response head = co_await heads.head("http://h/");
    const std::string nothing = co_await head.text();
    co_await heads.close();
    co_await sleep(1ms);

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(nothing, "");
    EXPECT_EQ(head.headers().get("Content-Length"), "1000");
}

ASYNC_TEST(HttpL8, bytes_takes_no_more_than_its_limit) {
    Client client(ClientOptions().dialer(answering(ok_response(sample(300'000)))).max_body_bytes(200'000));

    Response reply = co_await client.get("http://h/");
    const auto error = co_await caught<LimitExceeded>(reply.text());
    co_await client.close();
    co_await sleep(1ms);

    EXPECT_TRUE(error.has_value());
    EXPECT_EQ(error ? error->limit() : "", "ClientOptions::max_body_bytes");
}

ASYNC_TEST(HttpH35, a_reader_that_pauses_makes_the_peer_pause) {
    auto sent = std::make_shared<std::size_t>(0);
    ScriptedDialer::Script endless = [sent](ScriptedPeer& peer) -> Task<void> {
        co_await peer.request();
        co_await peer.say("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        const std::string piece(10'000, 'x');
        for (;;) {
            co_await peer.say(piece);
            *sent += piece.size();
        }
    };
    std::size_t while_paused = 0;
    {
        Client client(ClientOptions().dialer(std::make_shared<ScriptedDialer>(endless, 64 * 1024)));
        Response reply = co_await client.get("http://h/");
        co_await sleep(10s);
        while_paused = *sent;
        co_await client.close();
    }
    co_await sleep(1ms);

    EXPECT_LE(while_paused, 64U * 1024 + ReadBuffer::size + 10'000);
}

}  // namespace
}  // namespace tandem::http
