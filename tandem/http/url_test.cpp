#include <tandem/http/url.hpp>

#include <tandem/http/errors.hpp>

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace tandem::http {
namespace {

TEST(HttpH1, getters_give_the_parts_of_href) {
    const Url url("https://user:p%40ss@Example.ORG:8443/a/../b/./c?x=1&y#frag");
    EXPECT_EQ(url.href(), "https://user:p%40ss@example.org:8443/b/c?x=1&y#frag");
    EXPECT_EQ(url.scheme(), "https");
    EXPECT_EQ(url.username(), "user");
    EXPECT_EQ(url.password(), "p%40ss");
    EXPECT_EQ(url.host(), "example.org:8443");
    EXPECT_EQ(url.hostname(), "example.org");
    EXPECT_EQ(url.port(), "8443");
    EXPECT_EQ(url.port_or_default(), 8443);
    EXPECT_EQ(url.path(), "/b/c");
    EXPECT_EQ(url.query(), "x=1&y");
    EXPECT_EQ(url.fragment(), "frag");
    EXPECT_EQ(url.origin(), "https://example.org:8443");
}

TEST(HttpH1, parts_that_are_missing_are_empty) {
    const Url url("http://h");
    EXPECT_EQ(url.href(), "http://h/");
    EXPECT_EQ(url.username(), "");
    EXPECT_EQ(url.password(), "");
    EXPECT_EQ(url.port(), "");
    EXPECT_EQ(url.port_or_default(), 80);
    EXPECT_FALSE(url.has_query());
    EXPECT_FALSE(url.has_fragment());
    const Url empty("http://h?#");
    EXPECT_TRUE(empty.has_query());
    EXPECT_TRUE(empty.has_fragment());
    EXPECT_EQ(empty.query(), "");
    EXPECT_EQ(empty.fragment(), "");
    EXPECT_EQ(Url("mailto:a@b").port_or_default(), 0);
    EXPECT_EQ(Url("http://u@h").password(), "");
    EXPECT_EQ(Url("http://:p@h").password(), "p");
    EXPECT_EQ(Url("http://:p@h").username(), "");
}

TEST(HttpH1, a_relative_text_is_joined_to_its_base) {
    const Url base("http://h:81/a/b?q#f");
    EXPECT_EQ(Url("../c", base).href(), "http://h:81/c");
    EXPECT_EQ(Url("?x", base).href(), "http://h:81/a/b?x");
    EXPECT_EQ(Url("#g", base).href(), "http://h:81/a/b?q#g");
    EXPECT_EQ(Url("//other/x", base).href(), "http://other/x");
    EXPECT_EQ(Url("https://z/", base).href(), "https://z/");
    EXPECT_EQ(Url("", base).href(), "http://h:81/a/b?q");
}

TEST(HttpH1, a_bad_url_names_the_position_in_the_original_text) {
    const auto position_of = [](std::string_view text) {
        try {
            const Url url(text);
            return std::string::npos;
        } catch (const InvalidUrl& error) {
            return error.position();
        }
    };
    EXPECT_EQ(position_of("http://host:99999/"), 17U);
    EXPECT_EQ(position_of("  ht\ntp://a b/"), 10U);
    EXPECT_EQ(position_of("http://ok/"), std::string::npos);
    EXPECT_EQ(position_of("no scheme"), 0U);
    EXPECT_FALSE(Url::try_parse("http://[::1/"));
    EXPECT_THROW(Url("//h/", Url("mailto:a")), InvalidUrl);
}

TEST(HttpH1, comparing_and_hashing_are_on_href) {
    const Url a("HTTP://A/");
    const Url b("http://a");
    EXPECT_EQ(a, b);
    EXPECT_LT(a, Url("http://b"));
    EXPECT_EQ((std::unordered_set<Url>{a, b, Url("http://c")}).size(), 2U);
}

TEST(HttpH1, setters_change_one_part) {
    Url url("http://h/a?q#f");
    EXPECT_TRUE(url.set_host("o:81"));
    EXPECT_TRUE(url.set_path("x y"));
    EXPECT_TRUE(url.set_query("?a b"));
    EXPECT_TRUE(url.set_fragment(""));
    EXPECT_TRUE(url.set_scheme("https"));
    EXPECT_TRUE(url.set_username("u:"));
    EXPECT_TRUE(url.set_password("p@"));
    EXPECT_EQ(url.href(), "https://u%3A:p%40@o:81/x%20y?a%20b");
    EXPECT_FALSE(url.set_port("x"));
    EXPECT_TRUE(url.set_port("443"));
    EXPECT_FALSE(url.set_hostname("a:1"));
    EXPECT_EQ(url.host(), "o");
    EXPECT_THROW(url.set_href("rubbish"), InvalidUrl);
    EXPECT_EQ(url.host(), "o");
    url.set_href("http://new/");
    EXPECT_EQ(url.href(), "http://new/");
}

TEST(HttpH3, hosts_become_their_canonical_form) {
    EXPECT_EQ(Url("http://0x7f.1/").hostname(), "127.0.0.1");
    EXPECT_EQ(Url("http://017700000001/").hostname(), "127.0.0.1");
    EXPECT_EQ(Url("http://127.1./").host_kind(), HostKind::ipv4);
    EXPECT_EQ(Url("http://[0:0::1:0:0]/").hostname(), "[::1:0:0]");
    EXPECT_EQ(Url("http://[::FFFF:1.2.3.4]/").hostname(), "[::ffff:102:304]");
    EXPECT_EQ(Url("http://B\xc3\xbc"
                  "cher.example/")
                  .hostname(),
              "xn--bcher-kva.example");
    EXPECT_EQ(Url("http://fa\xc3\x9f.example/").hostname(), "xn--fa-hia.example");
    EXPECT_EQ(Url("http://\xe2\x98\x83.net/").hostname(), "xn--n3h.net");
    EXPECT_EQ(Url("http://a\xe3\x80\x82"
                  "b/")
                  .hostname(),
              "a.b");
    EXPECT_EQ(Url("http://%41.example/").hostname(), "a.example");
    EXPECT_EQ(Url("http://a_b-.-c/").hostname(), "a_b-.-c");
}

TEST(HttpH3, hosts_with_forbidden_bytes_are_no_hosts) {
    for (const std::string_view host : {"a%2fb",         "a b",       "a<b",         "a%00b",        "a|b",
                                        "1.2.3.4.5",     "1.2.3.256", "0x100000000", "[::1",         "[1:2]",
                                        "[::1%25eth0]",  "[1::2::3]", "[::1.2.3]",   "[::01.2.3.4]", "a%",
                                        "xn--a\xc3\xbc", "\xc2\xad",  "%",           "a.1a.08",      "xn--"})
        EXPECT_FALSE(Url::try_parse("http://" + std::string(host) + "/")) << host;
    EXPECT_FALSE(Url::try_parse("http:///"));
    EXPECT_FALSE(Url::try_parse("http://:80/"));
}

TEST(HttpH4, a_host_too_long_to_look_up_parses_but_cannot_be_fetched) {
    const auto label = std::string(63, 'a');
    const auto longest = label + "." + label + "." + label + "." + std::string(61, 'b');
    EXPECT_NO_THROW(Url("http://" + longest + "/").require_fetchable());
    EXPECT_NO_THROW(Url("http://" + longest + "./").require_fetchable());
    EXPECT_THROW(Url("http://" + longest + "b/").require_fetchable(), InvalidUrl);
    EXPECT_THROW(Url("http://" + label + "a.example/").require_fetchable(), InvalidUrl);
    EXPECT_THROW(Url("http://a..b/").require_fetchable(), InvalidUrl);
    EXPECT_NO_THROW(Url("http://[::1]/").require_fetchable());
}

TEST(HttpH5, only_http_and_https_can_be_fetched_and_the_error_says_so) {
    EXPECT_NO_THROW(Url("https://a/").require_fetchable());
    try {
        Url("ftp://user:secret@a/").require_fetchable();
        FAIL();
    } catch (const InvalidUrl& error) {
        EXPECT_NE(std::string(error.what()).find("http and https"), std::string::npos);
        EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos);
    }
}

TEST(HttpH6, request_target_and_host_header_are_as_serialised) {
    const Url url("http://u:p@\xc3\xbc.example:80/a b?c d#e");
    EXPECT_EQ(url.request_target(), "/a%20b?c%20d");
    EXPECT_EQ(url.host_header(), "xn--tda.example");
    EXPECT_EQ(Url("http://[::1]:8080").host_header(), "[::1]:8080");
    EXPECT_EQ(Url("http://[::1]:8080").request_target(), "/");
    EXPECT_EQ(Url("https://a:80/").host_header(), "a:80");
    EXPECT_EQ(Url("http://a?").request_target(), "/?");
}

TEST(HttpX41, the_host_to_look_up_has_neither_brackets_nor_a_trailing_dot) {
    EXPECT_EQ(Url("http://EXAMPLE.Co.UK./").host_for_lookup(), "example.co.uk");
    EXPECT_EQ(Url("http://[::1]/").host_for_lookup(), "::1");
    EXPECT_EQ(Url("http://1.2.3.4/").host_for_lookup(), "1.2.3.4");
}

TEST(HttpH7, params_are_appended_in_form_encoding) {
    Url url("http://h/p?a=1#f");
    url.append_param("b c", "d&e=\xc3\xa9~*");
    url.append_param("b c", "");
    EXPECT_EQ(url.href(), "http://h/p?a=1&b+c=d%26e%3D%C3%A9%7E*&b+c=#f");
    Url bare("http://h/");
    bare.append_param("x", "1");
    EXPECT_EQ(bare.href(), "http://h/?x=1");
}

TEST(HttpH9, credentials_leave_the_url_and_never_reach_an_error_text) {
    const Url url("https://user:secret@h/p");
    EXPECT_TRUE(url.has_credentials());
    EXPECT_EQ(url.without_credentials().href(), "https://h/p");
    EXPECT_FALSE(url.without_credentials().has_credentials());
    for (const std::string_view text :
         {"http://user:secret@h:99999/", "http:/\\user:secret@h ost/", "//user:secret@x",
          "http://user:se@cret@h:x/", "http://user:se/cret@h/"}) {
        try {
            const Url bad(text);
            FAIL() << text;
        } catch (const InvalidUrl& error) {
            EXPECT_EQ(std::string(error.what()).find("secret"), std::string::npos) << error.what();
            EXPECT_EQ(std::string(error.what()).find("cret@"), std::string::npos) << error.what();
        }
    }
    EXPECT_STREQ(InvalidUrl("user:secret@h/p", 0, "why").what(),
                 "'***@h/p' is no usable URL: why (position 0)");
    EXPECT_EQ(percent_decode("p%40s%s%4"), "p@s%s%4");
    EXPECT_EQ(percent_encode("a b/~\xff"), "a%20b%2F~%FF");
}

TEST(HttpH10, the_canonical_form_is_for_comparing) {
    EXPECT_EQ(Url("HTTP://EXAMPLE.org:80/%7ea?b#c").canonical(), "http://example.org/~a?b");
    EXPECT_EQ(Url("http://h/%2fa%c3%a9?b=%7e&a").canonical(), "http://h/%2Fa%C3%A9?b=~&a");
    EXPECT_EQ(Url("http://h").canonical(), "http://h/");
    EXPECT_EQ(Url("foo://h").canonical(), "foo://h/");
    EXPECT_EQ(Url("http://h/a%").canonical(), "http://h/a%");
    EXPECT_EQ(Url("http://h/x#y").without_fragment().href(), "http://h/x");
}

TEST(HttpP61, a_url_that_parses_parses_again_to_itself) {
    const std::vector<std::string> pieces = {"http:",    "file:", "foo:", "/", "//", "\\", ".",    "..",
                                             "%2e",      "C:",    "C|",   "@", ":",  "?",  "#",    "a",
                                             "\xc3\xbc", "[::1]", "80",   " ", "\t", "%",  "\xff", ""};
    std::size_t state = 12345;
    const auto next = [&state](std::size_t below) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return (state >> 33U) % below;
    };
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        for (auto count = next(9); count > 0; --count) text += pieces[next(pieces.size())];
        const auto url = Url::try_parse(text, Url("http://u@base:8/p/q?r#s"));
        if (!url) continue;
        const auto again = Url::try_parse(url->href());
        ASSERT_TRUE(again) << escape_excerpt(text) << " -> " << url->href();
        EXPECT_EQ(again->href(), url->href()) << escape_excerpt(text);
        EXPECT_EQ(again->hostname(), url->hostname()) << escape_excerpt(text);
        EXPECT_EQ(again->path(), url->path()) << escape_excerpt(text);
    }
}

}  // namespace
}  // namespace tandem::http
