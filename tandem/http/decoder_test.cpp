#include <tandem/http/decoder.hpp>

#include <tandem/http/errors.hpp>

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::http {
namespace {

std::string deflated(std::string_view text, int window_bits) {
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY);
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

std::string gzipped(std::string_view text) { return deflated(text, 15 + 16); }
std::string zlibbed(std::string_view text) { return deflated(text, 15); }
std::string raw_deflated(std::string_view text) { return deflated(text, -15); }

std::string brotlied(std::string_view text) {
    std::size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 64;
    std::string out(size, '\0');
    BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, text.size(),
                          reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                          reinterpret_cast<std::uint8_t*>(out.data()));
    out.resize(size);
    return out;
}

std::string zstded(std::string_view text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

struct Coding {
    std::string_view name;
    std::function<std::string(std::string_view)> encode;
};

const std::vector<Coding>& codings() {
    static const std::vector<Coding> all = {{"gzip", gzipped},    {"x-gzip", gzipped},
                                            {"deflate", zlibbed}, {"deflate", raw_deflated},
                                            {"br", brotlied},     {"zstd", zstded}};
    return all;
}

/// Decodes in pieces of `in_bytes`, at most `out_bytes` at a time.
std::string decode(std::string_view coding, std::string_view encoded, std::size_t in_bytes = 1 << 20,
                   std::size_t out_bytes = 1 << 16, const DecodeLimits& limits = {}) {
    auto decoder = ContentDecoder::create(coding, limits);
    std::string out;
    while (!encoded.empty()) {
        auto piece = encoded.substr(0, in_bytes);
        encoded.remove_prefix(piece.size());
        while (!piece.empty() || decoder.pending()) {
            const auto before = out.size();
            piece.remove_prefix(decoder.decode(std::span(piece.data(), piece.size()), out, out_bytes));
            EXPECT_LE(out.size() - before, out_bytes);
        }
    }
    decoder.finish();
    return out;
}

std::string log_text(std::size_t bytes) {
    std::string text;
    for (int line = 0; text.size() < bytes; ++line)
        text += "2026-01-01T00:00:00Z host service[" + std::to_string(line) + "]: request served in 12 ms\n";
    return text;
}

TEST(HttpH121, every_coding_decodes_in_any_pieces) {
    const auto text = log_text(100'000);
    for (const auto& [name, encode] : codings()) {
        const auto encoded = encode(text);
        EXPECT_EQ(decode(name, encoded), text) << name;
        EXPECT_EQ(decode(name, encoded, 1, 7), text) << name;
        EXPECT_EQ(decode(name, encoded, 1'000, 1), text) << name;
        EXPECT_EQ(decode(name, encoded, 3, 100'000), text) << name;
    }
}

TEST(HttpH121, names_ignore_case_and_identity_hands_bytes_on) {
    EXPECT_EQ(decode("GZip", gzipped("abc")), "abc");
    EXPECT_EQ(decode("identity", "abc"), "abc");
    EXPECT_EQ(decode("", "abc", 2, 1), "abc");
    EXPECT_TRUE(ContentDecoder::create(" identity ").is_identity());
    EXPECT_TRUE(can_decode("ZSTD"));
    EXPECT_FALSE(can_decode("compress"));
}

TEST(HttpH121, several_members_of_gzip_and_frames_of_zstd_follow_each_other) {
    EXPECT_EQ(decode("gzip", gzipped("one ") + gzipped("") + gzipped("two")), "one two");
    EXPECT_EQ(decode("zstd", zstded("one ") + zstded("two"), 1, 1), "one two");
}

TEST(HttpH121, more_than_1024_members_are_refused) {
    std::string members;
    for (int i = 0; i < 1024; ++i) members += gzipped("a");
    EXPECT_EQ(decode("gzip", members).size(), 1024U);
    EXPECT_THROW(decode("gzip", members + gzipped("a")), LimitExceeded);
    std::string frames;
    for (int i = 0; i < 1025; ++i) frames += zstded("a");
    EXPECT_THROW(decode("zstd", frames), LimitExceeded);
}

TEST(HttpH122, two_codings_come_off_in_the_reverse_order) {
    const auto text = log_text(50'000);
    EXPECT_EQ(decode("gzip, br", brotlied(gzipped(text))), text);
    EXPECT_EQ(decode("br,zstd", zstded(brotlied(text)), 1, 3), text);
    EXPECT_EQ(decode("gzip, gzip", gzipped(gzipped(text)), 7, 7), text);
}

TEST(HttpH122, more_than_two_or_unknown_codings_are_refused) {
    EXPECT_THROW((void)ContentDecoder::create("gzip, br, gzip"), BadEncoding);
    EXPECT_THROW((void)ContentDecoder::create("gzip, compress"), BadEncoding);
    try {
        (void)ContentDecoder::create("sd\nch");
        FAIL();
    } catch (const BadEncoding& error) {
        EXPECT_EQ(error.coding(), "sd\\nch");
    }
}

TEST(HttpH123, log_text_of_50_mib_at_a_hundred_to_one_passes) {
    const auto line = log_text(2'000'000);
    std::string text;
    while (text.size() < 50U * 1024 * 1024) text += line;
    const auto encoded = brotlied(text);
    const auto packed = gzipped(log_text(5'000'000));
    EXPECT_GT(decode("gzip", packed).size() / packed.size(), 10U);
    auto limits = DecodeLimits();
    limits.max_ratio = 1'000'000;  // brotli packs a repetition harder than any log
    EXPECT_EQ(decode("br", encoded, 1 << 20, 1 << 16, limits).size(), text.size());
}

/// How much comes out of a bomb before it is stopped.
std::size_t stopped_after(std::string_view coding, std::string_view encoded,
                          const DecodeLimits& limits = {}) {
    auto decoder = ContentDecoder::create(coding, limits);
    std::size_t decoded = 0;
    try {
        for (std::string out; !encoded.empty() || decoder.pending(); out.clear()) {
            encoded.remove_prefix(decoder.decode(std::span(encoded.data(), encoded.size()), out, 64 * 1024));
            decoded += out.size();
        }
    } catch (const LimitExceeded&) {
        return decoded;
    }
    ADD_FAILURE() << coding << " was not stopped";
    return decoded;
}

TEST(HttpH123, a_bomb_stops_at_the_ratio_once_1_mib_is_out) {
    const std::string zeros(64U * 1024 * 1024, '\0');
    for (const auto& [name, encode] : codings()) {
        const auto encoded = encode(zeros);
        const auto seen = stopped_after(name, encoded);
        EXPECT_GE(seen, 900U * 1024) << name;
        EXPECT_LE(seen, std::max<std::size_t>(encoded.size() * 1'000, 1024U * 1024) + 64 * 1024) << name;
    }
    EXPECT_LE(stopped_after("gzip, gzip", gzipped(gzipped(zeros))), 2U * 1024 * 1024);
}

TEST(HttpH123, the_decoded_size_has_a_cap_to_the_byte) {
    const auto text = log_text(100'000);
    auto limits = DecodeLimits();
    limits.max_decoded_bytes = text.size();
    EXPECT_EQ(decode("gzip", gzipped(text), 100, 100, limits), text);
    limits.max_decoded_bytes = text.size() - 1;
    for (const auto& [name, encode] : codings()) {
        EXPECT_THROW(decode(name, encode(text), 1 << 20, 1 << 16, limits), LimitExceeded) << name;
        EXPECT_THROW(decode(name, encode(text), 10, 10, limits), LimitExceeded) << name;
    }
    EXPECT_THROW(decode("identity", text, 100, 100, limits), LimitExceeded);
}

TEST(HttpH124, truncated_data_is_refused_at_every_length) {
    const auto text = log_text(300);
    for (const auto& [name, encode] : codings()) {
        const auto encoded = encode(text);
        for (std::size_t size = 1; size < encoded.size(); ++size)
            EXPECT_THROW(decode(name, std::string_view(encoded).substr(0, size)), BadEncoding)
                << name << size;
    }
    const auto twice = gzipped(gzipped(text).substr(0, 30));
    EXPECT_THROW(decode("gzip, gzip", twice), BadEncoding);
}

TEST(HttpH124, rubbish_behind_the_end_is_refused) {
    for (const auto& [name, encode] : codings()) {
        EXPECT_THROW(decode(name, encode("text") + "rubbish"), BadEncoding) << name;
        EXPECT_THROW(decode(name, encode("text") + "rubbish", 1, 1), BadEncoding) << name;
    }
}

TEST(HttpH124, damage_names_coding_and_offset) {
    auto encoded = gzipped(log_text(10'000));
    encoded[encoded.size() / 2] ^= 0x55;
    try {
        (void)decode("gzip", encoded);
        FAIL();
    } catch (const BadEncoding& error) {
        EXPECT_EQ(error.coding(), "gzip");
        EXPECT_GT(error.offset(), 0U);
        EXPECT_LE(error.offset(), encoded.size());
    }
    EXPECT_THROW(decode("br", "this is no brotli at all, is it?"), BadEncoding);
    EXPECT_THROW(decode("zstd", "this is no zstd"), BadEncoding);
    EXPECT_THROW(decode("gzip", "<html>"), BadEncoding);
}

TEST(HttpH124, an_empty_body_with_a_coding_is_empty) {
    for (const auto& [name, encode] : codings()) EXPECT_EQ(decode(name, ""), "") << name;
    EXPECT_EQ(decode("gzip, br", ""), "");
    for (const auto& [name, encode] : codings()) EXPECT_EQ(decode(name, encode("")), "") << name;
}

}  // namespace
}  // namespace tandem::http
