#include <cli/input.hpp>

#include <gtest/gtest.h>

namespace tandem::cli {
namespace {

std::vector<std::string> urls_of(InputFormat format, std::string_view bytes, std::size_t piece) {
    InputReader input(format, "list");
    std::vector<std::string> urls;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        input.feed(bytes.substr(at, piece));
        while (auto entry = input.next()) urls.push_back(entry->url);
    }
    input.finish();
    while (auto entry = input.next()) urls.push_back(entry->url);
    return urls;
}

TEST(FetchF5_4, lines_come_out_the_same_however_the_bytes_are_cut) {
    const std::string text =
        "\xef\xbb\xbfhttp://a/\r\n\n  http://b/ \t\r\n# comment\n   # another\nhttp://c/#x\n\r\nhttp://d/";
    const std::vector<std::string> expected = {"http://a/", "http://b/", "http://c/#x", "http://d/"};
    for (std::size_t piece = 1; piece <= text.size(); ++piece)
        EXPECT_EQ(urls_of(InputFormat::automatic, text, piece), expected) << piece;
}

TEST(FetchF5_4, a_file_that_is_only_the_beginning_of_a_mark_is_a_line) {
    EXPECT_EQ(urls_of(InputFormat::lines, "\xef\xbb", 1), std::vector<std::string>{"\xef\xbb"});
    EXPECT_TRUE(urls_of(InputFormat::lines, "\xef\xbb\xbf", 1).empty());
    EXPECT_TRUE(urls_of(InputFormat::lines, "", 1).empty());
}

TEST(FetchF5_1, an_entry_comes_out_as_soon_as_its_line_has_ended) {
    InputReader input(InputFormat::automatic, "-");
    input.feed("http://a/\nhttp://b");
    EXPECT_EQ(input.next()->url, "http://a/");
    EXPECT_FALSE(input.next());
    input.feed("/x\n");
    EXPECT_EQ(input.next()->url, "http://b/x");
}

TEST(FetchF5_4, a_line_over_64_kib_is_a_failed_entry_and_the_next_one_is_read) {
    const std::string long_line(200'000, 'x');
    const std::string text = "http://a/\n" + long_line + "\nhttp://b/\n";
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{65536}, text.size()}) {
        InputReader input(InputFormat::lines, "list.txt");
        std::vector<Entry> entries;
        for (std::size_t at = 0; at < text.size(); at += piece) {
            input.feed(std::string_view(text).substr(at, piece));
            while (auto entry = input.next()) entries.push_back(std::move(*entry));
        }
        ASSERT_EQ(entries.size(), 3U) << piece;
        ASSERT_TRUE(entries[1].problem);
        EXPECT_EQ(entries[1].problem->code, ErrorCode::url_invalid);
        EXPECT_NE(entries[1].problem->message.find("list.txt, line 2"), std::string::npos);
        EXPECT_EQ(entries[2].url, "http://b/");
    }
}

TEST(FetchF5_4, a_line_of_exactly_64_kib_is_taken) {
    const std::string line(InputReader::max_url_line_bytes, 'x');
    InputReader input(InputFormat::lines, "list");
    input.feed(line + "\r\n");
    const auto entry = input.next();
    ASSERT_TRUE(entry);
    EXPECT_FALSE(entry->problem);
}

TEST(FetchF5_2, a_line_without_end_is_not_kept) {
    LineSplitter lines(1000);
    for (int i = 0; i < 1000; ++i) {
        lines.feed(std::string(4096, 'x'));
        while (lines.next()) {
        }
        EXPECT_LE(lines.held_bytes(), 8192U);
    }
}

TEST(FetchF5_5, what_looks_like_an_option_or_a_glob_in_a_list_is_a_url) {
    EXPECT_EQ(urls_of(InputFormat::lines, "--output=/etc/passwd\nhttp://a/{b,c}\n", 7),
              (std::vector<std::string>{"--output=/etc/passwd", "http://a/{b,c}"}));
}

TEST(FetchF1_5, a_report_gives_back_what_failed_or_was_cancelled_last) {
    const std::string id_a(32, 'a');
    const std::string id_b(32, 'b');
    const std::string id_c(32, 'c');
    const auto line = [](const std::string& id, const char* url, const char* rest) {
        return "{\"v\":1,\"id\":\"" + id + "\",\"url\":\"" + url + "\",\"method\":\"GET\"," + rest + "}\n";
    };
    const std::string report = line(id_a, "http://a/", "\"outcome\":\"failed\"") +
                               line(id_b, "http://b/", "\"outcome\":\"cancelled\"") +
                               line(id_c, "http://c/", "\"outcome\":\"ok\"") +
                               line(id_a, "http://a/", "\"outcome\":\"ok\"") +
                               line(id_b, "http://b/", "\"outcome\":\"skipped\",\"skip\":\"duplicate\"") +
                               line(id_c, "http://c/", "\"outcome\":\"failed\"") + "{\"v\":1,\"id\":\"torn";
    EXPECT_EQ(urls_of(InputFormat::automatic, report, 13),
              (std::vector<std::string>{"http://b/", "http://c/"}));
}

