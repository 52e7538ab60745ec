#include <tandem/http/router.hpp>

#include <tandem/http/router_internal.hpp>
#include <tandem/http/server_talk_internal.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace tandem::http {
namespace {

using talks::ask;
using talks::body_of;
using talks::field;
using talks::statuses;

Handler says(std::string text) {
    return Handler([text](Request& request) {
        auto answer = text;
        for (const auto* name : {"id", "rest", "name"}) {
            const auto value = request.path_value(name);
            if (!value.empty()) answer.append(" ").append(name).append("=").append(value);
        }
        return Response::text(answer);
    });
}

Router items() {
    Router routes;
    routes.get("/items/{id}", says("item")).post("/items/{id}", says("stored"));
    routes.get("/items/new", says("form"));
    routes.get("/items/{rest...}", says("rest"));
    routes.get("/users/{name}/items/{id}", says("user"));
    routes.get("/", says("root"));
    return routes;
}

std::string request(const std::string& method, const std::string& target) {
    return method + " " + target + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

std::string get(const std::string& target) { return body_of(ask(items(), request("GET", target))); }
std::string status(const std::string& method, const std::string& target) {
    return statuses(ask(items(), request(method, target)));
}

TEST(HttpH152, a_fixed_segment_beats_a_parameter_and_that_beats_the_rest) {
    EXPECT_EQ(get("/items/new"), "form");
    EXPECT_EQ(get("/items/7"), "item id=7");
    EXPECT_EQ(get("/items/7/parts/2"), "rest rest=7/parts/2");
    EXPECT_EQ(get("/users/ann/items/9?q=1"), "user id=9 name=ann");
}

TEST(HttpH152, a_dead_end_behind_a_fixed_segment_goes_back_to_the_parameter) {
    Router routes;
    routes.get("/a/b/c", says("fixed")).get("/{name}/b/d", says("parameter"));
    EXPECT_EQ(body_of(ask(routes, request("GET", "/a/b/d"))), "parameter name=a");
}

TEST(HttpH152, an_encoded_slash_never_makes_a_segment) {
    EXPECT_EQ(get("/items/a%2Fb"), "item id=a/b");
    EXPECT_EQ(get("/items/caf%C3%A9"), "item id=caf\xc3\xa9");
}

TEST(HttpH152, what_cannot_be_decoded_is_a_bad_request) {
    for (const auto* target : {"/items/%", "/items/%4", "/items/%zz", "/items/%00", "/items/%ff",
                               "/items/%C3", "/items/%ED%A0%80", "/items/%C0%80"}) {
        EXPECT_EQ(status("GET", target), "400") << target;
    }
}

TEST(HttpH152, dot_segments_are_resolved_before_routing_and_cannot_climb_above_the_root) {
    EXPECT_EQ(get("/x/../items/./7"), "item id=7");
    EXPECT_EQ(get("/items/x/%2e%2E/new"), "form");
    EXPECT_EQ(get("/x/.."), "root");
    EXPECT_EQ(status("GET", "/.."), "400");
    EXPECT_EQ(status("GET", "/items/../../etc"), "400");
    EXPECT_EQ(status("GET", "/%2e%2e/items/new"), "400");
}

TEST(HttpH152, an_absolute_target_is_routed_by_its_path) {
    EXPECT_EQ(body_of(ask(items(), "GET http://h/items/new?x HTTP/1.1\r\nHost: h\r\n\r\n")), "form");
    EXPECT_EQ(body_of(ask(items(), "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n")), "root");
}

TEST(HttpH152, bad_patterns_and_second_handlers_are_refused) {
    Router routes = items();
    for (const auto* pattern : {"", "items", "/{}", "/{a b}", "/{a}/{a}", "/{a...}/b", "/x{a}", "/a%20b"}) {
        EXPECT_THROW(routes.get(pattern, says("x")), std::invalid_argument) << pattern;
    }
    EXPECT_THROW(routes.get("/items/{other}", says("x")), std::invalid_argument);
    EXPECT_THROW(routes.route("CONNECT", "/", says("x")), std::invalid_argument);
    EXPECT_THROW(routes.get("/sub", Handler(items())), std::invalid_argument);
}

TEST(HttpH153, no_route_is_404_and_an_unknown_method_501) {
    EXPECT_EQ(status("GET", "/nowhere"), "404");
    EXPECT_EQ(status("BREW", "/items/7"), "501");
    EXPECT_EQ(status("BREW", "/nowhere"), "501");
}

TEST(HttpH153, another_method_is_405_and_says_which_are_allowed) {
    const auto answer = ask(items(), request("DELETE", "/items/7"));
    EXPECT_EQ(statuses(answer), "405");
    EXPECT_EQ(field(answer, "Allow"), "GET, HEAD, OPTIONS, POST");
    EXPECT_EQ(status("TRACE", "/items/7"), "405");
    EXPECT_EQ(statuses(ask(items(), "TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx")), "400");
    EXPECT_EQ(statuses(ask(items(), "CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n")), "405");
}

TEST(HttpH153, options_are_answered_with_allow) {
    const auto one = ask(items(), request("OPTIONS", "/items/7"));
    EXPECT_EQ(statuses(one), "204");
    EXPECT_EQ(field(one, "Allow"), "GET, HEAD, OPTIONS, POST");
    const auto all = ask(items(), request("OPTIONS", "*"));
    EXPECT_EQ(statuses(all), "204");
    EXPECT_EQ(field(all, "Allow"), "GET, HEAD, OPTIONS, POST");
    EXPECT_EQ(status("OPTIONS", "/nowhere"), "404");
}

TEST(HttpH153, head_runs_the_handler_of_get_and_sends_its_fields_without_the_body) {
    const auto head = ask(items(), request("HEAD", "/items/7"));
    EXPECT_EQ(statuses(head), "200");
    EXPECT_EQ(field(head, "Content-Length"), "9");
    EXPECT_EQ(body_of(head), "");
}

TEST(PathSegments, utf8_is_checked_as_the_standard_says) {
    EXPECT_TRUE(is_valid_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"));
    for (const auto* bad : {"\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5",
                            "\xe2\x82", "\xf0\x9f\x98"}) {
        EXPECT_FALSE(is_valid_utf8(bad));
    }
}

}  // namespace
}  // namespace tandem::http
