// The public cases of the web platform tests, from Debian's librust-url-dev where it is installed.
#include <tandem/http/errors.hpp>
#include <tandem/http/url.hpp>

#include <gtest/gtest.h>
#include <boost/json.hpp>
#include <boost/json/src.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>

namespace tandem::http {
namespace {

namespace json = boost::json;

/// The file in $TANDEM_URL_VECTORS, or where Debian puts it.
std::filesystem::path vector_file(std::string_view name) {
    if (const char* folder = std::getenv("TANDEM_URL_VECTORS")) return std::filesystem::path(folder) / name;
    const auto registry = std::filesystem::path("/usr/share/cargo/registry");
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(registry, error)) {
        const auto file = entry.path() / "tests" / name;
        if (entry.path().filename().string().starts_with("url-") && std::filesystem::exists(file, error))
            return file;
    }
    return {};
}

/// Boost.JSON refuses lone surrogates, which the standard's strings turn into U+FFFD before parsing.
std::string without_lone_surrogates(std::string text) {
    const auto unit_at = [&text](std::size_t at) -> unsigned {
        if (text.compare(at, 2, "\\u") != 0 || at + 6 > text.size()) return 0;
        return static_cast<unsigned>(std::stoul(text.substr(at + 2, 4), nullptr, 16));
    };
    const auto is_high = [](unsigned unit) { return unit >= 0xd800 && unit < 0xdc00; };
    const auto is_low = [](unsigned unit) { return unit >= 0xdc00 && unit < 0xe000; };
    for (auto at = text.find("\\u"); at != std::string::npos; at = text.find("\\u", at)) {
        const auto unit = unit_at(at);
        if (is_high(unit) && is_low(unit_at(at + 6))) {
            at += 12;
            continue;
        }
        if (is_high(unit) || is_low(unit)) text.replace(at + 2, 4, "FFFD");
        at += 6;
    }
    return text;
}

json::value read_json(const std::filesystem::path& file) {
    auto stream = std::ifstream(file, std::ios::binary);
    return json::parse(without_lone_surrogates(std::string(std::istreambuf_iterator<char>(stream), {})));
}

std::string text_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string());
}

std::string with_mark(char mark, std::string_view text) {
    return text.empty() ? "" : mark + std::string(text);
}

/// The getter that the standard calls `name`.
std::string get(const Url& url, std::string_view name) {
    if (name == "href") return url.href();
    if (name == "origin") return url.origin();
    if (name == "protocol") return std::string(url.scheme()) + ":";
    if (name == "username") return std::string(url.username());
    if (name == "password") return std::string(url.password());
    if (name == "host") return std::string(url.host());
    if (name == "hostname") return std::string(url.hostname());
    if (name == "port") return std::string(url.port());
    if (name == "pathname") return std::string(url.path());
    if (name == "search") return with_mark('?', url.query());
    if (name == "hash") return with_mark('#', url.fragment());
    ADD_FAILURE() << "no getter is called " << name;
    return {};
}

void set(Url& url, std::string_view name, std::string_view value) {
    if (name == "protocol") {
        // The setter takes what stands before the first ':'.
        url.set_scheme(value.substr(0, value.find(':')));
    } else if (name == "username") {
        url.set_username(value);
    } else if (name == "password") {
        url.set_password(value);
    } else if (name == "host") {
        url.set_host(value);
    } else if (name == "hostname") {
        url.set_hostname(value);
    } else if (name == "port") {
        url.set_port(value);
    } else if (name == "pathname") {
        url.set_path(value);
    } else if (name == "search") {
        url.set_query(value);
    } else if (name == "hash") {
        url.set_fragment(value);
    } else {
        ADD_FAILURE() << "no setter is called " << name;
    }
}

