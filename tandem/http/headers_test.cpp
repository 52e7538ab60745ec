#include <tandem/http/headers.hpp>

#include <tandem/http/errors.hpp>

#include <gtest/gtest.h>

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::http {
namespace {

static_assert(std::forward_iterator<Headers::Iterator>);

using Values = std::vector<std::string_view>;

TEST(HttpH11, names_ignore_case_and_keep_the_one_they_were_given) {
    const auto headers = Headers{{"Content-TYPE", "a"}};
    EXPECT_EQ(headers.get("content-type"), "a");
    EXPECT_TRUE(headers.contains("CONTENT-type"));
    EXPECT_FALSE(headers.contains("content_type"));
    EXPECT_EQ(headers[0].name, "Content-TYPE");
}

TEST(HttpH11, order_of_insertion_is_kept_and_get_gives_the_first) {
    const auto headers = Headers{{"B", "1"}, {"a", "2"}, {"b", "3"}};
    std::string all;
    for (const auto [name, value] : headers) all.append(name).append("=").append(value).append(";");
    EXPECT_EQ(all, "B=1;a=2;b=3;");
    EXPECT_EQ(headers.get("b"), "1");
    EXPECT_EQ(headers.get_all("b"), (Values{"1", "3"}));
    EXPECT_EQ(headers.get("c"), std::nullopt);
    EXPECT_EQ(headers.count("B"), 2U);
}

TEST(HttpH11, combined_joins_all_but_set_cookie) {
    const auto headers =
        Headers{{"Accept", "a"}, {"Set-Cookie", "x=1, y"}, {"accept", "b"}, {"Set-Cookie", "z=2"}};
    EXPECT_EQ(headers.combined("ACCEPT"), "a, b");
    EXPECT_EQ(headers.combined("Set-Cookie"), "x=1, y");
    EXPECT_EQ(headers.combined("none"), std::nullopt);
}

TEST(HttpH11, set_takes_the_place_of_the_first_and_removes_the_others) {
    auto headers = Headers{{"A", "1"}, {"X", "2"}, {"B", "3"}, {"x", "4"}};
    headers.set("x", "new");
    EXPECT_EQ(headers, (Headers{{"A", "1"}, {"X", "new"}, {"B", "3"}}));
    headers.set("C", "5");
    EXPECT_EQ(headers.size(), 4U);
    EXPECT_EQ(headers.remove("b"), 1U);
    EXPECT_EQ(headers.remove("b"), 0U);
    EXPECT_EQ(headers, (Headers{{"A", "1"}, {"X", "new"}, {"C", "5"}}));
}

TEST(HttpH11, views_into_itself_may_be_added_and_set) {
    auto headers = Headers{{"A", "some value"}};
    for (int i = 0; i < 100; ++i) headers.add(headers[0].name, headers[0].value);
    headers.set(headers[50].name, headers[50].value);
    EXPECT_EQ(headers, (Headers{{"A", "some value"}}));
}

TEST(HttpH11, setting_again_and_again_does_not_grow_without_bound) {
    auto headers = Headers{{"A", "1"}};
    const auto value = std::string(100, 'v');
    for (int i = 0; i < 10'000; ++i) headers.set("B", value);
    EXPECT_EQ(headers.get("A"), "1");
    EXPECT_EQ(headers.get("B"), value);
}

TEST(HttpH11, clear_keeps_capacity_and_empties) {
    auto headers = Headers{{"A", "1"}};
    headers.clear();
    EXPECT_TRUE(headers.empty());
    EXPECT_EQ(headers.get("A"), std::nullopt);
    headers.add("B", "2");
    EXPECT_EQ(headers, (Headers{{"b", "2"}}));
}

TEST(HttpH12, a_name_that_is_no_token_is_refused) {
    Headers headers;
    for (int byte = 0; byte < 256; ++byte) {
        const auto name = std::string("X") + static_cast<char>(byte);
        const bool token =
            std::string_view("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
                .find(static_cast<char>(byte)) != std::string_view::npos;
        if (token) {
            EXPECT_NO_THROW(headers.add(name, "v")) << byte;
        } else {
            EXPECT_THROW(headers.add(name, "v"), InvalidHeader) << byte;
            EXPECT_THROW(headers.set(name, "v"), InvalidHeader) << byte;
        }
    }
    EXPECT_THROW(headers.add("", "v"), InvalidHeader);
}

TEST(HttpH12, a_value_with_a_control_byte_is_refused_wherever_it_stands) {
    for (std::size_t at = 0; at < 20; ++at) {
        auto value = std::string(20, 'v');
        value[at] = '\n';
        try {
            Headers().add("X", value);
            FAIL() << at;
        } catch (const InvalidHeader& error) {
            EXPECT_EQ(error.position(), at);
            EXPECT_EQ(error.name(), "X");
            EXPECT_EQ(std::string(error.what()).find("vvv"), std::string::npos) << "values may be secret";
        }
    }
}

TEST(HttpH12, space_around_a_value_is_trimmed) { EXPECT_EQ((Headers{{"A", " \t v w\t"}}).get("A"), "v w"); }

}  // namespace
}  // namespace tandem::http
