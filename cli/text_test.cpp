#include <cli/text.hpp>

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace tandem::cli {
namespace {

TEST(FetchF7_8, controls_escapes_and_direction_marks_never_reach_a_terminal) {
    EXPECT_EQ(escaped_for_terminal("a\x1b[31mb"), "a\\x1b[31mb");
    EXPECT_EQ(escaped_for_terminal(std::string_view("\0\n\r\t\x7f", 5)), "\\x00\\n\\r\\t\\x7f");
    EXPECT_EQ(escaped_for_terminal("\u009b31m"), "\\u009b31m");
    EXPECT_EQ(escaped_for_terminal("x\u202ecod.exe"), "x\\u202ecod.exe");
    EXPECT_EQ(escaped_for_terminal("\u2066\u061c"), "\\u2066\\u061c");
    EXPECT_EQ(escaped_for_terminal("\xff\xc0\xaf"), "\\xff\\xc0\\xaf");
    EXPECT_EQ(escaped_for_terminal("\x9b"
                                   "31m"),
              "\\x9b31m");
}

TEST(FetchF7_8, every_byte_alone_comes_out_without_controls) {
    for (int byte = 0; byte < 256; ++byte) {
        for (const char letter : escaped_for_terminal(std::string(1, static_cast<char>(byte)))) {
            EXPECT_GE(letter, ' ') << byte;
            EXPECT_LT(letter, 0x7f) << byte;
        }
    }
}

TEST(FetchF7_8, plain_text_of_any_language_stays_as_it_is) {
    EXPECT_EQ(escaped_for_terminal("Grüße, 世界 🙂"), "Grüße, 世界 🙂");
}

TEST(DisplayWidth, wide_characters_take_two_columns_and_combining_ones_none) {
    EXPECT_EQ(display_width("abc"), 3U);
    EXPECT_EQ(display_width("世界"), 4U);
    EXPECT_EQ(display_width("e\u0301"), 1U);
}

TEST(Shortened, long_text_loses_its_middle_and_fits_exactly) {
    EXPECT_EQ(shortened("https://example.org/a/long/path/file.bin", 20, false), "https://e../file.bin");
    for (std::size_t columns = 0; columns < 30; ++columns)
        EXPECT_LE(display_width(shortened("世界世界世界世界世界世界世界", columns, true)), columns);
}

TEST(HumanBytes, four_digits_never_appear) {
    EXPECT_EQ(human_bytes(0), "0 B");
    EXPECT_EQ(human_bytes(999), "999 B");
    EXPECT_EQ(human_bytes(1000), "1.0 kB");
    EXPECT_EQ(human_bytes(999'949), "999.9 kB");
    EXPECT_EQ(human_bytes(999'950), "1.0 MB");
    EXPECT_EQ(human_bytes(42'100'000), "42.1 MB");
    EXPECT_EQ(human_bytes(12.4e9), "12.4 GB");
}

TEST(HumanDuration, the_unit_grows_with_the_time) {
    EXPECT_EQ(human_duration(350ms), "350 ms");
    EXPECT_EQ(human_duration(12345ms), "12.3 s");
    EXPECT_EQ(human_duration(59960ms), "1m00s");
    EXPECT_EQ(human_duration(247s), "4m07s");
    EXPECT_EQ(human_duration(7500s), "2h05m");
}

TEST(Nearest, a_typing_error_finds_its_word_and_nonsense_finds_none) {
    const std::vector<std::string_view> words = {"retry", "report", "max-time", "rate"};
    EXPECT_EQ(nearest("retyr", words), "retry");
    EXPECT_EQ(nearest("max-tiem", words), "max-time");
    EXPECT_EQ(nearest("xyzzyqwerty", words), "");
}

TEST(ShellWord, quotes_only_what_a_shell_would_take_apart) {
    EXPECT_EQ(shell_word("out/report.jsonl"), "out/report.jsonl");
    EXPECT_EQ(shell_word("my report"), "'my report'");
    EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
    EXPECT_EQ(shell_word(""), "''");
}

TEST(FetchF9_5, no_way_to_write_user_and_password_into_a_url_survives) {
    const char* const written[] = {
        "http://alice:canary@example.org/x",   "HTTPS://canary@example.org",
        "http:alice:canary@example.org/",      "http:/alice:canary@example.org/",
        "http:\\\\alice:canary@example.org\\", "//alice:canary@example.org/x",
        "alice:canary@example.org/x",          "ht\ttp://al\nice:can\narycanary@example.org/",
        "http://a@canary@example.org/",        "ftp://alice:canary@example.org/?q=@",
        "  http://alice:canary@example.org/",  "http:///alice:canary@example.org/",
    };
    for (const auto* url : written) {
        const auto text = without_userinfo(url);
        EXPECT_EQ(text.find("canary"), std::string::npos) << url << " -> " << text;
        EXPECT_NE(text.find("example.org"), std::string::npos) << url << " -> " << text;
    }
}

TEST(FetchF9_5, an_at_sign_that_is_no_user_stays) {
    for (const auto* url : {"http://example.org/@user/x", "http://example.org/?q=a@b",
                            "http://example.org/#a@b", "/path/a@b", "../a@b?c"})
        EXPECT_EQ(without_userinfo(url), url);
}

TEST(MatchesWildcard, a_star_is_any_run_and_case_does_not_count) {
    EXPECT_TRUE(matches_wildcard("*.Example.org", "API.example.ORG"));
    EXPECT_TRUE(matches_wildcard("*", ""));
    EXPECT_TRUE(matches_wildcard("a*b*c", "aXbbYc"));
    EXPECT_FALSE(matches_wildcard("*.example.org", "example.org"));
    EXPECT_FALSE(matches_wildcard("a*b", "acbd"));
}

}  // namespace
}  // namespace tandem::cli
