#include <cli/glob.hpp>

#include <gtest/gtest.h>

#include <limits>

namespace tandem::cli {
namespace {

std::vector<std::string> all_of(std::string_view pattern) {
    std::vector<std::string> urls;
    UrlGlob glob(pattern);
    while (auto match = glob.next()) urls.push_back(match->url);
    return urls;
}

using Urls = std::vector<std::string>;

TEST(FetchF5_6, braces_ranges_letters_and_steps_expand_as_in_curl) {
    EXPECT_EQ(all_of("http://{a,b}.org/"), (Urls{"http://a.org/", "http://b.org/"}));
    EXPECT_EQ(all_of("x[1-3]"), (Urls{"x1", "x2", "x3"}));
    EXPECT_EQ(all_of("x[08-11]"), (Urls{"x08", "x09", "x10", "x11"}));
    EXPECT_EQ(all_of("x[01-09:4]"), (Urls{"x01", "x05", "x09"}));
    EXPECT_EQ(all_of("x[a-e:2]"), (Urls{"xa", "xc", "xe"}));
    EXPECT_EQ(all_of("{a,}x"), (Urls{"ax", "x"}));
    EXPECT_EQ(all_of("plain"), Urls{"plain"});
}

TEST(FetchF5_6, the_last_pattern_turns_fastest) {
    EXPECT_EQ(all_of("{a,b}/[1-2]"), (Urls{"a/1", "a/2", "b/1", "b/2"}));
}

TEST(FetchF5_6, captures_tell_what_each_pattern_stood_for) {
    UrlGlob glob("http://{one,two}/[07-08].png");
    (void)glob.next();
    const auto second = glob.next();
    EXPECT_EQ(second->captures, (std::vector<std::string>{"one", "08"}));
}

TEST(FetchF5_6, a_backslash_takes_the_meaning_away) {
    EXPECT_EQ(all_of(R"(a\{b\}\[1-2\])"), Urls{"a{b}[1-2]"});
    EXPECT_EQ(all_of(R"({a\,b,c\}})"), (Urls{"a,b", "c}"}));
}

TEST(FetchF5_6, an_ipv6_address_keeps_its_brackets) {
    EXPECT_EQ(all_of("http://[::1]:80/[1-2]"), (Urls{"http://[::1]:80/1", "http://[::1]:80/2"}));
    EXPECT_FALSE(has_globs("http://[2001:db8::7]/x"));
    EXPECT_TRUE(has_globs("http://[::1]/[1-2]"));
}

TEST(FetchF5_6, a_hundred_million_urls_are_made_one_by_one) {
    UrlGlob glob("http://h/[1-100000000]");
    EXPECT_EQ(glob.count(), 100'000'000U);
    EXPECT_EQ(glob.next()->url, "http://h/1");
    EXPECT_EQ(glob.next()->url, "http://h/2");
}

TEST(FetchF5_6, numbers_at_the_end_of_64_bits_neither_overflow_nor_repeat) {
    EXPECT_EQ(all_of("[18446744073709551614-18446744073709551615]"),
              (Urls{"18446744073709551614", "18446744073709551615"}));
    EXPECT_EQ(all_of("[18446744073709551610-18446744073709551615:4]").size(), 2U);
    EXPECT_EQ(UrlGlob("[0-18446744073709551615]{a,b}").count(), std::numeric_limits<std::uint64_t>::max());
}

TEST(FetchF5_6, what_cannot_be_read_says_where_and_how_to_do_without) {
    for (const auto* pattern : {"{a", "a}", "[1-", "[1]", "[]", "{}", "[9-1]", "[a-9]", "[a-Z]", "[1-5:0]",
                                "[1-5:x]", "{a,{b}}", "[1-99999999999999999999]"}) {
        try {
            UrlGlob glob(pattern);
            ADD_FAILURE() << pattern << " was accepted";
        } catch (const GlobError& error) {
            const std::string text = error.what();
            EXPECT_NE(text.find("column"), std::string::npos) << text;
            EXPECT_NE(text.find("-g"), std::string::npos) << text;
        }
    }
}

TEST(FetchF9_5, a_glob_that_fails_does_not_quote_the_password) {
    try {
        UrlGlob glob("http://alice:canary@example.org/[9-1]");
        FAIL();
    } catch (const GlobError& error) {
        EXPECT_EQ(std::string(error.what()).find("canary"), std::string::npos);
    }
}

}  // namespace
}  // namespace tandem::cli