/// Where the living standard has moved on since the files were made: what the test does to the href it gives
/// now.
const std::map<std::string, std::string>& newer_results() {
    static const std::map<std::string, std::string> results = {
        // '^' joined the path percent-encode set: https://github.com/whatwg/url/pull/846
        {R"(parse foo://host/ !"$%&'()*+,-./:;<=>@[\]^_`{|}~)",
         R"(foo://host/%20!%22$%&'()*+,-./:;%3C=%3E@[\]%5E_%60%7B|%7D~)"},
        {R"(parse wss://host/ !"$%&'()*+,-./:;<=>@[\]^_`{|}~)",
         R"(wss://host/%20!%22$%&'()*+,-./:;%3C=%3E@[/]%5E_%60%7B|%7D~)"},
        {std::string(
             "pathname of a:/ to \0\x01\t\n\r\x1f !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~\x7f\xc2\x80"
             "\xc2\x81\xc3\x89\xc3\xa9",
             73),
         "a:/%00%01%1F%20!%22%23$%&'()*+,-./"
         "09:;%3C=%3E%3F@AZ[\\]%5E_%60az%7B|%7D~%7F%C2%80%C2%81%C3%89%C3%A9"},
        // A host name with a ':' is ignored as a whole: https://github.com/whatwg/url/pull/604
        {"hostname of http://example.net/path to example.com:8080", "http://example.net/path"},
        {"hostname of http://example.net:8080/path to example.com:", "http://example.net:8080/path"},
        // Empty segments of file URLs are kept: https://url.spec.whatwg.org/#path-state
        {"pathname of file://monkey/ to \\\\", "file://monkey//"},
        {"pathname of file:///unicorn to //\\/", "file://////"},
        {"pathname of file:///unicorn to //monkey/..//", "file://///"},
    };
    return results;
}

/// Whether the case is one of those; then it is checked here.
bool is_newer(const std::string& what, const Url& url) {
    const auto newer = newer_results().find(what);
    if (newer == newer_results().end()) return false;
    EXPECT_EQ(url.href(), newer->second) << what;
    return true;
}

std::optional<Url> parse_case(const json::object& test) {
    const auto base_text = text_at(test, "base");
    if (base_text.empty()) return Url::try_parse(text_at(test, "input"));
    const auto base = Url::try_parse(base_text);
    if (!base) return std::nullopt;
    return Url::try_parse(text_at(test, "input"), *base);
}

TEST(HttpH2, every_public_url_case_parses_as_the_standard_says) {
    const auto file = vector_file("urltestdata.json");
    if (file.empty()) GTEST_SKIP() << "urltestdata.json is missing: apt-get install librust-url-dev";
    int cases = 0;
    int failures = 0;
    const auto vectors = read_json(file);
    for (const auto& value : vectors.as_array()) {
        if (!value.is_object()) continue;  // a comment
        const auto& test = value.get_object();
        ++cases;
        const auto where =
            "input " + json::serialize(test.at("input")) + " base '" + text_at(test, "base") + "'";
        const auto url = parse_case(test);
        if (test.contains("failure")) {
            ++failures;
            EXPECT_FALSE(url) << where << " parses as " << url->href();
            continue;
        }
        if (!url) {
            ADD_FAILURE() << where << " should parse as " << text_at(test, "href");
            continue;
        }
        if (is_newer("parse " + text_at(test, "input"), *url)) continue;
        for (const auto& [key, expected] : test) {
            if (key == "input" || key == "base" || key == "comment" || key == "searchParams") continue;
            EXPECT_EQ(get(*url, key), std::string(expected.as_string())) << where << " " << key;
        }
    }
    EXPECT_GE(cases, 687);
    EXPECT_GE(failures, 240);
}

TEST(HttpH2, every_public_setter_case_changes_the_url_as_the_standard_says) {
    const auto file = vector_file("setters_tests.json");
    if (file.empty()) GTEST_SKIP() << "setters_tests.json is missing: apt-get install librust-url-dev";
    int cases = 0;
    const auto vectors = read_json(file);
    for (const auto& [attribute, tests] : vectors.as_object()) {
        if (attribute == "comment") continue;
        for (const auto& value : tests.as_array()) {
            const auto& test = value.as_object();
            ++cases;
            const auto where =
                std::string(attribute) + " of " + text_at(test, "href") + " to " + text_at(test, "new_value");
            auto url = Url::try_parse(text_at(test, "href"));
            if (!url) {
                ADD_FAILURE() << where << ": the URL should parse";
                continue;
            }
            set(*url, attribute, text_at(test, "new_value"));
            if (is_newer(where, *url)) continue;
            for (const auto& [key, expected] : test.at("expected").as_object())
                EXPECT_EQ(get(*url, key), std::string(expected.as_string())) << where << ": " << key;
        }
    }
    EXPECT_GE(cases, 198);
}

}  // namespace
}  // namespace tandem::http
