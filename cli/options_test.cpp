#include <cli/option_table.hpp>
#include <cli/options.hpp>

#include <gtest/gtest.h>

#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>

using namespace std::chrono_literals;

namespace tandem::cli {
namespace {

ParsedOptions parse(std::vector<std::string> arguments) { return parse_options(arguments); }

FetchOptions good(std::vector<std::string> arguments) {
    arguments.emplace_back("http://a/");
    auto parsed = parse_options(arguments);
    EXPECT_TRUE(parsed.problems.empty()) << parsed.problems.front();
    return parsed.options;
}

/// The one problem of a command line that has exactly one.
std::string problem(std::vector<std::string> arguments) {
    arguments.emplace_back("http://a/");
    const auto problems = parse_options(arguments).problems;
    EXPECT_EQ(problems.size(), 1U) << arguments.front() << " " << arguments.at(1)
                                   << (problems.empty() ? "" : ": " + problems.back());
    return problems.empty() ? "" : problems.front();
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(FetchC1, a_value_may_follow_a_long_option_or_its_equals_sign) {
    EXPECT_EQ(good({"--concurrency", "7"}).concurrency, 7U);
    EXPECT_EQ(good({"--concurrency=7"}).concurrency, 7U);
    EXPECT_EQ(good({"-j7"}).concurrency, 7U);
    EXPECT_EQ(good({"-j", "7"}).concurrency, 7U);
}

TEST(FetchC1, short_options_bundle_and_the_last_may_bring_its_value) {
    const auto options = good({"-sSkj9"});
    EXPECT_TRUE(options.silent && options.show_error && options.insecure);
    EXPECT_EQ(options.concurrency, 9U);
    EXPECT_EQ(good({"-vv"}).verbosity, 2U);
}

TEST(FetchC1, two_dashes_end_the_options) {
    const auto parsed = parse({"-q", "--", "--limit"});
    EXPECT_TRUE(parsed.problems.empty());
    EXPECT_EQ(parsed.options.inputs.at(0).text, "--limit");
}

TEST(FetchC1, every_boolean_has_a_no_form) {
    for (const auto& row : option_table()) {
        const auto* flag = std::get_if<Flag>(&row.target);
        if (flag == nullptr || row.name == "version") continue;
        const std::string name(row.name);
        const auto parsed = parse({"--" + name, "--no-" + name, "http://a/"});
        EXPECT_TRUE(parsed.problems.empty()) << name;
        EXPECT_FALSE(parsed.options.*(flag->member)) << name;
    }
}

TEST(FetchC1, abbreviations_are_unknown_options) {
    EXPECT_TRUE(has(problem({"--concurrenc=3"}), "did you mean --concurrency?"));
}

TEST(FetchC1, an_unknown_option_names_the_nearest) {
    EXPECT_TRUE(
        has(problem({"--retyr-delay=1s"}), "unknown option --retyr-delay; did you mean --retry-delay?"));
    EXPECT_TRUE(has(problem({"--no-colour"}), "did you mean --color?"));
    EXPECT_TRUE(has(problem({"-y"}), "unknown option -y"));
}

TEST(FetchC2, letters_that_mean_different_things_exit_with_a_hint) {
    EXPECT_EQ(problem({"-O"}), "-O: names come from the URL already; see -o, -J");
    for (const auto* option : {"-c", "-n", "-t"}) EXPECT_TRUE(has(problem({option}), "see --")) << option;
    EXPECT_TRUE(has(problem({"-C", "-"}), "never continued by its size"));
}

TEST(FetchC2, what_fingers_type_anyway_changes_nothing) {
    EXPECT_EQ(good({"-Z", "--parallel", "--parallel-immediate", "-f", "--fail", "-L", "--location"}),
              good({}));
}

TEST(FetchC3, defaults_in_the_text_equal_those_in_the_code) {
    for (const auto& row : option_table()) {
        if (row.default_text.empty() || !row.alias_of.empty()) continue;
        FetchOptions options;
        std::vector<std::string> problems;
        if (const auto* flag = std::get_if<Flag>(&row.target)) {
            EXPECT_EQ(options.*(flag->member), row.default_text == "on") << row.name;
            continue;
        }
        if (row.name == "request") {
            EXPECT_EQ(method_of(options), row.default_text);
            continue;
        }
        Draft draft{options, problems, row.name, row.default_text, {}};
        apply(row, draft);
        EXPECT_TRUE(problems.empty()) << row.name << ": " << problems.front();
        EXPECT_EQ(options, FetchOptions()) << row.name;
    }
}

TEST(FetchC3, names_and_letters_are_unique_and_every_live_option_has_help) {
    std::set<std::string_view> names;
    std::set<char> letters;
    for (const auto& row : option_table()) {
        EXPECT_TRUE(row.name.empty() || names.insert(row.name).second) << row.name;
        EXPECT_TRUE(row.short_name == 0 || letters.insert(row.short_name).second) << row.short_name;
        const bool live =
            !std::holds_alternative<Later>(row.target) && !std::holds_alternative<Refused>(row.target);
        EXPECT_TRUE(!live || !row.help.empty()) << row.name;
        EXPECT_TRUE(row.alias_of.empty() || option_named(row.alias_of) != nullptr) << row.name;
    }
}

TEST(FetchC3, the_help_screen_fits_and_all_topics_name_every_live_option) {
    const auto screen = *help_text("");
    EXPECT_LE(std::count(screen.begin(), screen.end(), '\n'), 40);
    const auto all = *help_text("all");
    for (const auto& row : option_table()) {
        if (std::holds_alternative<Refused>(row.target) || row.name.empty()) continue;
        EXPECT_TRUE(has(all, "--" + std::string(row.name))) << row.name;
    }
    EXPECT_EQ(help_text("nonsense"), std::nullopt);
}

TEST(FetchC3, help_takes_a_topic_and_leaves_a_url_alone) {
    EXPECT_EQ(parse({"-h"}).options.help, "");
    EXPECT_EQ(parse({"--help", "retry"}).options.help, "retry");
    EXPECT_EQ(parse({"--help=all"}).options.help, "all");
    EXPECT_TRUE(has(parse({"--help=retyr"}).problems.at(0), "no topic"));
    EXPECT_TRUE(parse({"-h"}).problems.empty());
}

TEST(FetchC6, an_option_that_comes_later_is_refused_not_ignored) {
    for (const auto& row : option_table()) {
        if (!std::holds_alternative<Later>(row.target) || row.name == "help") continue;
        std::vector<std::string> arguments = {"--" + std::string(row.name), "http://a/"};
        if (row.takes_value()) arguments[0] += "=1";
        const auto problems = parse(arguments).problems;
        ASSERT_EQ(problems.size(), 1U) << row.name;
        EXPECT_TRUE(has(problems[0], "not in this version yet")) << problems[0];
    }
    EXPECT_TRUE(has(problem({"--no-resume"}), "not in this version yet"));
    EXPECT_TRUE(has(problem({"--no-location"}), "not in this version yet"));
    EXPECT_TRUE(has(problem({"--existing=sync"}), "not in this version yet"));
    EXPECT_TRUE(has(problem({"-b", "jar.txt"}), "not in this version yet"));
}

TEST(FetchC6, everything_that_is_wrong_is_said_at_once) {
    const auto problems = parse({"--max-time=soon", "-j", "0", "--colr", "-4", "-u", "a:b", "--oauth2-bearer",
                                 "t", "-I", "-d", "x", "--rate"})
                              .problems;
    const auto said = [&](std::string_view part) {
        return std::any_of(problems.begin(), problems.end(),
                           [&](const auto& line) { return has(line, part); });
    };
    EXPECT_TRUE(said("--max-time: \"soon\" is no duration"));
    EXPECT_TRUE(said("-j: \"0\" is no number from 1"));
    EXPECT_TRUE(said("unknown option --colr"));
    EXPECT_TRUE(said("both set Authorization"));
    EXPECT_TRUE(said("-I asks for the head"));
    EXPECT_TRUE(said("--rate: needs a value"));
    EXPECT_TRUE(said("no URL"));
    EXPECT_EQ(problems.size(), 7U);
}

TEST(FetchC6, combinations_that_contradict_each_other_are_problems) {
    const std::vector<std::vector<std::string>> contradictions = {
        {"-o", "-", "-P", "out"},
        {"-o", "-", "--flat"},
        {"-o", "{name}", "--flat"},
        {"-o", "-", "--report", "-"},
        {"-o", "-", "-R"},
        {"-I", "-X", "POST"},
        {"--json", "{}", "-d", "a=b"},
        {"--json", "{}", "-G"},
        {"-i", "-", "-i", "-"},
        {"-i", "-", "--retry-failed", "-"},
        {"--retry-failed", "r.jsonl", "-X", "PUT"},
        {"--retry-delay", "10s", "--retry-max-delay", "1s"},
        {"--burst", "5"},
        {"-s", "-q"},
        {"-s", "-v"},
        {"-o", "{nmae}"},
        {"-o", "out/"},
        {"-w", "%{nonsense}"},
        {"--base", "nonsense"},
    };
    for (const auto& arguments : contradictions) (void)problem(arguments);
}

TEST(FetchC6, report_and_body_may_not_share_stdout_also_without_o) {
    EXPECT_FALSE(parse({"http://a/", "--report", "-"}).problems.empty());
    EXPECT_TRUE(parse({"http://a/", "http://b/", "--report", "-"}).problems.empty());
    EXPECT_TRUE(parse({"http://a/", "-P", "out", "--report", "-"}).problems.empty());
}

TEST(FetchF8_1, one_url_without_globs_lists_or_names_goes_to_stdout) {
    const auto to_stdout = [](std::vector<std::string> arguments) {
        return body_goes_to_stdout(parse(arguments).options);
    };
    EXPECT_TRUE(to_stdout({"http://a/"}));
    EXPECT_TRUE(to_stdout({"-g", "http://a/[1-2]"}));
    EXPECT_TRUE(to_stdout({"http://a/", "http://b/", "-o", "-"}));
    EXPECT_FALSE(to_stdout({"http://a/", "http://b/"}));
    EXPECT_FALSE(to_stdout({"http://a/[1-2]"}));
    EXPECT_FALSE(to_stdout({"-i", "list"}));
    EXPECT_FALSE(to_stdout({"http://a/", "--flat"}));
    EXPECT_FALSE(to_stdout({"http://a/", "-P", "x"}));
}

TEST(FetchC1, limits_take_none_and_refuse_zero) {
    EXPECT_EQ(good({"--stall-timeout", "none"}).stall_timeout, std::nullopt);
    EXPECT_EQ(good({"-m", "1.5"}).max_time, 1500ms);
    EXPECT_EQ(good({"--timeout=2m"}).max_time, 2min);
    EXPECT_EQ(good({"--max-filesize", "10M"}).max_file_size_bytes, 10U << 20);
    EXPECT_EQ(good({"--max-decoded=none"}).max_decoded_bytes, std::nullopt);
    EXPECT_TRUE(has(problem({"--connect-timeout=0"}), "\"none\" means no limit"));
    EXPECT_TRUE(has(problem({"--max-filesize=0"}), "\"none\" means no limit"));
    EXPECT_EQ(good({"--grace=0"}).grace, 0ms);
}

TEST(FetchF5_1, arguments_and_lists_keep_their_order) {
    const auto inputs = parse({"http://a/", "-i", "x", "http://b/", "-i", "-"}).options.inputs;
    ASSERT_EQ(inputs.size(), 4U);
    EXPECT_EQ(inputs[1], (InputSource{InputSource::Kind::file, "x"}));
    EXPECT_EQ(inputs[2], (InputSource{InputSource::Kind::url, "http://b/"}));
    EXPECT_EQ(inputs[3].text, "-");
}

TEST(FetchF9_1, headers_are_set_removed_or_sent_empty) {
    const auto headers = good({"-H", "X-A:  one ", "-H", "Accept:", "-HX-B;"}).headers;
    ASSERT_EQ(headers.size(), 3U);
    EXPECT_EQ(headers[0], (HeaderOption{HeaderOption::Kind::set, "X-A", "one"}));
    EXPECT_EQ(headers[1], (HeaderOption{HeaderOption::Kind::remove, "Accept", ""}));
    EXPECT_EQ(headers[2], (HeaderOption{HeaderOption::Kind::empty, "X-B", ""}));
}

TEST(FetchF9_1, no_option_lets_a_line_break_into_a_head) {
    for (const auto& arguments : std::vector<std::vector<std::string>>{{"-H", "A: b\r\nC: d"},
                                                                       {"-H", "A\n: b"},
                                                                       {"-H", "no header"},
                                                                       {"-A", "x\ny"},
                                                                       {"-e", "x\ry"},
                                                                       {"-b", "a=b\nc"},
                                                                       {"--oauth2-bearer", "x\ny"},
                                                                       {"-X", "GET /x"},
                                                                       {"--header-for", "*", "A: b\nC: d"}})
        EXPECT_FALSE(has(problem(arguments), "\n"));
}

TEST(FetchF9_1, header_for_takes_a_host_and_a_header) {
    const auto rows = good({"--header-for", "*.example.org", "Authorization: t"}).headers_for_hosts;
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].host_pattern, "*.example.org");
    EXPECT_EQ(rows[0].header.value, "t");
    EXPECT_TRUE(has(parse({"--header-for", "x"}).problems.at(0), "two values"));
}

TEST(FetchF9_5, what_is_given_is_shown_without_secrets) {
    const auto parsed =
        parse({"-u", "alice:canary", "--oauth2-bearer=canary", "-b", "s=canary", "-H",
               "Authorization: canary", "-H", "X-Api-Key: canary", "--header-for", "*", "Cookie: canary",
               "-H", "X-Plain: seen", "-e", "http://a:canary@b/", "-j", "9"});
    std::string all;
    for (const auto& line : parsed.given) all += line + "\n";
    EXPECT_FALSE(has(all, "canary")) << all;
    EXPECT_TRUE(has(all, "X-Plain: seen"));
    EXPECT_TRUE(has(all, "--concurrency=9"));
    EXPECT_TRUE(has(all, "***"));
}

TEST(FetchC6, a_file_value_that_cannot_be_read_is_a_problem_with_its_path) {
    EXPECT_TRUE(has(problem({"-d", "@/nonexistent/body"}), "/nonexistent/body: No such file"));
    EXPECT_TRUE(has(problem({"-H", "@/nonexistent/h"}), "/nonexistent/h"));
}

TEST(FetchC2, data_from_a_file_loses_its_line_ends_and_raw_data_keeps_its_at_sign) {
    char path[] = "/tmp/tandem-options-XXXXXX";
    ::close(::mkstemp(path));
    std::ofstream(path) << "a=1&\r\nb=2\n";
    const auto options =
        good({"-d", std::string("@") + path, "--data-binary", std::string("@") + path, "--data-raw", "@x"});
    std::remove(path);
    ASSERT_EQ(options.data.size(), 3U);
    EXPECT_EQ(options.data[0].text, "a=1&b=2");
    EXPECT_EQ(options.data[1].text, "a=1&\r\nb=2\n");
    EXPECT_EQ(options.data[2].text, "@x");
    EXPECT_EQ(method_of(options), "POST");
}

TEST(FetchF4_1, per_host_takes_a_number_or_a_host_with_its_own) {
    const auto options = good({"--per-host", "3", "--per-host", "api.example=1", "--parallel-max-host", "4"});
    EXPECT_EQ(options.per_host, 4U);
    ASSERT_EQ(options.per_host_for.size(), 1U);
    EXPECT_EQ(options.per_host_for[0], (std::pair<std::string, unsigned>("api.example", 1)));
    (void)problem({"--per-host", "=3"});
    (void)problem({"--per-host", "x=0"});
}

TEST(FetchF4_6, tries_are_one_more_than_retries_and_the_list_can_be_changed) {
    EXPECT_EQ(good({"--tries", "1"}).retries, 0U);
    EXPECT_EQ(good({"--retry", "0"}).retries, 0U);
    (void)problem({"--tries", "0"});

    const auto changed = good({"--retry-on", "+404,-503,-reset"}).retry_on;
    EXPECT_TRUE(changed.contains_status(404) && changed.contains_status(500));
    EXPECT_FALSE(changed.contains_status(503) || changed.contains(ErrorCode::reset));
    EXPECT_TRUE(changed.contains(ErrorCode::connect_refused));

    const auto exact = good({"--retry-on", "500-504,reset"}).retry_on;
    EXPECT_TRUE(exact.contains_status(501) && exact.contains(ErrorCode::reset));
    EXPECT_FALSE(exact.contains_status(429) || exact.contains(ErrorCode::connect_refused));
    EXPECT_TRUE(has(problem({"--retry-on", "+404,nonsense"}), "nonsense"));
}

TEST(FetchC2, resolve_and_connect_to_read_curls_forms) {
    const auto options =
        good({"--resolve", "example.org:443:127.0.0.1,[::1]", "--resolve", "[::2]:80:10.0.0.1",
              "--connect-to", "a::127.0.0.1:81", "--connect-to", ":::"});
    ASSERT_EQ(options.resolve.size(), 2U);
    EXPECT_EQ(options.resolve[0], (ResolveOverride{"example.org", 443, {"127.0.0.1", "::1"}}));
    EXPECT_EQ(options.resolve[1].host, "::2");
    EXPECT_EQ(options.connect_to[0], (ConnectTo{"a", std::nullopt, "127.0.0.1", std::uint16_t{81}}));
    (void)problem({"--resolve", "example.org:443"});
    (void)problem({"--resolve", "example.org:0:1.2.3.4"});
    (void)problem({"--connect-to", "a:b"});
}

TEST(FetchF1_3, ranges_of_bytes_are_checked_before_anything_is_fetched) {
    for (const auto* range : {"0-499", "500-", "-500", "0-0,-1"}) EXPECT_EQ(good({"-r", range}).range, range);
    for (const auto* range : {"-", "5", "9-1", "a-b", ""}) (void)problem({"-r", range});
}

}  // namespace
}  // namespace tandem::cli