TEST(FetchF1_5, a_retried_entry_keeps_its_method_body_headers_name_and_tags) {
    InputReader input(InputFormat::report, "r");
    input.feed(
        R"({"v":7,"id":"00112233445566778899aabbccddeeff","url":"http://a/","method":"PUT","outcome":"failed",)"
        R"("tags":{"k":[1,"x"]},"new_field":1,"request":{"headers":{"X-A":"1"},"body":"hi","output":"o.txt"}})"
        "\n");
    input.finish();
    const auto entry = input.next();
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->method, "PUT");
    EXPECT_EQ(entry->headers, (HeaderList{{"X-A", "1"}}));
    EXPECT_EQ(entry->body, "hi");
    EXPECT_EQ(entry->output, "o.txt");
    EXPECT_EQ(entry->tags_json, R"({"k":[1,"x"]})");
    EXPECT_FALSE(input.next());
}

TEST(FetchF1_5, lines_that_are_no_records_are_counted_and_harmless) {
    FailedEntries failed;
    for (const auto* line :
         {"{", "[]", "null", "{}", "{\"id\":\"x\",\"url\":\"u\",\"outcome\":\"failed\"}", "\xff"})
        failed.add_line(line);
    failed.add_line(std::string(100'000, '['));
    EXPECT_EQ(failed.unreadable_lines(), 7U);
    EXPECT_EQ(failed.size(), 0U);
}

TEST(FetchF5_7, skip_limit_and_dedupe_judge_by_position_and_id) {
    FetchOptions options;
    options.skip = 1;
    options.limit = 3;
    Intake intake(options);
    const auto judge = [&](std::string_view url) {
        return intake.judge(intake.count_one(), entry_id("GET", url, nullptr, ""));
    };
    EXPECT_EQ(judge("a"), Intake::Verdict::before_skip);
    EXPECT_EQ(judge("a"), Intake::Verdict::take);
    EXPECT_EQ(judge("b"), Intake::Verdict::take);
    EXPECT_FALSE(intake.is_full());
    EXPECT_EQ(judge("a"), Intake::Verdict::duplicate);
    EXPECT_TRUE(intake.is_full());
    EXPECT_EQ(judge("c"), Intake::Verdict::over_limit);
}

TEST(FetchF5_7, without_dedupe_nothing_is_a_duplicate_and_bad_urls_never_are) {
    FetchOptions options;
    Intake strict(options);
    EXPECT_EQ(strict.judge(1, std::nullopt), Intake::Verdict::take);
    EXPECT_EQ(strict.judge(2, std::nullopt), Intake::Verdict::take);
    options.dedupe = false;
    Intake lax(options);
    const auto id = entry_id("GET", "http://a/", nullptr, "");
    EXPECT_EQ(lax.judge(1, id), Intake::Verdict::take);
    EXPECT_EQ(lax.judge(2, id), Intake::Verdict::take);
}

TEST(FetchF5_4, a_bad_url_is_named_without_its_password_and_with_a_way_out) {
    const auto bare = parse_entry_url("example.org/x", nullptr);
    ASSERT_TRUE(bare.problem);
    EXPECT_EQ(bare.problem->code, ErrorCode::url_invalid);
    EXPECT_NE(bare.problem->message.find("https://"), std::string::npos);

    const auto port = parse_entry_url("localhost:8080/x", nullptr);
    ASSERT_TRUE(port.problem);
    EXPECT_EQ(port.problem->code, ErrorCode::scheme_refused);
    EXPECT_NE(port.problem->message.find("http://localhost:8080/x"), std::string::npos);

    EXPECT_EQ(parse_entry_url("file:///etc/passwd", nullptr).problem->code, ErrorCode::scheme_refused);
    const auto secret = parse_entry_url("http://alice:canary@exa mple.org/", nullptr);
    ASSERT_TRUE(secret.problem);
    EXPECT_EQ(secret.problem->message.find("canary"), std::string::npos) << secret.problem->message;
}

TEST(FetchF5_7, relative_entries_are_resolved_against_the_base) {
    const http::Url base("https://example.org/a/b");
    const auto entry = parse_entry_url("../c?d", &base);
    ASSERT_TRUE(entry.url);
    EXPECT_EQ(entry.url->href(), "https://example.org/c?d");
    EXPECT_EQ(lane_of(*entry.url), "https://example.org:443");
}

}  // namespace
}  // namespace tandem::cli
