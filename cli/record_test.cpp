#include <cli/record.hpp>

#include <cli/json_writer.hpp>
#include <cli/sha256.hpp>

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace tandem::cli {
namespace {

namespace json = boost::json;

json::object parsed(const Record& record) {
    const auto line = to_json_line(record);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    return json::parse(line).as_object();
}

Record full_record() {
    using namespace std::chrono;
    Record record;
    record.id = std::string(32, 'a');
    record.seq = 7;
    record.url = "http://alice:canary@a/x";
    record.final_url = "http://b/y";
    record.method = "GET";
    record.outcome = Outcome::failed;
    record.error =
        RecordError{ErrorCode::incomplete_body, "body ended after 5 of 9 bytes", Phase::body, true};
    record.status = 200;
    record.reason = "OK";
    record.http = "1.1";
    record.remote = "127.0.0.1:80";
    record.tls = TlsFacts{"TLSv1.3", "TLS_AES_128_GCM_SHA256", "http/1.1", false, true, "CN=test"};
    record.type = "text/html";
    record.length = 9;
    record.headers = HeaderList{{"Via", "a"}, {"via", "b"}, {"Set-Cookie", "canary"}, {"X-Mine", "canary"}};
    record.bytes = ByteCounts{100, 50, 5, 5, 0, 0, 0};
    record.length_known = true;
    record.file = "a/x";
    record.redirects = {{"http://u:canary@a/", 302, Elapsed(1.5)}};
    Attempt attempt;
    attempt.start = WallTime(milliseconds(1769860800123));
    attempt.ms = Elapsed(12.3456);
    attempt.error = ErrorCode::incomplete_body;
    record.attempts = {attempt};
    record.timings.emplace();
    record.timings->total = Elapsed(20);
    record.start = WallTime(milliseconds(1769860800123));
    record.quirks = {"folding"};
    record.tags_json = R"({"a":1})";
    record.request.headers = {{"X-A", "1"}, {"Authorization", "canary"}};
    record.request.body = "hi";
    return record;
}

TEST(FetchR4, a_record_has_the_documented_fields_in_one_line) {
    const auto record = parsed(full_record());
    for (const auto* name :
         {"v",       "run",     "id",     "seq",          "url",    "final_url", "method",    "outcome",
          "class",   "error",   "status", "reason",       "http",   "remote",    "tls",       "type",
          "length",  "headers", "bytes",  "length_known", "file",   "renamed",   "redirects", "attempts",
          "timings", "start",   "quirks", "tags",         "request"})
        EXPECT_TRUE(record.contains(name)) << name;
    EXPECT_EQ(record.at("v").as_int64(), 1);
    EXPECT_EQ(record.at("class").as_string(), "network");
    EXPECT_EQ(record.at("error").at("curl_code").as_int64(), 18);
    EXPECT_EQ(record.at("error").at("phase").as_string(), "body");
    EXPECT_EQ(record.at("start").as_string(), "2026-01-31T12:00:00.123Z");
    EXPECT_EQ(record.at("headers").at("via").as_array().size(), 2U);
    EXPECT_EQ(record.at("tags").at("a").as_int64(), 1);
}

TEST(FetchR22, durations_are_milliseconds_with_three_decimals) {
    EXPECT_NE(to_json_line(full_record()).find("\"ms\":12.346,"), std::string::npos);
}

TEST(FetchR4, what_does_not_apply_is_absent) {
    Record record;
    record.id = std::string(32, 'b');
    record.url = "http://a/";
    record.method = "GET";
    const auto object = parsed(record);
    EXPECT_EQ(object.size(), 8U) << json::serialize(object);
    EXPECT_EQ(object.at("class").as_string(), "ok");
}

TEST(FetchR9, a_duplicate_names_its_original) {
    Record record;
    record.outcome = Outcome::skipped;
    record.skip = SkipReason::duplicate;
    record.skip_of = std::string(32, 'c');
    const auto object = parsed(record);
    EXPECT_EQ(object.at("outcome").as_string(), "skipped");
    EXPECT_EQ(object.at("skip").as_string(), "duplicate");
    EXPECT_EQ(object.at("of").as_string(), std::string(32, 'c'));
}

TEST(FetchF9_5, no_secret_gets_into_a_record) {
    const auto line = to_json_line(full_record(), {"x-mine"});
    EXPECT_EQ(line.find("canary"), std::string::npos) << line;
    EXPECT_NE(line.find("\"set-cookie\":[\"***\"]"), std::string::npos);
}

TEST(FetchR30, a_body_over_4_kib_is_not_repeated_in_the_record) {
    auto record = full_record();
    record.request.body = std::string(4097, 'x');
    EXPECT_FALSE(parsed(record).at("request").as_object().contains("body"));
    record.request.body = std::string(4096, 'x');
    EXPECT_TRUE(parsed(record).at("request").as_object().contains("body"));
}

TEST(FetchR4, any_bytes_make_valid_json_without_controls) {
    for (int first = 0; first < 256; ++first) {
        for (const int second : {0x00, 0x22, 0x5c, 0x80, 0xbf, 0xff}) {
            std::string out;
            append_json_string(out, std::string{static_cast<char>(first), static_cast<char>(second)});
            EXPECT_NO_THROW((void)json::parse(out)) << first << " " << second;
            for (const char letter : out) EXPECT_GE(static_cast<unsigned char>(letter), 0x20);
        }
    }
}

TEST(FetchR2, the_id_is_32_hex_digits_and_tells_every_part_apart) {
    const auto body = sha256("hi");
    const auto plain = entry_id("GET", "http://a/", nullptr, "");
    EXPECT_EQ(plain.text().size(), 32U);
    EXPECT_EQ(plain.text().find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_EQ(plain, entry_id("GET", "http://a/", nullptr, ""));
    EXPECT_NE(plain, entry_id("HEAD", "http://a/", nullptr, ""));
    EXPECT_NE(plain, entry_id("GET", "http://a/b", nullptr, ""));
    EXPECT_NE(plain, entry_id("GET", "http://a/", &body, ""));
    EXPECT_NE(plain, entry_id("GET", "http://a/", nullptr, "o"));
    EXPECT_NE(entry_id("GET", "http://a/b", nullptr, "c"), entry_id("GET", "http://a/", nullptr, "bc"));
    EXPECT_EQ(entry_id_from(plain.text()), plain);
    EXPECT_EQ(entry_id_from("nonsense"), EntryId{});
}

TEST(FetchR2, the_id_of_a_url_never_changes_between_versions) {
    // Written down once: reports and jobs of older versions must still match.
    EXPECT_EQ(entry_id("GET", "http://example.org/", nullptr, "").text(), "45e17e52b3b589976149e94ff43c3c81");
}

TEST(Sha256, agrees_with_the_published_vector) {
    EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace tandem::cli
